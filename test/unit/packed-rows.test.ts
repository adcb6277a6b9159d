import { describe, expect, test } from 'bun:test';
import { bookRow } from '../../src/core/market/book-row.ts';
import { market, type RequestType } from '../../src/core/market/market.ts';
import { plainRow } from '../../src/core/market/plain-row.ts';
import type { Row, Ticker, Trade } from '../../src/core/market/rows.ts';
import { LaneRows } from '../../src/core/pipeline/lane-rows.ts';
import { costOf } from '../../src/core/pipeline/weights.ts';
import type { Batch } from '../../src/core/ports.ts';
import { encodings } from '../../src/infra/kafka/produce/encodings.ts';
import { TOPIC_FAMILIES } from '../../src/infra/kafka/topics/topics.ts';
import { seeded } from './connection-parts.ts';

const BTC = market('KRW-BTC', 'BTC', 'KRW');
const NOON = 1_790_000_000_000_000;
const AVRO = encodings(new Map(TOPIC_FAMILIES.map((family) => [family, { id: 7, version: 1 }])));
/** The bytes of the number of rows grow at 64 and at 8,192. */
const COUNTS = [1, 2, 63, 64, 65, 500, 8_191, 8_192];
const MADE = { trade, ticker, orderbook: book };
const TYPES = ['trade', 'ticker', 'orderbook'] as const;

function trade(nth: number, random: () => number): Trade {
  return {
    ...{ kind: 'trade', market: BTC, stream_type: random() < 0.1 ? 'SNAPSHOT' : 'REALTIME' },
    ...{ timestamp: NOON + Math.floor(random() * 5) * 1_000, received_at: NOON + nth },
    ...{ trade_id: String(Math.floor(random() * 1e9)), fills: 1, price: random() * 1e8, volume: random() },
    ...{ amount: random() * 1e8, side: random() < 0.5 ? 'BUY' : 'UNKNOWN' },
  } as Trade;
}

function ticker(nth: number, random: () => number): Ticker {
  const maybe = () => (random() < 0.3 ? null : random() * 1e6);
  return {
    ...{
      kind: 'ticker',
      market: BTC,
      stream_type: 'REALTIME',
      timestamp: NOON + nth,
      received_at: NOON + nth + 7,
    },
    ...{
      open: maybe(),
      high: maybe(),
      low: maybe(),
      close: random(),
      volume: maybe(),
      quote_volume: maybe(),
    },
    ...{ prev_close: maybe(), change_price: maybe(), change_rate: maybe() },
    ...{ bid: maybe(), bid_size: maybe(), ask: maybe(), ask_size: maybe() },
  } as Ticker;
}

function book(nth: number, random: () => number): Row {
  const levels = () => Float64Array.from({ length: 2 * Math.floor(random() * 4) }, () => random());
  const at = { market: BTC, timestamp: NOON + nth, received_at: NOON + nth + 7 };
  return bookRow({ ...at, type: 'DELTA', bids: levels(), asks: levels(), sequence: nth });
}

function some(type: RequestType, count: number, seed = 1): Row[] {
  const random = seeded(seed);
  return Array.from({ length: count }, (_, nth) => MADE[type](nth, random));
}

function batchOf(type: RequestType, rows: readonly Row[], packed: LaneRows | null): Batch {
  return {
    ...{ exchange: 'upbit', region: 'korea', requestType: type, market: BTC, correlationId: null, fence: 1 },
    ...{ rows, packed: packed?.packed ?? null },
  } as Batch;
}

function codecOf(type: RequestType) {
  const encoding = AVRO.get(`${type}-data`);
  if (!encoding) throw new Error(type);
  return encoding;
}

function packed(type: RequestType, rows: readonly Row[]): LaneRows {
  const lane = new LaneRows(codecOf(type).pack(BTC));
  for (const row of rows) lane.add(row);
  return lane;
}

/** The bytes of a message behind its ticket id, which is another one each time. */
function behindTicket(value: Buffer): Buffer {
  return value.subarray(5 + 1 + 36);
}

describe.each(TYPES)('packed rows of %s', (type) => {
  const encoding = codecOf(type);

  test.each(COUNTS)('are the bytes that %d rows encoded at once are', (count) => {
    const rows = some(type, count);
    const one = encoding.value(batchOf(type, [], packed(type, rows)), null, NOON);
    const other = encoding.value(batchOf(type, rows, null), null, NOON);
    expect(behindTicket(one).equals(behindTicket(other))).toBe(true);
  });

  test('are read as they were, before their message is made and behind it', () => {
    const rows = some(type, 100);
    const lane = packed(type, rows);
    const plain = (all: readonly Row[]) =>
      all.map((row) => ({ ...plainRow(row), kind: row.kind, market: row.market }));
    expect(plain(lane.rows)).toEqual(plain(rows));
    encoding.value(batchOf(type, [], lane), null, NOON);
    expect(plain(lane.rows)).toEqual(plain(rows));
    // Halves of them can be written again.
    const half = encoding.value(batchOf(type, [], lane), lane.rows.slice(50), NOON);
    const same = encoding.value(batchOf(type, rows.slice(50), null), null, NOON);
    expect(behindTicket(half).equals(behindTicket(same))).toBe(true);
  });

  test('take no more of them once their message is made, and may be put into another one', () => {
    const rows = some(type, 70);
    const lane = packed(type, rows);
    const first = encoding.value(batchOf(type, [], lane), null, NOON);
    const bytes = Buffer.from(first);
    expect(lane.packed?.add(rows[0] as Row)).toBe(false);
    const again = encoding.value(batchOf(type, [], lane), null, NOON);
    expect(behindTicket(again).equals(behindTicket(bytes))).toBe(true);
    // Rows that come later do not get the memory of either.
    for (const seed of [2, 3]) packed(type, some(type, 500, seed));
    expect([first.equals(bytes), behindTicket(again).equals(behindTicket(bytes))]).toEqual([true, true]);
  });

  test('of many codes at once do not get into each other, whatever memory they have had before', () => {
    const random = seeded(5);
    const open = new Map<number, { lane: LaneRows; rows: Row[] }>();
    const sent: { value: Buffer; rows: Row[]; lane: LaneRows }[] = [];
    for (let nth = 0; nth < 5_000; nth++) {
      const code = Math.floor(random() * 20);
      const one = open.get(code) ?? { lane: new LaneRows(encoding.pack(BTC)), rows: [] };
      open.set(code, one);
      const row = MADE[type](nth, random);
      one.lane.add(row);
      one.rows.push(row);
      if (random() > 0.05) continue;
      open.delete(code);
      sent.push({ ...one, value: encoding.value(batchOf(type, [], one.lane), null, NOON) });
    }
    expect(sent.length).toBeGreaterThan(100);
    for (const { value, rows, lane } of sent) {
      const whole = encoding.value(batchOf(type, rows, null), null, NOON);
      expect(behindTicket(value).equals(behindTicket(whole))).toBe(true);
      expect(lane.rows.map(({ received_at }) => received_at)).toEqual(rows.map((row) => row.received_at));
    }
  });
});

describe('rows of a code', () => {
  test('that fit no schema make objects of all, and none is lost or changed', () => {
    const rows: Row[] = some('trade', 10);
    const odd = { ...(rows[4] as Trade), price: 'much' as unknown as number };
    const all = [...rows.slice(0, 4), odd, ...rows.slice(4)];
    const lane = packed('trade', all);
    expect([lane.packed, lane.length]).toEqual([null, 11]);
    expect(lane.rows.map((row) => (row as Trade).trade_id)).toEqual(
      all.map((row) => (row as Trade).trade_id),
    );
    expect(lane.cost).toBe(costOf(all));
    expect(() => codecOf('trade').value(batchOf('trade', lane.rows, lane), null, NOON)).toThrow();
  });

  test('weigh less once they are packed, and what they weighed before is told', () => {
    const rows = some('trade', 100);
    const lane = new LaneRows(codecOf('trade').pack(BTC));
    let freed = 0;
    for (const row of rows) freed += lane.add(row);
    expect(lane.cost).toBe(costOf(rows) - freed);
    expect(lane.cost).toBeLessThan(costOf(rows) / 2);
  });

  test.each([true, false])('tell their times and their latest trade, packed: %p', (packs) => {
    const rows = some('trade', 200, 3) as Trade[];
    const lane = new LaneRows(packs ? codecOf('trade').pack(BTC) : null);
    for (const row of rows) lane.add(row);
    expect(lane.times).toEqual(rows.flatMap(({ timestamp, received_at }) => [timestamp, received_at]));
    expect(lane.firstReceived).toBe(NOON);
    const latest = rows.toSorted(
      (a, b) => a.timestamp - b.timestamp || Number(a.trade_id) - Number(b.trade_id),
    );
    expect(lane.latest).toBe(latest.at(-1) ?? null);
  });
});
