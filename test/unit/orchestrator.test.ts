import { expect, test } from 'bun:test';
import { Orchestrator, type OrchestratorDeps } from '../../src/application/streams/orchestrator.ts';
import { Fault } from '../../src/common/errors.ts';
import { createLog } from '../../src/common/log.ts';
import { type DesiredStream, emptyStream } from '../../src/core/desired/stream.ts';
import { memoryStore } from '../../src/infra/memory/store.ts';
import { ManualClock } from './manual-clock.ts';

const KEY = { exchange: 'upbit', request_type: 'trade' } as const;

function version(number: number, code: string): DesiredStream {
  return { ...emptyStream(KEY), version: number, codes: [code], shards: [[code]] };
}

/** An orchestrator whose streams never begin: what it wants is what is looked at. */
async function started(away = false) {
  const clock = new ManualClock();
  const stored = { current: version(5, 'KRW-BTC') as DesiredStream | null, away };
  const store = memoryStore(clock);
  const deps = {
    clock,
    log: createLog('silent', false),
    desired: {
      ...store.desired,
      read: async () => stored.current,
      readAll: async () => {
        if (stored.away) throw new Fault('redis_unavailable', 'store', 'It is away.', 'Wait.');
        return stored.current ? [stored.current] : [];
      },
      write: async (expected: number, after: DesiredStream) => {
        if ((stored.current?.version ?? 0) !== expected) return 'outdated';
        stored.current = after;
        return 'written';
      },
      onNudge: () => () => {},
    },
    leases: null,
    reporter: { error: () => {} },
    pollMs: 5000,
    keys: [KEY],
    exchange: () => new Promise(() => {}),
  } as unknown as OrchestratorDeps;
  const orchestrator = new Orchestrator(deps);
  await orchestrator.start();
  return { orchestrator, clock, stored };
}

test('a store that comes back empty, or with an older record, is not believed: what runs is written back', async () => {
  const { orchestrator, clock, stored } = await started();
  for (const lost of [null, version(1, 'KRW-ETH')]) {
    stored.current = lost;
    await clock.advance(5000);
    expect(orchestrator.desired(KEY)).toMatchObject({ version: 5, codes: ['KRW-BTC'] });
    expect(stored.current).toMatchObject({ version: 5, codes: ['KRW-BTC'] });
  }
});

test('an older version that was only overtaken on its way changes nothing', async () => {
  const { orchestrator, clock, stored } = await started();
  void orchestrator.want(version(6, 'KRW-ETH'));
  const old = version(5, 'KRW-BTC');
  let reads = 0;
  // The list is read before the write of version 6 lands, the second look after it.
  Object.defineProperty(stored, 'current', { get: () => (reads++ < 2 ? old : version(6, 'KRW-ETH')) });
  await clock.advance(5000);
  expect(orchestrator.desired(KEY)).toMatchObject({ version: 6, codes: ['KRW-ETH'] });
});

test('what shall run is known once the store was read, not before; and stays known while it is away', async () => {
  const { orchestrator, clock, stored } = await started(true);
  expect([orchestrator.informed, orchestrator.idle()]).toEqual([false, []]);
  await clock.advance(4999);
  stored.away = false;
  expect(orchestrator.informed).toBe(false);
  await clock.advance(1);
  expect(orchestrator.informed).toBe(true);
  expect(orchestrator.idle()).toMatchObject([{ exchange: 'upbit', symbols: ['KRW-BTC'] }]);
  stored.away = true;
  await clock.advance(5000);
  expect(orchestrator.informed).toBe(true);
});
