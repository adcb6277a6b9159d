import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { OutboxWorld } from './outbox-parts.ts';
import { subscribed } from './spine-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(300_000);

const CODES = 4;
const NONE = { missing: [], repeated: [], doubled: [], disordered: [] };

let world: OutboxWorld;

beforeAll(async () => {
  world = await OutboxWorld.start(['upbit'], {
    ...{ codes: CODES, rowsPerS: 200 },
    flags: ['--set', 'shutdown.timeout_ms=3000'],
  });
}, 180_000);

afterAll(() => world?.end());

test('stopped while the broker is frozen: exit 69 with the count, nothing is lost, the next start sends it', async () => {
  const first = world.begin();
  await subscribed(world.simulator, CODES);
  await Bun.sleep(2_000);
  world.kafka.pause();
  await Bun.sleep(1_500);
  const life = world.lives.at(-1);
  if (life) life.to = Date.now();
  const { code, ms } = await first.stop();
  const said = await first.said;
  expect(code).toBe(69);
  expect(said).toMatch(/\d+ rows \(\d+ messages in all\) were not acknowledged within 3000 ms/);
  expect(said).toContain('Nothing is lost: they lie in the outbox.');
  expect(ms).toBeLessThan(15_000);
  world.kafka.resume();
  world.begin();
  await subscribed(world.simulator, 2 * CODES);
  await Bun.sleep(6_000);
  const second = world.lives.at(-1);
  if (second) second.to = Date.now();
  expect((await world.collector?.stop())?.code).toBe(0);
  const { missing, repeated, doubled, disordered, sent, late } = await world.verdict(200);
  expect({ missing, repeated, doubled, disordered }).toEqual(NONE);
  expect(sent).toBeGreaterThan(500);
  expect(late).toBe(0);
});
