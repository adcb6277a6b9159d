import type { SimExchange } from '../sim-exchange.ts';
import { LimitKeeper } from './limits.ts';
import type { PastTrade, RestAnswer, RestMarket, RestRequest } from './service.ts';

/** How trades of the past are shown, where that differs from the exchange's documents. */
export interface PastSettings {
  /** A trade is shown so much later than it happened; 0. */
  delayMs: number;
  /** The newest rows, or an age, where that is less than the exchange has. */
  reachRows: number;
  reachMs: number;
  /** Equal addresses get an equal answer for so long; null: as the exchange does. */
  cacheMs: number | null;
  /** Every `every`th answer is as old as `ms`: a replica that lags, an edge that keeps. */
  stale: { readonly ms: number; readonly every: number } | null;
  /** A page behind a cursor begins so many rows too early. */
  overlap: number;
}

/** An exchange's REST service at work: its limits by address, what it keeps, how much of the past it shows. */
export class RestDesk {
  readonly limits: LimitKeeper;
  readonly settings: PastSettings = {
    delayMs: 0,
    reachRows: Number.POSITIVE_INFINITY,
    reachMs: Number.POSITIVE_INFINITY,
    cacheMs: null,
    stale: null,
    overlap: 0,
  };
  readonly #kept = new Map<string, { answer: RestAnswer; untilMs: number }>();
  #asked = 0;

  constructor(readonly exchange: SimExchange) {
    const { protocol, ledger, lag } = exchange;
    this.limits = new LimitKeeper(protocol.id, protocol.restService?.limits, ledger, () => lag.ms);
  }

  /** The exchange's own answer, within its limits or not. */
  answer(request: RestRequest): RestAnswer {
    const spent = this.limits.spend(request);
    if ('refusal' in spent) return spent.refusal;
    const { headers, ...answer } = this.#cached(request);
    // Some exchanges tell their time so alone.
    const date = new Date(this.exchange.now()).toUTCString();
    return { ...answer, headers: { date, ...headers, ...spent.headers } };
  }

  #cached(request: RestRequest): RestAnswer {
    const cacheMs = this.settings.cacheMs ?? this.exchange.protocol.restService?.cacheMs ?? 0;
    if (cacheMs <= 0) return this.#made(request);
    const key = `${request.path}?${request.query}`;
    const kept = this.#kept.get(key);
    if (kept && request.now < kept.untilMs) return kept.answer;
    for (const [old, { untilMs }] of this.#kept) if (untilMs <= request.now) this.#kept.delete(old);
    const answer = this.#made(request);
    if ((answer.status ?? 200) === 200) this.#kept.set(key, { answer, untilMs: request.now + cacheMs });
    return answer;
  }

  #made(request: RestRequest): RestAnswer {
    const { protocol, listings } = this.exchange;
    const { path, query } = request;
    const own = protocol.restService?.answer(request, this.#market(request.now)) ?? this.#book(path, query);
    if (own) return own;
    const body = protocol.rest(path, query, listings);
    if (body !== undefined) return { body };
    return protocol.restService?.unknownPath ?? { status: 404, body: { error: 'not found' } };
  }

  /** A whole book, where the exchange's channels need one to begin with. */
  #book(path: string, query: URLSearchParams): RestAnswer | undefined {
    const { books, protocol } = this.exchange;
    const asked = protocol.books?.rest?.(path, query);
    if (!asked) return undefined;
    if (books.refusals > 0) {
      books.refusals--;
      return {
        status: 429,
        body: { code: -1003, msg: 'Too many requests.' },
        headers: { 'Retry-After': '1' },
      };
    }
    const { symbol, channel, depth } = asked;
    if (!this.exchange.lists(symbol)) return asked.unknown;
    return { body: asked.answer(books.asked(symbol, channel, depth, true)) };
  }

  #market(now: number): RestMarket {
    const { exchange, settings } = this;
    const late = settings.stale && ++this.#asked % settings.stale.every === 0 ? settings.stale.ms : 0;
    return {
      listings: exchange.listings,
      now: exchange.now(),
      overlap: settings.overlap,
      find: (symbol) => (exchange.lists(symbol) ? exchange.walk(symbol).listing : undefined),
      past: (symbol) => this.#past(symbol, now, now - settings.delayMs - late),
      tick: (symbol) => exchange.walk(symbol).tick(exchange.now(), false),
      book: (symbol, channel, depth) => exchange.books.told(symbol, channel, depth),
    };
  }

  /** @param asOf what happened later is not shown yet */
  #past(symbol: string, now: number, asOf: number): PastTrade[] {
    const { protocol, tapes } = this.exchange;
    const reach = protocol.restService?.reach;
    const rows = tapes.find(symbol)?.visible(asOf) ?? [];
    const oldest = now - Math.min(reach?.ms ?? Number.POSITIVE_INFINITY, this.settings.reachMs);
    const count = Math.min(reach?.rows ?? Number.POSITIVE_INFINITY, this.settings.reachRows);
    const within = rows.filter(({ timeMs }) => timeMs >= oldest);
    return count >= within.length ? within : within.slice(within.length - count);
  }
}
