import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import {
  asRead,
  type Hole,
  holeOf,
  inside,
  type Past,
  pastOf,
  type Read,
  stopAll,
} from './simulator-rest-parts.ts';

// Real servers take their time on a busy machine.
setDefaultTimeout(60_000);
afterEach(stopAll);

const DAY_MS = 86_400_000;
const KST_MS = 9 * 3_600_000;
/** Ids of most of these exceed 2^53. */
const text = async (past: Past, path: string) => (await past.get(path)).text();

/** `sequential_id` and the rest of a row of Upbit and of Bithumb. */
function ticks(answer: string): Read[] {
  const ids = [...answer.matchAll(/"sequential_id":(\d+)/g)].map(([, id = '']) => id);
  const rows = JSON.parse(answer) as {
    timestamp: number;
    trade_price: number;
    trade_volume: number;
    ask_bid: string;
  }[];
  return rows.map((row, nth) => ({
    id: ids[nth] ?? '',
    price: row.trade_price,
    size: row.trade_volume,
    buys: row.ask_bid === 'BID',
    timeMs: row.timestamp,
  }));
}

/** Whole days of a time zone between a time and now. */
function daysAgo(timeMs: number, zoneMs: number): number {
  const day = (ms: number) => Math.floor((ms + zoneMs) / DAY_MS);
  return day(Date.now()) - day(timeMs);
}

/** Plain clients, written after the documents: pages without a seam from one known trade to another. */
const WALKS: Readonly<Record<string, (past: Past, hole: Hole) => Promise<Read[]>>> = {
  async upbit(past, { before, after }) {
    const rows: Read[] = [];
    let ago = daysAgo(after.timeMs, 0);
    for (let cursor = after.id; BigInt(cursor) > BigInt(before.id); ) {
      const day = ago === 0 ? '' : `&days_ago=${ago}`;
      const page = ticks(
        await text(past, `/v1/trades/ticks?market=${past.symbol}&count=500&cursor=${cursor}${day}`),
      );
      rows.push(...page);
      cursor = page.at(-1)?.id ?? cursor;
      if (page.length === 0) ago++;
      expect(ago).toBeLessThanOrEqual(7);
    }
    return rows;
  },
  async bithumb(past, { before, after }) {
    const rows: Read[] = [];
    const next = after.timeMs + 1000;
    const ago = daysAgo(next, KST_MS);
    const to = new Date(next + KST_MS).toISOString().slice(11, 19).replaceAll(':', '');
    const from = `to=${to}${ago === 0 ? '' : `&daysAgo=${ago}`}`;
    for (let cursor = '', oldest = next; oldest >= before.timeMs; ) {
      const page = ticks(
        await text(past, `/v1/trades/ticks?market=${past.symbol}&count=500&${from}${cursor}`),
      );
      const last = page.at(-1);
      if (!last) break;
      rows.push(...page);
      cursor = `&cursor=${last.id}`;
      oldest = last.timeMs;
    }
    return rows;
  },
  async bitfinex({ json, symbol }, { before, after }) {
    const rows: Read[] = [];
    const limit = 2000;
    for (let start = before.timeMs; ; ) {
      const query = `limit=${limit}&start=${start}&end=${after.timeMs}&sort=1`;
      const page = await json<[number, number, number, number][]>(`/v2/trades/${symbol}/hist?${query}`);
      for (const [id, timeMs, amount, price] of page) {
        rows.push({ id: `${id}`, price, size: Math.abs(amount), buys: amount > 0, timeMs });
      }
      if (page.length < limit) return rows;
      start = page.at(-1)?.[1] ?? start;
    }
  },
  async korbit({ json, symbol }) {
    const { data } = await json<{
      data: { timestamp: number; price: string; qty: string; isBuyerTaker: boolean; tradeId: number }[];
    }>(`/v2/trades?symbol=${symbol}&limit=500`);
    return data.map(({ timestamp, price, qty, isBuyerTaker, tradeId }) => ({
      id: `${tradeId}`,
      price: +price,
      size: +qty,
      buys: isBuyerTaker,
      timeMs: timestamp,
    }));
  },
  async coinone({ json, symbol }) {
    const { transactions } = await json<{
      transactions: { id: string; timestamp: number; price: string; qty: string; is_seller_maker: boolean }[];
    }>(`/public/v2/trades/${symbol.replace('-', '/')}?size=200`);
    return transactions.map(({ id, timestamp, price, qty, is_seller_maker }) => ({
      id,
      price: +price,
      size: +qty,
      buys: is_seller_maker,
      timeMs: timestamp,
    }));
  },
  async bybit({ json, symbol }) {
    const { retCode, result } = await json<{
      retCode: number;
      result: { list: { execId: string; price: string; size: string; side: string; time: string }[] };
    }>(`/v5/market/recent-trade?category=spot&symbol=${symbol}&limit=60`);
    expect(retCode).toBe(0);
    return result.list.map(({ execId, price, size, side, time }) => ({
      id: execId,
      price: +price,
      size: +size,
      buys: side === 'Buy',
      timeMs: +time,
    }));
  },
};

/** Rows that the exchange has of the newest. */
const REACH: Readonly<Record<string, number>> = { korbit: 500, coinone: 200, bybit: 60 };

/** Trades at their own times around many of one millisecond; the latter `middleMs` after the first. */
async function busy(past: Past, from: number, middleMs: number, many: number): Promise<void> {
  for (let i = 0; i < 40; i++) await past.trade(1, from + (i * middleMs) / 40);
  await past.trade(many, from + middleMs);
  for (let i = 0; i < 20; i++) await past.trade(1, from + middleMs + i * 5);
}

for (const [exchange, walk] of Object.entries(WALKS)) {
  test(`${exchange}: a walk through a hole finds the trades of the ledger, each with its figures`, async () => {
    const past = await pastOf(exchange, {
      restLimits: { [exchange]: { each: [] } },
      shiftMs: -60_000,
    });
    const reach = REACH[exchange];
    await busy(past, Date.now() - 50_000, 2000, reach === undefined ? 1200 : Math.floor(reach / 3));
    const count = past.all().length;
    const hole = holeOf(past, reach === undefined ? 10 : Math.max(10, count - reach + 2), 5);
    expect(hole.inside.length).toBeGreaterThan((reach ?? 1200) / 3);
    const found = inside(await walk(past, hole), hole);
    expect(found).toEqual(asRead(hole.inside));
  });
}

for (const [exchange, zoneMs] of [
  ['upbit', 0],
  ['bithumb', KST_MS],
] as const) {
  test(`${exchange}: a walk goes over midnight, days ago`, async () => {
    // A day that ends during the test would be another one.
    const left = DAY_MS - ((Date.now() + zoneMs) % DAY_MS);
    if (left < 20_000) await Bun.sleep(left);
    const midnight = Math.floor((Date.now() + zoneMs) / DAY_MS) * DAY_MS - zoneMs - 2 * DAY_MS;
    const past = await pastOf(exchange, {
      restLimits: { [exchange]: { each: [] } },
      shiftMs: midnight - Date.now() - 60_000,
    });
    // Fifty-odd trades before midnight, seven hundred in its first millisecond.
    await busy(past, midnight - 20_000, 20_000, 700);
    const hole = holeOf(past, 5, 5);
    expect(hole.before.timeMs).toBeLessThan(midnight);
    expect(hole.after.timeMs).toBeGreaterThan(midnight);
    const found = inside(await (WALKS[exchange] as (typeof WALKS)[string])(past, hole), hole);
    expect(found).toEqual(asRead(hole.inside));
  });
}

test('bithumb has other ids over REST than on the socket, and the ledger knows both', async () => {
  const past = await pastOf('bithumb');
  await past.trade(3);
  const [row] = ticks(await text(past, `/v1/trades/ticks?market=${past.symbol}`));
  const known = past.all().at(-1);
  expect(row?.id).toBe(known?.id as string);
  expect(row?.id).toStartWith(`${known?.timeMs}000`);
  expect(known?.socketId).toBe(past.simulator.ledger.unsent('bithumb', past.symbol).at(-1)?.id as string);
  expect(known?.socketId).not.toBe(known?.id as string);
});

for (const [exchange, reach] of Object.entries(REACH)) {
  test(`${exchange} has the newest ${reach} trades and none beyond`, async () => {
    const past = await pastOf(exchange);
    await past.trade(reach * 2);
    const walk = WALKS[exchange] as (typeof WALKS)[string];
    const hole = holeOf(past, 0, 0);
    const rows = await walk(past, hole);
    expect(rows.map(({ id }) => id)).toEqual(
      past
        .all()
        .slice(-reach)
        .map(({ id }) => id)
        .reverse(),
    );
  });
}
