import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { loadKafka } from '../../src/infra/kafka/addon/load.ts';
import { ReportReader } from '../../src/infra/kafka/client/report-reader.ts';
import { NOT_TRIED } from '../../src/infra/kafka/produce/handed.ts';
import { AddonProgram } from './addon-program.ts';
import { ManualClock } from './manual-clock.ts';

// Real processes take their time on a busy machine.
setDefaultTimeout(60_000);

const NOT_CONNECTED = -172;
const TOO_LARGE = 10;
const INVALID_ARGUMENT = -186;

test.each([
  ['under Bun', false],
  ['as a binary in an empty folder', true],
])(
  'many messages go in one call %s: every one arrives as it was sent, in order, and is told once',
  async (_name, compiled) => {
    const program = new AddonProgram(compiled, join(import.meta.dir, 'batch-call-program.ts'));
    const facts = await program.run([]);
    program.remove();
    expect(facts).toMatchObject({
      ...{ refused: 0, acknowledged: 20_000, distinct: 20_000, seen: 20_000, wrong: [], disordered: 0 },
      // The reports name the place at which each message lies.
      told: 20_000,
      // Behind the one that is too large nothing of its topic is tried; other topics go.
      codes: [0, TOO_LARGE, NOT_TRIED, 0, INVALID_ARGUMENT],
      later: [
        [20_000, 0],
        [20_003, 0],
      ],
      afterEnd: [NOT_CONNECTED, 0],
    });
  },
);

test('small batches take no new memory from the kernel, each what the one before gave back', async () => {
  const program = new AddonProgram(false, join(import.meta.dir, 'kept-memory-program.ts'));
  const { perBatch } = await program.run([]);
  program.remove();
  // Some 22 where the C library gives all back at once.
  expect(perBatch).toBeLessThan(2);
});

describe('the addon’s methods', () => {
  interface Native {
    openBatches(): number;
    internTopic(outlet: number, name: unknown): number;
    internKey(outlet: number, key: unknown): number;
    internHeaders(outlet: number, all: unknown): number;
    produceBatch(outlet: number, messages: unknown, count: number, slabs: unknown): number;
    takePlacedReports(outlet: number, into: unknown): number;
    closeBatches(outlet: number): void;
    freeBatches(outlet: number): void;
  }
  const native = (): Native => new (loadKafka().Producer)({ 'bootstrap.servers': 'x' }).getClient() as Native;

  test('refuse what would read or write memory that is not theirs', () => {
    const client = native();
    const outlet = client.openBatches();
    const topic = client.internTopic(outlet, 't');
    const key = client.internKey(outlet, 'k');
    const headers = client.internHeaders(outlet, ['a', 'b']);
    const slab = new ArrayBuffer(100);
    const good = [topic, key, headers, 0, 0, 100, 7, 0, 0, 0];
    const call = (fields: number[], count = 1, slabs: unknown = [slab]) =>
      client.produceBatch(outlet, new Int32Array(fields), count, slabs);
    // It is not connected, so nothing is taken.
    expect(call(good)).toBe(0);
    for (const [field, value] of [
      [0, 1],
      [0, -1],
      [1, 1],
      [1, -2],
      [2, 1],
      [3, 1],
      [3, -1],
      [4, 1],
      [4, -1],
      [5, 101],
      [5, -1],
      [6, -1],
    ] as const)
      expect(() => call(good.with(field, value))).toThrow(TypeError);
    expect(() => call(good, 2)).toThrow(TypeError);
    expect(() => call(good, 1, [])).toThrow(TypeError);
    expect(() => call(good, 1, [new Uint8Array(100)])).toThrow(TypeError);
    expect(() => client.produceBatch(outlet, new Float64Array(10), 1, [slab])).toThrow(TypeError);
    expect(() => client.takePlacedReports(outlet, new Uint8Array(8))).toThrow(TypeError);
    expect(() => client.takePlacedReports(outlet + 1, new Int32Array(8))).toThrow(TypeError);
    expect(() => client.internKey(outlet, 5)).toThrow(TypeError);
    expect(() => client.internHeaders(outlet, ['a', 5])).toThrow(TypeError);
    client.closeBatches(outlet);
    client.freeBatches(outlet);
    expect(() => client.takePlacedReports(outlet, new Int32Array(8))).toThrow(TypeError);
  });

  test('give a number of its own to each producer', () => {
    const [one, other] = [native(), native()];
    expect(one.openBatches()).not.toBe(other.openBatches());
  });
});

describe('reports are read', () => {
  function reader() {
    const clock = new ManualClock();
    const looks: number[] = [];
    let waiting = 0;
    let busy = false;
    const one = new ReportReader(
      clock,
      () => {
        looks.push(clock.now());
        const came = waiting;
        waiting = 0;
        return came;
      },
      () => busy,
    );
    const set = (reports: number, isBusy: boolean): void => {
      waiting = reports;
      busy = isBusy;
    };
    return { clock, one, looks, set };
  }

  test('soon after messages were handed over, ever more seldom while none come, and at once again with the next', async () => {
    const { clock, one, looks, set } = reader();
    one.start();
    await clock.advance(100);
    set(0, true);
    one.handed();
    await clock.advance(10_000);
    expect(looks.slice(0, 4)).toEqual([104, 112, 128, 160]);
    // The broker is away for ten seconds: its return is noticed within 50 ms.
    expect(looks.length).toBeGreaterThan(150);
    expect(looks.length).toBeLessThan(230);
    looks.length = 0;
    const now = clock.now();
    one.handed();
    await clock.advance(4);
    expect(looks).toEqual([now + 4]);
    one.stop();
    expect(clock.pending).toBe(0);
  });

  test('while nothing is under way too, since errors and statistics come the same way; not after the end', async () => {
    const { clock, one, looks } = reader();
    one.start();
    await clock.advance(10_000);
    expect(looks.length).toBe(40);
    one.stop();
    one.handed();
    await clock.advance(10_000);
    expect(looks.length).toBe(40);
  });
});
