import { describe, expect, test } from 'bun:test';
import { SharedOpens } from '../../src/application/streams/shared-opens.ts';
import { redisBreakers } from '../../src/infra/redis/breakers.ts';
import type { RunCommand } from '../../src/infra/redis/connection.ts';
import { redisCollectors, redisLeases } from '../../src/infra/redis/leases.ts';
import { redisOpens } from '../../src/infra/redis/opens.ts';
import { ManualClock } from './manual-clock.ts';

/** What somebody else's hand has left under our keys, or whoever answers at Redis' address. */

const NONSENSE = [
  '',
  'OK',
  '{',
  '{}',
  '[]',
  'null',
  '7',
  '"text"',
  '{"state":"ajar"}',
  '{"untilMs":"soon"}',
  {},
  [],
  -5,
  1.5,
  Number.NaN,
];
const answering =
  (answer: unknown): RunCommand =>
  async () =>
    answer;
const SHARD = { exchange: 'upbit', request_type: 'trade', shard: 0 } as const;

describe.each(NONSENSE.map((answer) => [answer]))('an answer of %j', (answer) => {
  const run = answering(answer);

  test('is no fence: a lease that bears none is not taken', async () => {
    const leases = redisLeases(run, 'kcs:', 'nudge');
    if (answer !== '7')
      await expect(leases.acquire([SHARD], 'a', 1000, [])).rejects.toMatchObject({
        code: 'redis_unavailable',
      });
    const holders = redisLeases(answering([`a|${String(answer)}`]), 'kcs:', 'nudge').holders([SHARD]);
    if (answer !== '7') await expect(holders).rejects.toMatchObject({ code: 'redis_unavailable' });
  });

  test('says nothing of how far the last holder got', async () => {
    const leases = redisLeases(answering(['9', answer]), 'kcs:', 'nudge');
    expect(await leases.acquire([SHARD], 'a', 1000, [])).toEqual([
      { lease: { shard: SHARD, collector: 'a', fence: 9 }, before: null, last: null, beside: [] },
    ]);
  });

  test('is no collector, no ban, and a breaker that is closed', async () => {
    const collectors = redisCollectors(
      async (command) => (command === 'SMEMBERS' ? ['a'] : [answer]),
      'kcs:',
      'nudge',
      () => true,
    );
    expect(await collectors.alive()).toEqual([]);
    expect(await redisOpens(run, 'kcs:').lastShutOut('host')).toBeNull();
    expect((await redisBreakers(run, 'kcs:').read(['host']))[0]).toMatchObject({
      host: 'host',
      state: 'closed',
    });
  });

  test('is no time to wait: the socket opens by what the process remembers', async () => {
    const opens = new SharedOpens(redisOpens(run, 'kcs:'), 'here', new ManualClock());
    const { waitMs } = await opens.take('host', [{ count: 1, perMs: 10_000 }]);
    expect(waitMs).toBe(answer === '7' ? 7 : 0);
  });
});
