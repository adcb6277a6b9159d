import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { type BrokerIs, OutboxWorld } from '../integration/outbox-parts.ts';
import { subscribed } from '../integration/spine-parts.ts';
import { randomOf } from '../unit/random.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(300_000);

const SEED = Number(process.env.KCS_SEED ?? Date.now() % 1_000_000_007);
const KILLS: readonly BrokerIs[] = ['up', 'frozen', 'away', 'up'];
/** Between the simulator's clock and the socket. */
const WITHIN_MS = 200;

const NONE = { missing: [], repeated: [], doubled: [], disordered: [] };

let world: OutboxWorld;

beforeAll(async () => {
  world = await OutboxWorld.start(['upbit', 'binance'], { codes: 6, rowsPerS: 400 });
}, 180_000);

afterAll(() => world?.end());

test(`kill -9 with the broker up, frozen or away: every trade that was read is in Kafka once (seed ${SEED})`, async () => {
  const random = randomOf(SEED);
  world.begin();
  await subscribed(world.simulator, 6);
  for (const broker of KILLS) {
    await Bun.sleep(2_000 + random() * 2_000);
    if (broker === 'frozen') world.kafka.pause();
    if (broker === 'away') await world.kafka.kill9();
    if (broker !== 'up') await Bun.sleep(1_000 + random() * 2_000);
    await world.kill();
    if (broker === 'frozen') world.kafka.resume();
    if (broker === 'away') await world.kafka.restart();
    world.begin();
  }
  await Bun.sleep(5_000);
  const life = world.lives.at(-1);
  if (life) life.to = Date.now();
  expect((await world.collector?.stop())?.code).toBe(0);
  const found = await world.verdict(WITHIN_MS);
  const { missing, repeated, doubled, disordered, ...counts } = found;
  console.log(`outbox kills: ${JSON.stringify(counts)}`);
  expect({ missing, repeated, doubled, disordered }).toEqual(NONE);
  expect(found.sent).toBeGreaterThan(2_000);
});
