/** What the benchmark subscribes to, as the floor client has to say it. */
export interface Feed {
  readonly exchange: string;
  readonly type: 'ticker' | 'trade' | 'orderbook';
  /** Codes that are subscribed. */
  readonly codes: number;
  /** Path behind the simulator's own. */
  readonly path: string;
  subscription(symbols: readonly string[]): string;
}

export const UPBIT_TICKER: Feed = {
  exchange: 'upbit',
  type: 'ticker',
  codes: 100,
  path: '/websocket/v1',
  subscription: (codes) =>
    JSON.stringify([{ ticket: 'floor' }, { type: 'ticker', codes }, { format: 'DEFAULT' }]),
};

export const BINANCE_TRADE: Feed = {
  exchange: 'binance',
  type: 'trade',
  codes: 100,
  path: '/stream',
  subscription: (symbols) =>
    JSON.stringify({
      method: 'SUBSCRIBE',
      params: symbols.map((symbol) => `${symbol.toLowerCase()}@trade`),
      id: 1,
    }),
};

/** Whole books of 30 levels a side. */
export const UPBIT_BOOK: Feed = {
  exchange: 'upbit',
  type: 'orderbook',
  codes: 100,
  path: '/websocket/v1',
  subscription: (codes) =>
    JSON.stringify([{ ticket: 'floor' }, { type: 'orderbook', codes }, { format: 'DEFAULT' }]),
};

/** Changes of some 20 levels. Few codes: each one's whole book has to be fetched within the limits first. */
export const BINANCE_BOOK: Feed = {
  exchange: 'binance',
  type: 'orderbook',
  codes: 20,
  path: '/stream',
  subscription: (symbols) =>
    JSON.stringify({
      method: 'SUBSCRIBE',
      params: symbols.map((symbol) => `${symbol.toLowerCase()}@depth@100ms`),
      id: 1,
    }),
};
