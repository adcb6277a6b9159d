import type { Exchange } from './exchange.ts';
import type { RequestType } from './market/market.ts';

/** Codes that one socket of an exchange may carry of this type. */
export function socketCodes({ limits }: Pick<Exchange, 'limits'>, type: RequestType): number {
  const { codesPerSocket, booksPerSocket = codesPerSocket } = limits;
  return type === 'orderbook' ? Math.min(booksPerSocket, codesPerSocket) : codesPerSocket;
}
