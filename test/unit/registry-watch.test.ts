import { expect, test } from 'bun:test';
import { systemClock } from '../../src/common/clock.ts';
import { createLog } from '../../src/common/log.ts';
import { preflight } from '../../src/infra/avro/preflight.ts';
import { registryClient } from '../../src/infra/avro/registry.ts';
import { RegistryWatch, type SchemaState } from '../../src/infra/avro/registry-watch.ts';
import { warnings } from '../../src/infra/http/health.ts';
import { avroFamilies } from '../../src/infra/kafka/topics/topics.ts';
import { fakeRegistry } from './fake-registry.ts';
import { ManualClock } from './manual-clock.ts';
import { observed } from './observed.ts';

const ALL = avroFamilies().length;
const EVERY_MS = 60_000;

async function rig() {
  const fake = fakeRegistry();
  const registry = registryClient({ url: fake.url });
  const options = { register: true, startupTimeoutMs: 10_000 };
  const registered = await preflight(registry, options, systemClock, createLog('silent', false));
  const clock = new ManualClock();
  const told: SchemaState[] = [];
  const watch = new RegistryWatch({
    registry,
    registered,
    clock,
    everyMs: EVERY_MS,
    onChange: (state) => void told.push(state),
  });
  watch.start();
  /** Lets the time pass, and the answers of real sockets come. */
  const pass = async (ms: number): Promise<void> => {
    const before = fake.asked.length;
    await clock.advance(ms);
    for (let i = 0; i < 200 && clock.pending === 0; i++) await Bun.sleep(10);
    expect(fake.asked.length).toBeGreaterThan(before);
  };
  return { fake, registry, registered, watch, told, pass, clock };
}

test('a registry that was rebuilt and counted anew is noticed, told once, and when it is right again', async () => {
  const { fake, registry, watch, told, pass } = await rig();
  const before = new Map(fake.schemas);
  await pass(EVERY_MS * 1.1);
  expect([told, watch.state]).toEqual([[], { wrong: [], away: null }]);
  fake.rebuild(100);
  await pass(EVERY_MS * 1.1);
  await pass(EVERY_MS * 1.1);
  expect(told).toHaveLength(1);
  expect(watch.state.wrong).toHaveLength(ALL);
  expect(watch.state.wrong[1]).toEqual({ subject: 'trade-data-value', id: 2, why: 'is not in the registry' });
  const [warning] = warnings(observed({ schemas: () => watch.state }));
  expect(warning).toEqual({
    what: 'schema registry',
    why: expect.stringContaining(
      'readers cannot decode what is written: ticker-data-value: id 1 is not in the registry',
    ),
  });
  // Somebody registers anew, in another order.
  fake.rebuild(1);
  for (const [id, schema] of [...before].reverse()) await registry.register(`other-${id}`, schema);
  await pass(EVERY_MS * 1.1);
  expect(watch.state.wrong[1]?.why).toBe('is another schema there');
  for (const [id, schema] of before) fake.schemas.set(id, schema);
  await pass(EVERY_MS * 1.1);
  expect(watch.state).toEqual({ wrong: [], away: null });
  expect(told).toHaveLength(3);
  watch.stop();
  await fake.stop();
});

test('one that is away is asked again soon, and is not taken for right or wrong meanwhile', async () => {
  const { fake, watch, told, pass } = await rig();
  let word = 0;
  fake.instead = () => ({ status: 503, body: `away ${word++}` });
  await pass(EVERY_MS * 1.1);
  expect(watch.state).toEqual({ wrong: [], away: expect.stringContaining('HTTP 503') });
  expect(warnings(observed({ schemas: () => watch.state }))[0]?.why).toContain('cannot be asked');
  await pass(10_000);
  expect(told).toHaveLength(1);
  fake.instead = null;
  fake.rebuild(100);
  await pass(10_000);
  expect(told.map(({ wrong, away }) => [wrong.length, away === null])).toEqual([
    [0, false],
    [ALL, true],
  ]);
  fake.instead = () => ({ status: 200, body: '<html>', type: 'text/html' });
  await pass(EVERY_MS * 1.1);
  expect(watch.state).toMatchObject({ wrong: { length: ALL }, away: expect.stringContaining('text/html') });
  watch.stop();
  await fake.stop();
});

test('it asks by id alone, and no more after the stop', async () => {
  const { fake, watch, clock, pass } = await rig();
  fake.asked.length = 0;
  await pass(EVERY_MS * 1.1);
  expect(fake.asked.every((asked) => asked.startsWith('GET /schemas/ids/'))).toBe(true);
  watch.stop();
  expect(clock.pending).toBe(0);
  await fake.stop();
});
