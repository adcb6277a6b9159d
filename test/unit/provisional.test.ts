import { describe, expect, test } from 'bun:test';
import { Provisional } from '../../src/application/leases/provisional.ts';
import { Fault } from '../../src/common/errors.ts';
import { createLog } from '../../src/common/log.ts';
import { ManualClock } from './manual-clock.ts';

const SHARDS = [0, 1].map((shard) => ({
  exchange: 'upbit',
  request_type: 'trade' as const,
  shard,
  version: 1,
  symbols: [`C${shard}`],
}));
const FULL = "OOM command not allowed when used memory > 'maxmemory'.";

function made(over: { refusal?: string | null; others?: number | null; held?: boolean } = {}) {
  const clock = new ManualClock();
  const state = { refusal: FULL as string | null, others: 0 as number | null, held: false, ...over };
  const faults: Fault[] = [];
  const provisional = new Provisional({
    leases: {
      provisional: async (shards, collector, above) =>
        shards.map((shard, at) =>
          state.held && at === 0
            ? null
            : { lease: { shard, collector, fence: above + 1 + at }, before: null, last: null, beside: [] },
        ),
    },
    collectors: {
      others: async () => {
        if (state.others === -1) throw new Fault('redis_unavailable', 'x', 'NOPERM', '');
        return state.others;
      },
    },
    clock,
    log: createLog('silent', false),
    id: 'me',
    refusal: () => state.refusal,
    onFault: (fault) => faults.push(fault),
  });
  /** Looks once a second, as whoever finds the store away does. */
  const look = async (seconds: number): Promise<number> => {
    let taken = 0;
    for (let second = 0; second < seconds; second++) {
      taken += (await provisional.take(SHARDS, 100)).length;
      await clock.advance(1000);
    }
    return taken;
  };
  return { provisional, state, faults, look };
}

describe('shards without a lease', () => {
  test('are taken where nobody else is seen for a while, above every fence, and told', async () => {
    const { provisional, faults, look } = made();
    expect(await look(10)).toBe(0);
    const taken = await provisional.take(SHARDS, 100);
    expect(taken.map(([{ shard }, { lease }]) => [shard, lease.fence])).toEqual([
      [0, 101],
      [1, 102],
    ]);
    expect(faults[0]?.message).toContain('upbit|trade|0, upbit|trade|1');
    expect(provisional.has(101)).toBe(true);
    provisional.over();
    expect(provisional.has(101)).toBe(false);
  });

  test.each([
    ['another collector listens', { others: 1 }],
    ['it cannot be seen who does', { others: null }],
    ['asking who does is forbidden', { others: -1 }],
    [
      'the store may have been replaced',
      { refusal: "READONLY You can't write against a read only replica." },
    ],
    ['the store has lost its replicas', { refusal: 'NOREPLICAS Not enough good replicas to write.' }],
    ['the store is silent', { refusal: null }],
  ])('are not taken where %s', async (_name, over) => {
    const { faults, look } = made(over);
    expect(await look(60)).toBe(0);
    expect(faults).toEqual([]);
  });

  test.each([
    ['MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.'],
    ["NOPERM User default has no permissions to run the 'eval' command"],
    ["ERR The user executing the script can't run this command or subcommand script: 1"],
  ])('are taken where the store says %p', async (refusal) => {
    expect(await made({ refusal }).look(12)).toBeGreaterThan(0);
  });

  test('that another holds stay there, and one who comes meanwhile begins the wait anew', async () => {
    const { state, look } = made({ held: true });
    expect(await look(9)).toBe(0);
    state.others = 1;
    expect(await look(1)).toBe(0);
    state.others = 0;
    expect(await look(10)).toBe(0);
    expect(await look(1)).toBe(1);
  });
});
