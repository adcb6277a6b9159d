import { Fault } from '../../common/errors.ts';
import type { RequestType } from '../../core/market/market.ts';

/** Streams of the configuration: these symbols, for each of the types. */
export interface PinnedStreams {
  readonly exchange: string;
  readonly type: readonly RequestType[];
  readonly symbols: readonly string[];
}

/** What the configuration asks for in one stream. */
export interface PinOrder {
  readonly exchange: string;
  readonly request_type: RequestType;
  readonly symbols: readonly string[];
}

/** Why an order, or part of it, does not run. */
export interface PinProblem {
  readonly why: string;
  /** Nothing of the order runs, and nothing but another configuration can change that, as far as can be known. */
  readonly hopeless: boolean;
}

/** One order per stream: a second mention of it adds to the first. */
export function ordersOf(streams: readonly PinnedStreams[]): PinOrder[] {
  const orders = new Map<string, PinOrder>();
  for (const { exchange, type: types, symbols } of streams) {
    for (const request_type of types) {
      const key = `${exchange}|${request_type}`;
      const all = [...new Set([...(orders.get(key)?.symbols ?? []), ...symbols])];
      orders.set(key, { exchange, request_type, symbols: all.includes('*') ? ['*'] : all });
    }
  }
  return [...orders.values()];
}

/** None of the configured streams can run. */
export function noneRuns(orders: readonly { readonly order: PinOrder; readonly why: string }[]): Fault {
  const subject = orders
    .map(
      ({ order: { exchange, request_type, symbols } }) => `${exchange} ${request_type} ${symbols.join(',')}`,
    )
    .join('; ');
  const why = [...new Set(orders.map((one) => one.why))].join('; ');
  return new Fault(
    'config_invalid',
    `streams: ${subject}`,
    `${why}.`,
    'Mend streams in the settings, or the flags.',
  );
}
