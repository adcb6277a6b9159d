/** What the benchmark subscribes to, as the floor client has to say it. */
export interface Feed {
  readonly exchange: string;
  readonly type: 'ticker' | 'trade';
  /** Path behind the simulator's own. */
  readonly path: string;
  subscription(symbols: readonly string[]): string;
}

export const UPBIT_TICKER: Feed = {
  exchange: 'upbit',
  type: 'ticker',
  path: '/websocket/v1',
  subscription: (codes) =>
    JSON.stringify([{ ticket: 'floor' }, { type: 'ticker', codes }, { format: 'DEFAULT' }]),
};

export const BINANCE_TRADE: Feed = {
  exchange: 'binance',
  type: 'trade',
  path: '/stream',
  subscription: (symbols) =>
    JSON.stringify({
      method: 'SUBSCRIBE',
      params: symbols.map((symbol) => `${symbol.toLowerCase()}@trade`),
      id: 1,
    }),
};
