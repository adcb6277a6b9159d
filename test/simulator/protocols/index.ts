import type { Protocol } from '../protocol.ts';
import { binance } from './binance.ts';
import { upbit } from './upbit.ts';

/** Every exchange the simulator can be, by id. */
export const protocols: Readonly<Record<string, Protocol>> = Object.fromEntries(
  [upbit, binance].map((protocol) => [protocol.id, protocol]),
);
