import { describe, expect, test } from 'bun:test';
import { gzipSync } from 'node:zlib';
import type { SocketHandle } from '../../../src/core/connection/pipe.ts';
import type { Exchange } from '../../../src/core/exchange.ts';
import type { Row } from '../../../src/core/market/rows.ts';
import { ByteBudget } from '../../../src/core/pipeline/budget.ts';
import type { Rejected } from '../../../src/core/pipeline/chunks.ts';
import { Grid } from '../../../src/core/pipeline/grid.ts';
import { MAX_INFLATED } from '../../../src/core/pipeline/inflate.ts';
import { RememberedIds } from '../../../src/core/pipeline/remembered-ids.ts';
import { StreamPipeline } from '../../../src/core/pipeline/stream-pipeline.ts';
import { StreamStats } from '../../../src/core/pipeline/stream-stats.ts';
import { bothBy } from '../../../src/core/writer-forms.ts';
import { between, type Random, seededRandom } from '../../simulator/random.ts';
import { ManualClock } from '../../unit/manual-clock.ts';
import { type Fixture, type Subject, sessionFor, textOf } from '../fixtures.ts';
import { wrongType } from '../row-types.ts';

const HOSTILE = 300;
const BUDGET_BYTES = 64_000_000;
/** Bytes that UTF-8 never has. */
const NO_UTF8 = [0xc0, 0xc1, 0xf5, 0xfe, 0xff];
const bomb = new Uint8Array(gzipSync(Buffer.alloc(8 * MAX_INFLATED)));

/** Frames that are no text never reach a plug-in: each is counted and reported, and those around them are rows. */
export function hostileByteRules({ exchange, fixtures }: Subject): void {
  describe(`${exchange.id}: hostile bytes`, () => {
    test.each([...exchange.types])(`${HOSTILE} of them among good frames of a %s`, async (type) => {
      const good = fixtures.find(
        ({ type: own, expect: [row], rejects }) => own === type && row && row.type !== 'DELTA' && !rejects,
      );
      if (!good) throw new Error(`no recorded ${type}`);
      const text = textOf(good, exchange);
      const { pipeline, sink, rejected, rows, stats, budget } = rig(exchange, good);
      const random = seededRandom(20_261_124);
      for (let i = 0; i < HOSTILE; i++) {
        sink.push(onWire(Buffer.from(text), exchange), good.received_at);
        sink.push(hostile(text, exchange, random, i), good.received_at);
      }
      sink.end();
      await pipeline.finish();
      await pipeline.settled();
      expect(rejected).toHaveLength(HOSTILE);
      expect(new Set(rejected.map(({ number }) => number)).size).toBe(HOSTILE);
      for (const { reason, row } of rejected) {
        expect(reason).toStartWith('cannot be decoded: ');
        expect(row).toBeNull();
      }
      const { frames, parsed, failed, rows: read } = stats;
      expect({ frames, parsed, failed, read }).toEqual({
        frames: 2 * HOSTILE,
        parsed: HOSTILE,
        failed: HOSTILE,
        read: HOSTILE * good.expect.length,
      });
      expect(rows.length + stats.repeats).toBe(read);
      expect(rows.length).toBeGreaterThan(0);
      for (const row of rows) expect(wrongType(row, good.received_at)).toBeNull();
      expect(budget.used).toBe(0);
    });
  });
}

function rig(exchange: Exchange, good: Fixture) {
  const rejected: Rejected[] = [];
  const rows: Row[] = [];
  const stats = new StreamStats();
  const budget = new ByteBudget(BUDGET_BYTES);
  const clock = new ManualClock();
  const pipeline = new StreamPipeline({
    exchange,
    type: good.type,
    limits: { windowMs: 100, maxRows: 500, maxBytes: 262_144 },
    clock,
    grid: new Grid(clock, 50, (error) => {
      throw error;
    }),
    remembered: new RememberedIds(),
    writer: bothBy(async (batch) => {
      rows.push(...batch.rows);
      return { at: good.received_at, bytes: 1 };
    }),
    account: budget.open('trade', () => {}),
    stats,
    onRejected: (one) => rejected.push(one),
    onMissing: () => {},
    stamp: () => ({ correlationId: null, fence: null }),
  });
  const socket: SocketHandle = {
    id: 1,
    session: sessionFor(exchange, good),
    predecessor: null,
    control() {},
    data() {},
  };
  return { pipeline, sink: pipeline.attach(socket), rejected, rows, stats, budget };
}

function onWire(bytes: Uint8Array, { encoding }: Exchange): Uint8Array {
  return encoding === 'gzip' ? gzipSync(bytes) : bytes;
}

function hostile(text: string, exchange: Exchange, random: Random, nth: number): Uint8Array {
  const bytes = Buffer.from(text);
  const packed = gzipSync(bytes);
  const at = (length: number) => between(random, 0, length - 1);
  switch (nth % 5) {
    case 0:
      bytes[at(bytes.length)] = NO_UTF8[nth % NO_UTF8.length] ?? 0xff;
      return onWire(bytes, exchange);
    case 1:
      // A character of several bytes that ends too soon.
      return onWire(Buffer.concat([bytes, Buffer.from('€').subarray(0, 2)]), exchange);
    case 2:
      return bomb;
    case 3:
      // For an exchange without gzip any gzip frame is none: its second byte is no text.
      return packed.subarray(0, Math.max(2, at(packed.length)));
    default:
      return Uint8Array.from({ length: 1 + at(200) }, (_, i) => (i === 0 ? 0xff : at(256)));
  }
}
