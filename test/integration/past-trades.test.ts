import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { EXCHANGES } from '../../exchanges/index.ts';
import { type Market, market } from '../../src/core/market/market.ts';
import type { Trade } from '../../src/core/market/rows.ts';
import type { Neighbour, PastTrades, TradeHole, TradePage } from '../../src/core/past-trades.ts';
import type { PastTrade } from '../simulator/rest/service.ts';
import { asRead, inside, type Past, pastOf, type Read, stopAll } from '../unit/simulator-rest-parts.ts';

// Real servers take their time on a busy machine.
setDefaultTimeout(60_000);
afterEach(stopAll);

const DAY_MS = 86_400_000;
const KST_MS = 9 * 3_600_000;
/** Pages that no walk here needs. */
const MOST_PAGES = 60;
/** Rows that the exchange has of the newest. */
const REACH: Readonly<Record<string, number>> = { korbit: 500, coinone: 200, bybit: 60 };

/** A hole of the simulator's past as a collector knows it: by the rows of the socket around it. */
interface Missing {
  readonly hole: TradeHole;
  readonly market: Market;
  readonly before: PastTrade;
  readonly after: PastTrade;
  /** What REST has of it, or would have. */
  readonly inside: readonly PastTrade[];
}

/** @param first of the trades as the socket tells them, the row before the hole @param back as many are behind it */
function missing(past: Past, first: number, back: number): Missing {
  const rows = past.all();
  const groups = [...Map.groupBy(rows, ({ socketId }) => socketId).values()];
  const [low, high] = [groups[first], groups[groups.length - 1 - back]];
  const [before, after] = [low?.at(-1), high?.[0]];
  if (!low || !high || !before || !after) throw new Error(`no hole in ${groups.length} trades`);
  const listing = past.simulator.exchanges.get(past.exchange)?.walk(past.symbol).listing;
  const at = market(past.symbol, listing?.base ?? '', listing?.quote ?? '');
  const hole = {
    market: at,
    before: neighbour(low),
    after: neighbour(high),
    from: before.timeUs,
    to: after.timeUs,
  };
  const missed = rows.slice(rows.indexOf(before) + 1, rows.indexOf(after));
  return { hole, market: at, before, after, inside: missed };
}

function neighbour(group: readonly PastTrade[]): Neighbour {
  const last = group.at(-1) as PastTrade;
  return {
    trade_id: last.socketId,
    timestamp: last.timeUs,
    fills: group.length,
    price: last.price,
    volume: last.socketSize,
    side: last.takerBuys ? 'BUY' : 'SELL',
  };
}

/** What a plug-in asks, and reads of the answer. */
async function page(past: Past, way: PastTrades, url: string, at: Market): Promise<TradePage> {
  const { pathname, search } = new URL(url);
  const response = await past.get(`${pathname}${search}`);
  return way.read(await response.text(), at, Date.now() * 1000);
}

/** The whole way through a hole, as its plug-in leads. */
async function walk(past: Past, way: PastTrades, { hole, market }: Missing): Promise<Read[]> {
  const rows: Trade[] = [];
  let url: string | null = way.first(hole, Date.now() * 1000);
  for (let pages = 0; url !== null; pages++) {
    if (pages > MOST_PAGES) throw new Error(`no end of pages at ${url}`);
    const got: TradePage = await page(past, way, url, market);
    if ('refused' in got) throw new Error(`${url}: ${got.refused}`);
    expect(got.rejected).toEqual([]);
    rows.push(...got.trades);
    url = way.next(hole, got, url, Date.now() * 1000);
  }
  return rows.map(({ trade_id, price, volume, side, timestamp }) => ({
    id: trade_id,
    price,
    size: volume,
    buys: side === 'BUY',
    timeMs: Math.floor(timestamp / 1000),
  }));
}

/** Trades at their own times around many of one millisecond, the latter `middleMs` after the first. */
async function busy(past: Past, from: number, middleMs: number, many: number): Promise<void> {
  for (let i = 0; i < 40; i++) await past.trade(1, Math.floor(from + (i * middleMs) / 40));
  await past.trade(many, from + middleMs);
  for (let i = 0; i < 40; i++) await past.trade(1, from + middleMs + i * 5);
}

for (const exchange of EXCHANGES) {
  const { id, pastTrades: way } = exchange;
  if (!way) continue;
  const unlimited = { restLimits: { [id]: { each: [] } } };

  describe(`${id}: the way of the plug-in through the trades of the simulator`, () => {
    test('a hole is found whole, with more trades of one millisecond than a page holds', async () => {
      const past = await pastOf(id, { ...unlimited, shiftMs: -60_000 });
      const reach = REACH[id];
      await busy(past, Date.now() - 50_000, 2000, reach === undefined ? 1200 : Math.floor(reach / 3));
      const count = past.all().length;
      const missed = missing(past, reach === undefined ? 10 : Math.max(10, count - reach + 2), 5);
      expect(missed.inside.length).toBeGreaterThan((reach ?? 1200) / 3);
      const found = inside(await walk(past, way, missed), missed);
      expect(found).toEqual(asRead(missed.inside));
    });

    test('holes of one trade and of none', async () => {
      const past = await pastOf(id, unlimited);
      await past.trade(30);
      for (const back of [4, 5, 6]) {
        const groups = [...Map.groupBy(past.all(), ({ socketId }) => socketId).keys()].length;
        const missed = missing(past, groups - 1 - back - 2, back);
        expect(inside(await walk(past, way, missed), missed)).toEqual(asRead(missed.inside));
        const none = missing(past, groups - 1 - back - 1, back);
        expect(inside(await walk(past, way, none), none)).toEqual([]);
      }
    });

    test('refusals for the moment and for ever, a page for people and a body cut off are told apart', async () => {
      const past = await pastOf(id, unlimited);
      const { simulator } = past;
      await past.trade(30);
      const missed = missing(past, 10, 5);
      const url = way.first(missed.hole, Date.now() * 1000);
      const ask = (at: Market, to: string) => page(past, way, to, at);
      const said = simulator.exchanges.get(id)?.protocol.restService?.limits.refusal(1000, 'x');
      await simulator.do({
        do: 'rest',
        exchange: id,
        status: said?.status ?? 200,
        body: told(said?.body),
        times: 1,
      });
      expect(await ask(missed.market, url)).toMatchObject({ again: 'later' });
      await simulator.do({ do: 'rest', exchange: id, html: true, times: 1 });
      expect(await ask(missed.market, url)).toMatchObject({ again: 'later' });
      await simulator.do({ do: 'rest', exchange: id, cut: 'text', times: 1 });
      expect(await ask(missed.market, url)).toMatchObject({ again: 'later' });
      await simulator.do({ do: 'past', exchange: id, cacheMs: 0 });
      await simulator.do({ do: 'delist', exchange: id, symbol: past.symbol });
      expect(await ask(missed.market, url)).toMatchObject({ again: 'never' });
    });
  });
}

function told(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

for (const [id, zoneMs] of [
  ['upbit', 0],
  ['bithumb', KST_MS],
] as const) {
  test(`${id}: the way goes over midnight, days ago and last night`, async () => {
    const way = EXCHANGES.find((exchange) => exchange.id === id)?.pastTrades as PastTrades;
    // A day that ends during the test would be another one.
    const left = DAY_MS - ((Date.now() + zoneMs) % DAY_MS);
    if (left < 20_000) await Bun.sleep(left);
    for (const days of [0, 3]) {
      const midnight = Math.floor((Date.now() + zoneMs) / DAY_MS) * DAY_MS - zoneMs - days * DAY_MS;
      const past = await pastOf(id, {
        restLimits: { [id]: { each: [] } },
        shiftMs: midnight - Date.now() - 60_000,
      });
      await busy(past, midnight - 20_000, 20_000, 700);
      const missed = missing(past, 5, 5);
      expect(missed.before.timeMs).toBeLessThan(midnight);
      expect(missed.after.timeMs).toBeGreaterThan(midnight);
      const found = inside(await walk(past, way, missed), missed);
      expect(found).toEqual(asRead(missed.inside));
    }
  });
}
