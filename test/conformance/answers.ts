import type { Exchange } from '../../src/core/exchange.ts';
import type { Market, Micros } from '../../src/core/market/market.ts';
import { Markets } from '../../src/core/market/markets.ts';
import type {
  Neighbour,
  PastTrades,
  TradeHole,
  TradePage,
  TradeRefusal,
} from '../../src/core/past-trades.ts';
import { type FlatRow, flatten } from '../../src/core/pipeline/flatten.ts';

/** A trade beside a hole, as far as it matters. */
type Beside = Partial<Neighbour> & Pick<Neighbour, 'trade_id' | 'timestamp'>;

/** One line of test/frames/rest/<exchange>.ndjson: an answer of the REST interface and what is read out of it. */
export interface Answered {
  readonly hole: {
    readonly symbol: string;
    readonly before?: Beside;
    readonly after?: Beside;
    /** Left out: the time of the trade beside it. */
    readonly from?: Micros;
    readonly to?: Micros;
  };
  /** When it was asked, epoch microseconds. */
  readonly now: Micros;
  /** The address that was asked: the first one of the hole, unless the line is of a page behind it. */
  readonly url: string;
  readonly behind?: true;
  readonly body: string;
  readonly received_at: Micros;
  /** Rows as `replay` prints them, or how the exchange refused. */
  readonly expect: { readonly rows: readonly FlatRow[]; readonly rejects?: number } | TradeRefusal;
  /** The address of the next page, or null. Left out where it refused. */
  readonly next?: string | null;
  /** Frames of the socket that told the same trades, in the same order. */
  readonly frames?: readonly string[];
  /** The mistake that this line would show. */
  readonly trap?: string;
}

export function marketOf({ markets }: Exchange, symbol: string): Market {
  const market = new Markets((name) => markets.split(name)).get(symbol);
  if (!market) throw new Error(`${symbol} is no symbol`);
  return market;
}

export function holeOf(exchange: Exchange, { hole }: Answered): TradeHole {
  const { symbol, before = null, after = null } = hole;
  return {
    market: marketOf(exchange, symbol),
    before: before && whole(before),
    after: after && whole(after),
    from: hole.from ?? before?.timestamp ?? Number.NaN,
    to: hole.to ?? after?.timestamp ?? Number.NaN,
  };
}

function whole(beside: Beside): Neighbour {
  return { fills: 1, price: 1, volume: 1, side: 'BUY', ...beside };
}

/** What was read out of an answer, in the words of a line. */
export function told(page: TradePage, { id, region }: Exchange): Answered['expect'] {
  if ('refused' in page) return page;
  const rows = page.trades.map((trade) => flatten(trade, id, region));
  return { rows, ...(page.rejected.length > 0 ? { rejects: page.rejected.length } : {}) };
}

export function pageOf(exchange: Exchange, past: PastTrades, line: Answered): TradePage {
  return past.read(line.body, marketOf(exchange, line.hole.symbol), line.received_at);
}
