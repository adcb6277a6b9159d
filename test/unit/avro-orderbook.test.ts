import { describe, expect, test } from 'bun:test';
import avro from 'avsc';
import { bookRow } from '../../src/core/market/book-row.ts';
import { market } from '../../src/core/market/market.ts';
import { plainRow } from '../../src/core/market/plain-row.ts';
import type { Orderbook } from '../../src/core/market/rows.ts';
import type { Batch } from '../../src/core/ports.ts';
import { batchValue, plainBatchValue } from '../../src/infra/avro/batch-value.ts';
import { avroCodec, jsonCodec, parseSchema } from '../../src/infra/avro/codec.ts';
import { SCHEMA_FILES } from '../../src/infra/avro/schemas.ts';

const FILE = 'orderbook_batch.avsc';
const NOW = 1_790_000_000_123_456;
const MARKET = market('BTC/USD', 'BTC', 'USD');

const ROWS: readonly Orderbook[] = [
  {
    ...bookRow({
      market: MARKET,
      timestamp: NOW - 1,
      received_at: NOW,
      stream_type: 'SNAPSHOT',
      type: 'SNAPSHOT',
      bids: Float64Array.of(78_500.6, 0.03755097, 5e-324, 1.7976931348623157e308),
      asks: Float64Array.of(0.1 + 0.2, 1e-9),
      sequence: Number.MAX_SAFE_INTEGER - 1,
      depth: 100,
      checksum: 4_294_967_295,
    }),
    checksum_ok: true,
  },
  {
    ...bookRow({
      market: MARKET,
      timestamp: NOW,
      received_at: NOW,
      type: 'DELTA',
      bids: new Float64Array(0),
      asks: Float64Array.of(101, 0),
      sequence: 0,
      prev_sequence: -1,
      checksum: -1_625_836_611,
    }),
    checksum_ok: false,
  },
  bookRow({
    market: MARKET,
    timestamp: NOW,
    received_at: NOW,
    stream_type: 'KEYFRAME',
    type: 'SNAPSHOT',
    bids: new Float64Array(0),
    asks: new Float64Array(0),
  }),
];
const BATCH: Batch = {
  exchange: 'kraken',
  region: 'na',
  requestType: 'orderbook',
  market: MARKET,
  rows: ROWS,
  correlationId: null,
  fence: null,
};

/** A reader and writer that know nothing of ours but the schema file. */
const plain = avro.Type.forSchema(JSON.parse(SCHEMA_FILES[FILE]), { wrapUnions: 'never' });
const codec = avroCodec(parseSchema(SCHEMA_FILES[FILE], FILE), 7, 1);

describe('order books in Avro', () => {
  test('every field comes back, levels as objects, null included', () => {
    const message = codec.encode(batchValue(BATCH, ROWS, NOW));
    const { data, batch_size, request_type } = JSON.parse(
      JSON.stringify(plain.fromBuffer(message.subarray(5))),
    );
    expect([batch_size, request_type]).toEqual([3, 'orderbook']);
    expect(data).toEqual(ROWS.map((row) => plainRow(row)) as unknown[]);
  });

  test('the bytes are those of plain avsc', () => {
    const value = plainBatchValue(BATCH, ROWS, NOW) as { ticket_id: string };
    const ours = codec.encode({ ...batchValue(BATCH, ROWS, NOW), ticket_id: value.ticket_id }).subarray(5);
    expect(ours.equals(plain.toBuffer(value))).toBe(true);
  });

  test('what is no side, no whole number or no word is an error', () => {
    const [row] = ROWS;
    for (const wrong of [
      { bids: [{ price: 1, size: 1 }] },
      { asks: null },
      { sequence: 0.5 },
      { sequence: '7' },
      { checksum_ok: 1 },
      { type: 'CHANGE' },
    ]) {
      const rows = [{ ...row, ...wrong }] as unknown as Orderbook[];
      expect(() => codec.encode(batchValue({ ...BATCH, rows }, rows, NOW))).toThrow();
    }
  });

  test('JSON has the same fields', () => {
    const { data } = JSON.parse(jsonCodec.encode(plainBatchValue(BATCH, ROWS, NOW)).toString());
    expect(data).toEqual(ROWS.map((row) => plainRow(row)) as unknown[]);
    expect(Object.keys(data[0])).toEqual(
      'timestamp received_at stream_type type bids asks sequence prev_sequence depth checksum checksum_ok'.split(
        ' ',
      ),
    );
  });
});
