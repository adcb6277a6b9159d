/** Where an exchange is counted; part of topic names. */
export type Region = 'korea' | 'asia' | 'na' | 'eu';
export const REGIONS: readonly Region[] = ['korea', 'asia', 'na', 'eu'];

/** Kinds of market data. */
export type RequestType = 'ticker' | 'trade' | 'orderbook';
export const REQUEST_TYPES: readonly RequestType[] = ['ticker', 'trade', 'orderbook'];

/** An exchange's id, lower case: `upbit`. */
export type ExchangeId = string;

/** Epoch microseconds as an exact integer. */
export type Micros = number;

export interface Pair {
  /** Upper case. */
  readonly base: string;
  /** Upper case. */
  readonly quote: string;
}

/** One tradable pair of one exchange. */
export interface Market extends Pair {
  /** The exchange's own id, exactly as its frames spell it. */
  readonly symbol: string;
  /** `QUOTE-BASE`, the same spelling for every exchange: `KRW-BTC`, `USDT-BTC`. */
  readonly code: string;
}

/** Builds a market; base and quote are upper-cased, the symbol is kept as it is. */
export function market(symbol: string, base: string, quote: string): Market {
  const b = base.toUpperCase();
  const q = quote.toUpperCase();
  return { symbol, base: b, quote: q, code: `${q}-${b}` };
}
