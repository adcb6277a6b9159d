import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import {
  asRead,
  type Hole,
  holeOf,
  inOrder,
  inside,
  type Past,
  pastOf,
  type Read,
  stopAll,
} from './simulator-rest-parts.ts';

// Real servers take their time on a busy machine.
setDefaultTimeout(60_000);
afterEach(stopAll);

/** Plain clients, written after the documents: consecutive ids show when all is there. */
const WALKS: Readonly<Record<string, (past: Past, hole: Hole) => Promise<Read[]>>> = {
  async binance({ json, symbol }, { before, after }) {
    const rows: Read[] = [];
    for (let from = Number(before.id) + 1; from < Number(after.id); ) {
      const limit = Math.min(1000, Number(after.id) - from);
      const query = `symbol=${symbol}&fromId=${from}&limit=${limit}`;
      const page = await json<
        { id: number; price: string; qty: string; time: number; isBuyerMaker: boolean }[]
      >(`/api/v3/historicalTrades?${query}`);
      expect(page[0]?.id).toBe(from);
      for (const { id, price, qty, time, isBuyerMaker } of page) {
        rows.push({ id: `${id}`, price: +price, size: +qty, buys: !isBuyerMaker, timeMs: time });
        from = id + 1;
      }
    }
    return rows;
  },
  async coinbase({ json, symbol }, { before, after }) {
    const rows: Read[] = [];
    for (let cursor = Number(after.id); cursor > Number(before.id) + 1; ) {
      const limit = Math.min(1000, cursor - Number(before.id) - 1);
      const page = await json<
        { trade_id: number; side: string; size: string; price: string; time: string }[]
      >(`/products/${symbol}/trades?limit=${limit}&after=${cursor}`);
      for (const { trade_id, side, size, price, time } of page) {
        expect(trade_id).toBeLessThan(cursor);
        // The side is that of the maker.
        rows.push({
          id: `${trade_id}`,
          price: +price,
          size: +size,
          buys: side === 'sell',
          timeMs: Date.parse(time),
        });
        cursor = trade_id;
      }
    }
    return rows;
  },
  async kraken({ json }, { before, after }) {
    const rows: Read[] = [];
    let since = `${before.timeMs - 1000}000000`;
    for (let last = 0; last < Number(after.id); ) {
      const { error, result } = await json<{
        error: string[];
        result: Record<string, [string, string, number, string, string, string, number][]> & {
          last?: string;
        };
      }>(`/0/public/Trades?pair=XBTUSD&since=${since}&count=1000`);
      expect(error).toEqual([]);
      const { last: told, ...pairs } = result;
      const [page = []] = Object.values(pairs);
      for (const [price, size, time, side, , , id] of page) {
        rows.push({
          id: `${id}`,
          price: +price,
          size: +size,
          buys: side === 'b',
          timeMs: Math.floor(time * 1000),
        });
        last = id;
      }
      const seconds = `${page.at(-1)?.[2]}`.split('.');
      since = told ?? `${BigInt(`${seconds[0]}${(seconds[1] ?? '').padEnd(9, '0')}`) - 100n}`;
    }
    return rows;
  },
  async okx({ json, symbol }, { before, after }) {
    const rows: Read[] = [];
    for (let cursor = after.id; BigInt(cursor) > BigInt(before.id) + 1n; ) {
      const { code, data } = await json<{
        code: string;
        data: { tradeId: string; px: string; sz: string; side: string; ts: string }[];
      }>(`/api/v5/market/history-trades?instId=${symbol}&type=1&after=${cursor}&limit=100`);
      expect(code).toBe('0');
      for (const { tradeId, px, sz, side, ts } of data) {
        rows.push({ id: tradeId, price: +px, size: +sz, buys: side === 'buy', timeMs: +ts });
        cursor = tradeId;
      }
    }
    return rows;
  },
  async huobi({ json, symbol }) {
    const { status, data } = await json<{
      status: string;
      data: {
        data: { 'trade-id': number; ts: number; amount: number; price: number; direction: string }[];
      }[];
    }>(`/market/history/trade?symbol=${symbol}&size=2000`);
    expect(status).toBe('ok');
    return data
      .flatMap((group) => group.data)
      .map((row) => ({
        id: `${row['trade-id']}`,
        price: row.price,
        size: row.amount,
        buys: row.direction === 'buy',
        timeMs: row.ts,
      }));
  },
};

/** Trades at their own times, more of one millisecond than a page holds, and again at their own. */
async function busy(past: Past): Promise<void> {
  const start = Date.now() - 5000;
  for (let i = 0; i < 150; i++) await past.trade(1, start + i * 7);
  await past.trade(1200, start + 2000);
  for (let i = 0; i < 150; i++) await past.trade(1, start + 2000 + i * 7);
}

for (const [exchange, walk] of Object.entries(WALKS)) {
  test(`${exchange}: a walk through a hole finds the trades of the ledger, each with its figures`, async () => {
    // What is asked in a test in one go takes longer in life.
    const past = await pastOf(exchange, { restLimits: { [exchange]: { each: [] } }, shiftMs: -10_000 });
    await busy(past);
    const hole = holeOf(past, 40, 30);
    expect(hole.inside.length).toBeGreaterThan(1300);
    const found = inside(await walk(past, hole), hole);
    expect(found).toEqual(asRead(hole.inside));
    expect(inOrder(found).map(({ id }) => BigInt(id))).toEqual(
      Array.from({ length: found.length }, (_, nth) => BigInt(hole.before.id) + 1n + BigInt(nth)),
    );
    past.simulator.ledger.assertNoViolations();
  });
}
