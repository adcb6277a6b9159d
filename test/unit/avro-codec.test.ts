import { describe, expect, test } from 'bun:test';
import avro from 'avsc';
import { market } from '../../src/core/market/market.ts';
import { TICKER_FIELDS, type Ticker, TRADE_FIELDS, type Trade } from '../../src/core/market/rows.ts';
import type { Batch } from '../../src/core/ports.ts';
import { batchValue, plainBatchValue } from '../../src/infra/avro/batch-value.ts';
import { avroCodec, jsonCodec, parseSchema } from '../../src/infra/avro/codec.ts';
import { SCHEMA_FILES, type SchemaFile } from '../../src/infra/avro/schemas.ts';

const MARKET = market('KRW-1INCH', '1inch', 'krw');
const NOW = 1_790_000_000_123_456;

const TICKER: Ticker = {
  kind: 'ticker',
  market: MARKET,
  timestamp: NOW - 1,
  received_at: NOW,
  stream_type: 'SNAPSHOT',
  open: 1.5,
  high: 0.1 + 0.2,
  low: 1e-9,
  close: 97_000_500.25,
  volume: 119_524_556.03544924,
  quote_volume: 250_695_354_997.43506,
  prev_close: 2126,
  change_price: -44,
  change_rate: -0.020696143,
  bid: 5e-324,
  bid_size: 1.7976931348623157e308,
  ask: 0,
  ask_size: 3,
};

const EMPTY_TICKER: Ticker = {
  ...TICKER,
  stream_type: 'REALTIME',
  open: null,
  high: null,
  low: null,
  volume: null,
  quote_volume: null,
  prev_close: null,
  change_price: null,
  change_rate: null,
  bid: null,
  bid_size: null,
  ask: null,
  ask_size: null,
};

const TRADE: Trade = {
  kind: 'trade',
  market: MARKET,
  timestamp: 1_772_000_000_047_001,
  received_at: NOW,
  stream_type: 'REALTIME',
  trade_id: '17720000000470001234567890',
  fills: 3,
  price: 97_000.5,
  volume: 0.012,
  amount: 1164.006,
  side: 'SELL',
};

const FETCHED: Trade = { ...TRADE, stream_type: 'BACKFILL' };

function batch(requestType: 'ticker' | 'trade', rows: readonly (Ticker | Trade)[]): Batch {
  return {
    exchange: 'upbit',
    region: 'korea',
    requestType,
    market: MARKET,
    rows,
    correlationId: null,
    fence: null,
  };
}

/** A reader that knows nothing of ours but the schema file. */
function plainType(file: SchemaFile): avro.Type {
  return avro.Type.forSchema(JSON.parse(SCHEMA_FILES[file]), { wrapUnions: 'never' });
}

function read(file: SchemaFile, message: Buffer): Record<string, unknown> {
  return JSON.parse(JSON.stringify(plainType(file).fromBuffer(message.subarray(5))));
}

const codecOf = (file: SchemaFile) => avroCodec(parseSchema(SCHEMA_FILES[file], file), 0x01020304, 7);

function picked(row: Ticker | Trade): Record<string, unknown> {
  const fields: readonly string[] = row.kind === 'ticker' ? TICKER_FIELDS : TRADE_FIELDS;
  return Object.fromEntries(Object.entries(row).filter(([name]) => fields.includes(name)));
}

describe('data messages in Avro', () => {
  for (const [type, file, rows] of [
    ['ticker', 'ticker_batch.avsc', [TICKER, EMPTY_TICKER]],
    ['trade', 'trade_batch.avsc', [TRADE, { ...TRADE, side: 'BUY' }, { ...TRADE, side: 'UNKNOWN' }, FETCHED]],
  ] as const) {
    test(`every field of a ${type} comes back, null included`, () => {
      const message = codecOf(file).encode(batchValue(batch(type, rows), rows, NOW));
      expect([...message.subarray(0, 5)]).toEqual([0, 1, 2, 3, 4]);
      const value = read(file, message);
      expect(value).toEqual({
        ticket_id: expect.stringMatching(
          /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        ),
        exchange: 'upbit',
        region: 'korea',
        request_type: type,
        symbol: 'KRW-1INCH',
        base: '1INCH',
        quote: 'KRW',
        code: 'KRW-1INCH',
        timestamp_ms: 1_790_000_000_123,
        batch_size: rows.length,
        data: rows.map(picked),
      });
    });

    test(`the bytes of a ${type} message are those of plain avsc`, () => {
      const value = batchValue(batch(type, rows), rows, NOW);
      const message = codecOf(file).encode(value);
      expect(message.subarray(5)).toEqual(plainType(file).toBuffer(value));
    });

    test(`JSON carries the same ${type} as Avro`, () => {
      const avroValue = read(file, codecOf(file).encode(batchValue(batch(type, rows), rows, NOW)));
      const json = JSON.parse(jsonCodec.encode(plainBatchValue(batch(type, rows), rows, NOW)).toString());
      expect({ ...json, ticket_id: '' }).toEqual({ ...avroValue, ticket_id: '' });
      expect(Object.keys(json.data[0])).toEqual(Object.keys((avroValue.data as object[])[0] ?? {}));
    });
  }

  test('a trade bears every mark that a trade may have; one fetched afterwards has its own', () => {
    const marks = ['SNAPSHOT', 'REALTIME', 'BACKFILL'] as const;
    const rows = marks.map((stream_type) => ({ ...TRADE, stream_type }));
    const message = codecOf('trade_batch.avsc').encode(batchValue(batch('trade', rows), rows, NOW));
    const { data } = read('trade_batch.avsc', message) as { data: { stream_type: string }[] };
    expect(data.map(({ stream_type }) => stream_type)).toEqual([...marks]);
  });

  test('messages of any size in any order stay intact next to each other', () => {
    const codec = codecOf('trade_batch.avsc');
    const plain = plainType('trade_batch.avsc');
    const kept: { message: Buffer; value: object }[] = [];
    for (let i = 0; i < 400; i++) {
      const count = i % 97 === 0 ? 6_000 : (i * 37) % 120;
      const rows = Array.from({ length: count }, (_, n) => ({ ...TRADE, trade_id: `${i}-${n}` }));
      const value = batchValue(batch('trade', rows), rows, NOW);
      kept.push({ message: codec.encode(value), value });
    }
    for (const { message, value } of kept) expect(message.subarray(5)).toEqual(plain.toBuffer(value));
  });

  test('a value of the wrong type is an error, never a wrong message', () => {
    const codec = codecOf('ticker_batch.avsc');
    for (const wrong of [{ close: null }, { bid: '1' }, { timestamp: 1.5 }, { stream_type: 'X' }]) {
      const rows = [{ ...TICKER, ...wrong }] as unknown as Ticker[];
      expect(() => codec.encode(batchValue(batch('ticker', rows), rows, NOW))).toThrow();
    }
    const good = codec.encode(batchValue(batch('ticker', [TICKER]), [TICKER], NOW));
    expect(read('ticker_batch.avsc', good).data).toEqual([picked(TICKER)]);
  });
});

describe('schema files', () => {
  for (const [file, text] of Object.entries(SCHEMA_FILES)) {
    test(`${file}: every field says what it is, nullable ones default to null`, () => {
      const seen: string[] = [];
      visit(JSON.parse(text), seen);
      expect(seen).toEqual([]);
      expect(JSON.parse(text).namespace).toBe('kor_coin_stream');
    });
  }

  test('one that is not Avro is named', () => {
    expect(() => parseSchema('{"type":"nonsense"}', 'x.avsc')).toThrow(
      expect.objectContaining({ code: 'schema_invalid', subject: 'x.avsc' }),
    );
  });
});

/** Collects what is wrong with the documentation and the defaults of a schema. */
function visit(schema: unknown, problems: string[]): void {
  if (typeof schema !== 'object' || schema === null) return;
  const node = schema as Record<string, unknown>;
  for (const field of (node.fields ?? []) as Record<string, unknown>[]) {
    if (typeof field.doc !== 'string' || field.doc.length < 5) problems.push(`${field.name}: no doc`);
    if (Array.isArray(field.type) && (field.type[0] !== 'null' || field.default !== null))
      problems.push(`${field.name}: nullable without default null`);
    visit(field.type, problems);
  }
  for (const inner of [node.items, node.values]) visit(inner, problems);
}
