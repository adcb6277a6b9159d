import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { outage } from '../integration/outbox-outage.ts';
import { OutboxWorld } from '../integration/outbox-parts.ts';
import { subscribed } from '../integration/spine-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(300_000);

const AWAY_MS = 45_000;
const CODES = 40;
/** As much as the load of some ten seconds weighs. */
const BUDGET = 16 * 1024 * 1024;
const MIB_MORE = 60;

const NONE = { missing: [], repeated: [], doubled: [], disordered: [] };

let world: OutboxWorld;

beforeAll(async () => {
  world = await OutboxWorld.start(['upbit', 'binance'], {
    ...{ codes: CODES, rowsPerS: 1_500 },
    flags: ['--set', `budget.bytes=${BUDGET}`],
  });
}, 180_000);

afterAll(() => world?.end());

test('brokers away for many times what memory holds: nothing is paused, memory stands, all of it follows in order', async () => {
  world.begin();
  await subscribed(world.simulator, CODES);
  await Bun.sleep(3_000);
  const seen = await outage(world, AWAY_MS);
  console.log(`outbox outage: ${JSON.stringify(seen)}`);
  expect(seen.paused).toBe(0);
  expect(seen.used).toBeLessThan(0.75);
  expect(seen.mostMiB - seen.settledMiB).toBeLessThan(MIB_MORE);
  expect(seen.onDisk).toBeGreaterThan(5_000);
  expect(seen.spilled).toBe(seen.readBack);
  const life = world.lives.at(-1);
  if (life) life.to = Date.now();
  expect((await world.collector?.stop())?.code).toBe(0);
  const { missing, repeated, doubled, disordered, ...counts } = await world.verdict(200);
  console.log(`outbox outage: ${JSON.stringify(counts)}`);
  expect({ missing, repeated, doubled, disordered }).toEqual(NONE);
  expect(counts.late).toBe(0);
  // What was acknowledged after the disk is in the figures too.
  expect(seen.pending).toBeLessThan(3_000);
});
