import type { Exchange } from '../src/core/exchange.ts';
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

/** Every plug-in of this build, in the order in which people see them. */
export const EXCHANGES: readonly Exchange[] = [
  upbit,
  bithumb,
  coinone,
  korbit,
  binance,
  bybit,
  okx,
  huobi,
  coinbase,
  kraken,
  bitfinex,
];
