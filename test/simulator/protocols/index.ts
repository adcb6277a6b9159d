import type { Protocol } from '../protocol.ts';
import { binance } from './binance.ts';
import { bybit } from './bybit.ts';
import { huobi } from './huobi.ts';
import { okx } from './okx.ts';
import { upbit } from './upbit.ts';

/** Every exchange the simulator can be, by id. */
export const protocols: Readonly<Record<string, Protocol>> = Object.fromEntries(
  [upbit, binance, bybit, okx, huobi].map((protocol) => [protocol.id, protocol]),
);
