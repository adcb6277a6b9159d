import { describe, expect, test } from 'bun:test';
import type { Exchange } from '../../../src/core/exchange.ts';
import type { Trade } from '../../../src/core/market/rows.ts';
import type { Neighbour, TradeHole } from '../../../src/core/past-trades.ts';
import type { Tick } from '../../simulator/protocol.ts';
import { between, seededRandom } from '../../simulator/random.ts';
import type { PastTrade, RestMarket, RestService } from '../../simulator/rest/service.ts';
import { Tape } from '../../simulator/rest/tape.ts';
import { marketOf } from '../answers.ts';
import type { Subject } from '../fixtures.ts';
import { type Simulation, simulated } from '../simulated.ts';

/** Trades beyond the longest page. */
const TRADES_MORE = 1500;
const MOST_PAGES = 400;
/** Of UTC; midnight of Seoul is 15 hours later. */
const MIDNIGHT_MS = 1_790_121_600_000;
const HOUR_MS = 3_600_000;

/** Pages are walked through the REST service of the simulated exchange, which shares no code with the plug-in. */
export function pastWalkRules({ exchange }: Subject): void {
  const simulation = simulated(exchange);
  const service = simulation?.protocol.restService;
  if (!exchange.pastTrades || !simulation || !service) return;

  describe(`${exchange.id}: the way through a hole`, () => {
    describe.each([
      ['by day', 11 * HOUR_MS],
      ['over midnight of UTC', 0],
      ['over midnight of Seoul', 15 * HOUR_MS],
    ])('%s', (_when, at) => {
      const rows = tapeOf(
        simulation,
        service,
        MIDNIGHT_MS + at,
        longestPage(exchange, simulation) + TRADES_MORE,
      );
      const { first, last } = middleOf(exchange, rows);
      const [before, after] = [beside(rows, first - 1), beside(rows, last + 1)];

      test.each([
        ['from a trade to a trade', before, after, 0],
        ['pages that overlap', before, after, 3],
        ['no trade behind it is known', before, null, 0],
        ['no trade before it is known', null, after, 0],
        ['no trade beside it is known', null, null, 0],
      ] as const)('%s', (_what, known, next, overlap) => {
        const market = marketOf(exchange, simulation.listings[0]?.symbol ?? '');
        const hole = { market, before: known, after: next, from: before.timestamp, to: after.timestamp };
        const got = new Map(walk(exchange, service, marketWith(simulation, rows, overlap), hole).map(keyed));
        const missing = rows.slice(first, last + 1).filter((row) => !tells(got.get(row.id), row));
        expect(missing.length === 0 ? [] : [missing.length, missing[0], missing.at(-1)]).toEqual([]);
        // Known trades at both ends show that the answers are not too old, and that there is no seam.
        if (next) expect(got.has(rows[last + 1]?.id ?? '')).toBe(true);
        if (known && exchange.pastTrades?.proof === 'time')
          expect(got.has(rows[first - 1]?.id ?? '')).toBe(true);
        // Nothing that did not happen.
        const real = new Map(rows.map((row) => [row.id, row]));
        const invented = [...got.values()].filter((trade) => !tells(trade, real.get(trade.trade_id)));
        expect(invented).toEqual([]);
      });
    });
  });
}

/** As the address of a page says. */
function longestPage(exchange: Exchange, { listings }: Simulation): number {
  const market = marketOf(exchange, listings[0]?.symbol ?? '');
  const hole = { market, before: null, after: null, from: 1_000_000_000, to: 2_000_000_000 };
  const { searchParams } = new URL(exchange.pastTrades?.first(hole, MIDNIGHT_MS * 1000) ?? '');
  return Math.max(...['limit', 'count', 'size'].map((name) => Number(searchParams.get(name))));
}

/** Trades of one code around a time: some far apart, some in the same millisecond. */
function tapeOf(
  { protocol, listings }: Simulation,
  service: RestService,
  aroundMs: number,
  count: number,
): PastTrade[] {
  const [listing] = listings;
  if (!listing) throw new Error('there is no listing');
  const random = seededRandom(29);
  const tape = new Tape(listing, service);
  let timeMs = aroundMs - count;
  let id = protocol.firstId(0, timeMs);
  for (let nth = 0; nth < count; nth++) {
    const price = 100 + between(random, 0, 50);
    tape.push({ id, price, size: between(random, 1, 900) / 100, takerBuys: random() < 0.5, timeMs }, timeMs);
    timeMs += random() < 0.7 ? 0 : between(random, 1, 12);
    id = protocol.nextId(id, timeMs);
  }
  return tape.rows;
}

/** The first and the last row of what is missing: nearly all, or what the exchange still has. */
function middleOf({ pastTrades }: Exchange, rows: readonly PastTrade[]): { first: number; last: number } {
  const reach = pastTrades?.reach;
  const first = reach && 'rows' in reach ? rows.length - reach.rows + 20 : 150;
  const start = rows.findIndex((row, at) => at >= first && row.socketId !== rows[at - 1]?.socketId);
  const end = rows.findLastIndex(
    (row, at) => at < rows.length - 10 && row.socketId !== rows[at + 1]?.socketId,
  );
  return { first: start, last: end };
}

/** A row as the socket told it. */
function beside(rows: readonly PastTrade[], at: number): Neighbour {
  const row = rows[at];
  if (!row) throw new Error(`there is no row ${at}`);
  const fills = rows.filter(({ socketId }) => socketId === row.socketId).length;
  const { socketId, socketSize, price, takerBuys, timeUs } = row;
  const side = takerBuys ? 'BUY' : 'SELL';
  return { trade_id: socketId, timestamp: timeUs, fills, price, volume: socketSize, side };
}

function marketWith({ listings }: Simulation, rows: readonly PastTrade[], overlap: number): RestMarket {
  const find = (symbol: string) => listings.find((listing) => listing.symbol === symbol);
  const tick = () => ({ prevClose: 100 }) as Tick;
  const book = () => {
    throw new Error('no book is asked for');
  };
  return { listings, overlap, now: MIDNIGHT_MS, find, past: () => rows, tick, book };
}

/** @throws Error where an answer refuses, or the way has no end */
function walk(
  { pastTrades, id }: Exchange,
  service: RestService,
  market: RestMarket,
  hole: TradeHole,
): Trade[] {
  const newest = market.past(hole.market.symbol).at(-1)?.timeMs ?? 0;
  let nowMs = newest + 30_000;
  const trades: Trade[] = [];
  const asked = new Set<string>();
  for (let url = pastTrades?.first(hole, nowMs * 1000) ?? null; url !== null; nowMs += 40) {
    if (asked.has(url) || asked.size > MOST_PAGES) throw new Error(`${id} goes in circles: ${url}`);
    asked.add(url);
    const { pathname: path, searchParams: query } = new URL(url);
    const header = (name: string) => (name === 'user-agent' ? 'test' : null);
    const answer = service.answer({ path, query, address: '127.0.0.1', header, now: nowMs }, market);
    const text = typeof answer?.body === 'string' ? answer.body : JSON.stringify(answer?.body ?? null);
    const page = pastTrades?.read(text, hole.market, nowMs * 1000);
    if (!page || 'refused' in page) throw new Error(`${url} was refused: ${page?.refused}`);
    expect(page.rejected).toEqual([]);
    trades.push(...page.trades);
    url = pastTrades?.next(hole, page, url, nowMs * 1000) ?? null;
  }
  return trades;
}

function keyed(trade: Trade): [string, Trade] {
  return [trade.trade_id, trade];
}

function tells(trade: Trade | undefined, row: PastTrade | undefined): boolean {
  if (!trade || !row) return false;
  const { price, volume, side, timestamp } = trade;
  const sides = row.takerBuys ? 'BUY' : 'SELL';
  return price === row.price && volume === row.size && side === sides && timestamp === row.timeUs;
}
