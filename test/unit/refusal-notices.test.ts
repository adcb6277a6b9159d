import { expect, test } from 'bun:test';
import { refusalNotices } from '../../src/application/reporting/refusal-notices.ts';
import type { ErrorScope } from '../../src/application/reporting/reporter.ts';
import type { Fault } from '../../src/common/errors.ts';
import type { StreamEvent } from '../../src/core/events.ts';
import { coin } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';
import { UPBIT_TRADES } from './metrics-rig.ts';

function rig() {
  const clock = new ManualClock();
  const events: StreamEvent[] = [];
  const errors: string[] = [];
  const reporter = {
    tell: (event: StreamEvent) => void events.push(event),
    error: (fault: Fault, { code }: ErrorScope) => void errors.push(`${fault.code} ${code}`),
  };
  return { clock, events, errors, notices: refusalNotices(UPBIT_TRADES, reporter, clock, () => 'order-1') };
}

test('a refusal is told at once, with an error for each code; its end too', async () => {
  const { clock, events, errors, notices } = rig();
  notices.refused(0, [coin('A'), coin('B')], { kind: 'refused', reason: 'no such market' });
  const listed = (symbol: string) => ({ symbol, code: `KRW-${symbol}` });
  expect(events).toEqual([
    {
      kind: 'state',
      target: UPBIT_TRADES,
      correlationId: 'order-1',
      reason: 'no such market',
      detail: { shard: 0, refused: [listed('A'), listed('B')] },
    },
  ]);
  expect(errors).toEqual(['subscription_refused KRW-A', 'subscription_refused KRW-B']);
  await clock.advance(5000);
  notices.served(0, coin('A'));
  expect(events[1]).toMatchObject({
    state: 'live',
    reason: null,
    detail: { shard: 0, served: [listed('A')] },
  });
});

test('a code that was never answered is unconfirmed, one without room is no error', () => {
  const { events, errors, notices } = rig();
  notices.refused(0, [coin('A')], { kind: 'unconfirmed', reason: 'never confirmed' });
  notices.refused(0, [coin('B')], { kind: 'full', reason: 'subscribe: limit' });
  notices.flush();
  expect(events.map(({ detail }) => Object.keys(detail ?? {})[1])).toEqual(['unconfirmed', 'no_room']);
  expect(errors).toEqual(['subscription_unconfirmed KRW-A']);
});

test('200 codes that are refused one by one and come back are two events each way', async () => {
  const { clock, events, notices } = rig();
  const symbols = Array.from({ length: 200 }, (_, i) => `S${i}`);
  for (const symbol of symbols)
    notices.refused(0, [coin(symbol)], { kind: 'refused', reason: 'maintenance' });
  await clock.advance(10_000);
  for (const symbol of symbols) notices.served(0, coin(symbol));
  await clock.advance(10_000);
  const counts = events.map(({ detail }) =>
    [detail?.refused, detail?.served].map((list) => (list as unknown[] | undefined)?.length),
  );
  expect(counts).toEqual([
    [1, undefined],
    [199, undefined],
    [undefined, 1],
    [undefined, 199],
  ]);
});

test('20,000 refusals that name nothing are a handful of events, which count the others', async () => {
  const { clock, events, notices } = rig();
  for (let i = 0; i < 20_000; i++) {
    notices.refused(0, [], { kind: 'refused', reason: i % 2 ? 'Invalid Topic' : `error ${i}` });
    if (i % 100 === 0) await clock.advance(1000);
  }
  await clock.advance(120_000);
  expect(events.length).toBeLessThan(60);
  const counted = events.reduce(
    (sum, { detail }) => sum + 1 + Number(detail?.repeated ?? 0) + Number(detail?.others ?? 0),
    0,
  );
  expect(counted).toBe(20_000);
});

test('a code that is refused and served in turn without end is told once a minute in the end', async () => {
  const { clock, events, notices } = rig();
  for (let second = 0; second < 3600; second++) {
    for (let i = 0; i < 10; i++) {
      notices.refused(0, [coin('A')], { kind: 'refused', reason: 'no' });
      notices.served(0, coin('A'));
    }
    await clock.advance(1000);
  }
  expect(events.length).toBeLessThan(75);
  notices.flush();
  expect(clock.pending).toBe(0);
});
