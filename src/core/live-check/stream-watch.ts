import type { Exchange } from '../exchange.ts';
import { parseFrame } from '../frame.ts';
import type { Market, Micros, RequestType } from '../market/market.ts';
import type { Row, Trade } from '../market/rows.ts';
import { BookWatch } from './book-watch.ts';
import { unknownKeys } from './frame-keys.ts';
import { KeptFrames } from './kept-frames.ts';
import type { PriceWatch } from './price-watch.ts';
import { type Cut, TradeWatch } from './trade-watch.ts';

/** Reasons and keys that are told one by one. */
const MOST_NAMES = 200;
/** Rows whose lag is kept. */
const MOST_LAGS = 5000;

/** What one code of a stream brought. */
export interface CodeWatch {
  readonly market: Market;
  rows: number;
  readonly trades: TradeWatch | null;
  readonly book: BookWatch | null;
  readonly price: PriceWatch;
}

/** Everything that one stream of an exchange received, as far as it is looked at; its memory is bounded. */
export class StreamWatch {
  readonly exchange: Exchange;
  readonly type: RequestType;
  readonly kept = new KeptFrames();
  readonly codes = new Map<string, CodeWatch>();
  /** By reason. */
  readonly rejected = new Map<string, number>();
  readonly unknown = new Map<string, number>();
  readonly refused = new Map<string, string>();
  readonly breaks = new Map<string, number>();
  readonly cuts: Cut[] = [];
  readonly notes = new Set<string>();
  readonly #known: ReadonlySet<string> | null;
  readonly #lags: Micros[] = [];
  frames = 0;
  bytes = 0;
  rows = 0;
  control = 0;
  /** Sockets that were opened or tried. */
  opens = 0;
  /** Longest time without any frame, µs; null before the second. */
  silence: Micros | null = null;
  #lastFrameAt: Micros | null = null;

  /** @param known keys of its frames; null where they are not known */
  constructor(
    exchange: Exchange,
    type: RequestType,
    markets: readonly (readonly [Market, PriceWatch])[],
    known: ReadonlySet<string> | null,
    book: string | null = null,
  ) {
    this.exchange = exchange;
    this.type = type;
    this.#known = known;
    const { tradeIds, pastTrades, orderbooks } = exchange;
    const start = orderbooks?.start(book ?? orderbooks.choices[0]);
    for (const [market, price] of markets)
      this.codes.set(market.symbol, {
        ...{ market, rows: 0, price },
        trades:
          type === 'trade' ? new TradeWatch({ tradeIds, otherIds: pastTrades?.otherIds ?? false }) : null,
        book: type === 'orderbook' ? new BookWatch(start === 'fetched') : null,
      });
  }

  frame(data: string | Uint8Array, receivedAt: Micros): void {
    this.frames++;
    this.bytes += data.length;
    if (this.#lastFrameAt !== null)
      this.silence = Math.max(this.silence ?? 0, receivedAt - this.#lastFrameAt);
    this.#lastFrameAt = receivedAt;
    this.kept.frame({ data, receivedAt });
  }

  /** The text of a frame, before it is read. */
  text(text: string, receivedAt: Micros): void {
    if (this.#known === null) return;
    const unknown = unknownKeys(parseFrame(text), this.#known);
    for (const key of unknown) {
      if (!this.unknown.has(key)) this.kept.odd({ data: text, receivedAt });
      count(this.unknown, key);
    }
  }

  reject(reason: string, frame: string | Uint8Array, receivedAt: Micros): void {
    count(this.rejected, reason);
    this.kept.odd({ data: frame, receivedAt });
  }

  row(row: Row): void {
    this.rows++;
    if (row.received_at !== row.timestamp && row.stream_type === 'REALTIME' && this.#lags.length < MOST_LAGS)
      this.#lags.push(row.received_at - row.timestamp);
    const code = this.codes.get(row.market.symbol);
    if (!code) return;
    code.rows++;
    if (row.kind === 'orderbook') code.book?.take(row);
    if (row.kind === 'trade') this.#trade(code, row);
    if (row.kind === 'ticker') code.price.take(row.close, row.received_at);
  }

  #trade(code: CodeWatch, trade: Trade): void {
    code.trades?.take(trade);
    code.price.take(trade.price, trade.received_at);
  }

  /** Median; null where rows bear no time of the exchange. */
  get lag(): Micros | null {
    return this.#lags.toSorted((a, b) => a - b)[this.#lags.length >> 1] ?? null;
  }
}

/** Counts by name; of names beyond the bound all together. */
export function count(names: Map<string, number>, name: string): void {
  const under = names.has(name) || names.size < MOST_NAMES ? name : 'others';
  names.set(under, (names.get(under) ?? 0) + 1);
}
