import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { OutboxWorld } from '../integration/outbox-parts.ts';
import { subscribed } from '../integration/spine-parts.ts';
import { freePort } from '../services/ports.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(400_000);

const CODES = 5;
const LEASE_MS = 6_000;
/** A broker that does not answer for so long has what was read, or the breaker keeps it back, ms. */
const UNDER_WAY_MS = 4_000;
const QUEUED_MS = 20_000;
/** Between the simulator's clock and the socket. */
const WITHIN_MS = 200;
const NONE = { missing: [], repeated: [], twice: [] };

let redis: RedisServer;
let world: OutboxWorld;

beforeAll(async () => {
  redis = await startRedis();
  // Ids over REST as the socket's, others, and single fills of what the socket merges.
  world = await OutboxWorld.start(['upbit', 'bithumb', 'okx'], {
    ...{ codes: CODES, rowsPerS: 200, flags: ['--set', `state.lease_ms=${LEASE_MS}`] },
    env: { REDIS_URL: redis.url },
  });
}, 180_000);

afterAll(async () => {
  await world?.end();
  await redis?.discard();
});

/**
 * Two collectors while the broker is frozen; the first is away for longer than its leases live, and comes back with rows on its disk.
 * @param frozenMs before: so long that messages wait in the first one's own queue, or that they are under way in its client
 * @param away the first goes
 * @param back it comes, at once after the broker
 */
async function takenOver(frozenMs: number, away: () => unknown, back: () => unknown): Promise<void> {
  const first = world.begin();
  const port = await freePort();
  await Bun.sleep(100);
  await subscribed(world.simulator, CODES);
  const other = world.beside('two', port);
  const urls = [world.url, `http://127.0.0.1:${port}`];
  await Bun.sleep(5_000);
  world.kafka.pause();
  // What is received now lies on disk alone.
  await Bun.sleep(frozenMs);
  await away();
  await Bun.sleep(LEASE_MS + 4_000);
  world.kafka.resume();
  await back();
  await Bun.sleep(5_000);
  expect(await world.settled(urls, 200_000)).toEqual([]);
  const life = world.lives.at(-1);
  if (life) life.to = Date.now();
  const codes = [(await world.collector?.stop())?.code, (await other.stop()).code];
  const { missing, repeated, twice, ...counts } = await world.verdict(WITHIN_MS);
  const { sent, fetched, lateOf } = counts;
  console.log(`outbox takeover: ${JSON.stringify({ codes, sent, fetched, lateOf })}`);
  if (missing.length + repeated.length + twice.length > 0) console.log((await first.said).slice(-4_000));
  expect({ missing, repeated, twice }).toEqual(NONE);
  expect(codes).toEqual([0, 0]);
  // It was fetched what the first had on its disk.
  expect(fetched).toBeGreaterThan(300);
}

test('another takes over while the broker is frozen from one that was killed: each trade is kept once', () =>
  takenOver(
    UNDER_WAY_MS,
    () => world.kill(),
    () => world.begin(),
  ));

test.each([UNDER_WAY_MS, QUEUED_MS])(
  'another takes over from one that stood still, the broker frozen %d ms before, and that goes on: each trade is kept once',
  (frozenMs) =>
    takenOver(
      frozenMs,
      () => world.collector?.pause(),
      () => world.collector?.resume(),
    ),
);
