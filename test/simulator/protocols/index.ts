import type { Protocol } from '../protocol.ts';
import { binance } from './binance.ts';
import { bitfinex } from './bitfinex.ts';
import { bithumb } from './bithumb.ts';
import { bybit } from './bybit.ts';
import { coinbase } from './coinbase.ts';
import { coinone } from './coinone.ts';
import { huobi } from './huobi.ts';
import { korbit } from './korbit.ts';
import { kraken } from './kraken.ts';
import { okx } from './okx.ts';
import { upbit } from './upbit.ts';

/** Every exchange the simulator can be, by id. */
export const protocols: Readonly<Record<string, Protocol>> = Object.fromEntries(
  [upbit, bithumb, coinone, korbit, binance, bybit, okx, huobi, coinbase, kraken, bitfinex].map(
    (protocol) => [protocol.id, protocol],
  ),
);
