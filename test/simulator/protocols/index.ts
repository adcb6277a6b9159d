import type { Protocol } from '../protocol.ts';
import { binance } from './binance.ts';
import { bitfinex } from './bitfinex.ts';
import { bybit } from './bybit.ts';
import { coinbase } from './coinbase.ts';
import { huobi } from './huobi.ts';
import { kraken } from './kraken.ts';
import { okx } from './okx.ts';
import { upbit } from './upbit.ts';

/** Every exchange the simulator can be, by id. */
export const protocols: Readonly<Record<string, Protocol>> = Object.fromEntries(
  [upbit, binance, bybit, okx, huobi, coinbase, kraken, bitfinex].map((protocol) => [protocol.id, protocol]),
);
