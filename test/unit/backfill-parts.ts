import type { Market, Micros } from '../../src/core/market/market.ts';
import type { Trade } from '../../src/core/market/rows.ts';
import type { PastTrades, TradeHole, TradePage, TradeRows } from '../../src/core/past-trades.ts';
import { coin } from './connection-parts.ts';

export const START: Micros = 1_790_000_000_000_000;
export const MARKET = coin('A');

/** How an imaginary exchange gives its trades. */
export interface Style {
  readonly name: string;
  readonly proof: 'ids' | 'time';
  /** `up`: from an id on; `down`: below a cursor; `newest`: no pages; `since`: from a time on, with common rows. */
  readonly way: 'up' | 'down' | 'newest' | 'since';
  readonly page: number;
  readonly otherIds?: true;
}

export const STYLES: readonly Style[] = [
  { name: 'up by id', proof: 'ids', way: 'up', page: 7 },
  { name: 'down by id', proof: 'ids', way: 'down', page: 7 },
  { name: 'newest, counted', proof: 'ids', way: 'newest', page: 25 },
  { name: 'down by cursor', proof: 'time', way: 'down', page: 6 },
  { name: 'since a time', proof: 'time', way: 'since', page: 9 },
  { name: 'newest', proof: 'time', way: 'newest', page: 25 },
  { name: 'down by cursor, other ids', proof: 'time', way: 'down', page: 6, otherIds: true },
];

export interface TradeFacts {
  readonly id: string;
  /** Id over REST. */
  readonly restId: string;
  readonly at: Micros;
  readonly price: number;
  readonly volume: number;
}

/** Trades of one market: several share a moment; ids step by one where they count, else by chance. */
export function tape(count: number, counted: boolean, random: () => number, start = START): TradeFacts[] {
  let id = 1000;
  let at = start;
  let k = 0;
  return Array.from({ length: count }, () => {
    id += counted ? 1 : 1 + Math.floor(random() * 5);
    const moved = random() < 0.6;
    if (moved) at += 1000 * (1 + Math.floor(random() * 40));
    k = moved ? 0 : k + 1;
    return {
      id: String(id),
      restId: String(BigInt(at / 1000) * 10_000n + BigInt(k)),
      at,
      price: 1 + Math.floor(random() * 3),
      volume: 1 + Math.floor(random() * 3),
    };
  });
}

export function tradeOf({ id, at, price, volume }: TradeFacts, receivedAt: Micros, market = MARKET): Trade {
  return {
    kind: 'trade',
    market,
    timestamp: at,
    received_at: receivedAt,
    stream_type: 'REALTIME',
    trade_id: id,
    fills: 1,
    price,
    volume,
    amount: price * volume,
    side: 'BUY',
  };
}

/** Address of a page: `fake:<way>/<symbol>?…`. */
export function pastTrades(style: Style): PastTrades {
  const { proof, way, page, otherIds } = style;
  const url = (market: Market, query: string): string => `https://fake.invalid/${market.symbol}?${query}`;
  return {
    proof,
    reach: way === 'newest' ? { rows: page } : null,
    weight: 1,
    ...(otherIds ? { otherIds } : {}),
    first({ market, before, after, from }: TradeHole): string {
      if (way === 'up') return url(market, `from=${before ? Number(before.trade_id) + 1 : `t${from}`}`);
      if (way === 'since') return url(market, `since=${before?.timestamp ?? from - 1}`);
      if (way === 'newest') return url(market, '');
      return url(market, after && !otherIds ? `below=${Number(after.trade_id) + 1}` : '');
    },
    read: (text, market, receivedAt) => readPage(text, market, receivedAt),
    next(hole: TradeHole, { trades }: TradeRows, asked: string): string | null {
      const last = trades.at(-1);
      if (way === 'newest' || last === undefined || trades.length < page) return null;
      if (way === 'up') return url(hole.market, `from=${Number(last.trade_id) + 1}`);
      if (way === 'down') return url(hole.market, `below=${last.trade_id}`);
      return asked.endsWith(`since=${last.timestamp}`) ? null : url(hole.market, `since=${last.timestamp}`);
    },
  };
}

function readPage(text: string, market: Market, receivedAt: Micros): TradePage {
  if (text.startsWith('!'))
    return { refused: text.slice(1), again: text.startsWith('!never') ? 'never' : 'later' };
  const rows = JSON.parse(text) as TradeFacts[];
  const trades = rows.map((facts) => ({
    ...tradeOf(facts, receivedAt, market),
    stream_type: 'BACKFILL' as const,
  }));
  return { trades, rejected: [], cursor: null };
}

/** What the exchange answers: the page of `all` at an address. @param visible trades it shows by now */
export function answer({ way, page, otherIds }: Style, url: string, visible: readonly TradeFacts[]): string {
  const query = new URL(url).searchParams;
  const shown = visible.map((one) => (otherIds ? { ...one, id: one.restId } : one));
  const below = query.get('below');
  const from = query.get('from');
  const since = query.get('since');
  if (way === 'up' && from !== null) {
    const least = (one: TradeFacts): boolean =>
      from.startsWith('t') ? one.at >= Number(from.slice(1)) - 1_000_000 : BigInt(one.id) >= BigInt(from);
    return JSON.stringify(shown.filter(least).slice(0, page));
  }
  if (way === 'since') return JSON.stringify(shown.filter(({ at }) => at >= Number(since)).slice(0, page));
  const cut = below === null ? shown : shown.filter(({ id }) => BigInt(id) < BigInt(below));
  return JSON.stringify(cut.slice(-page).toReversed());
}
