import { EXCHANGES } from '../../exchanges/index.ts';
import { didYouMean } from '../common/nearest.ts';
import type { Exchange } from '../core/exchange.ts';
import { REQUEST_TYPES, type RequestType } from '../core/market/market.ts';
import { usage } from './args.ts';

/** The plug-in of an id. @throws Fault usage */
export function pickExchange(command: string, id: string | undefined): Exchange {
  if (id === undefined) throw usage(command, '--exchange is missing.');
  const exchange = EXCHANGES.find((candidate) => candidate.id === id);
  if (exchange) return exchange;
  const known = EXCHANGES.map((one) => one.id);
  const meant = didYouMean(id, known);
  throw usage(command, `--exchange ${id}: there is no such exchange.${meant} There are ${known.join(', ')}.`);
}

/** A type that the exchange has. @throws Fault usage */
export function pickType(command: string, exchange: Exchange, type: string | undefined): RequestType {
  if (type === undefined) throw usage(command, '--type is missing.');
  const known = REQUEST_TYPES.find((candidate) => candidate === type);
  if (known && exchange.types.includes(known)) return known;
  const meant = didYouMean(type, exchange.types);
  throw usage(command, `--type ${type}: ${exchange.id} has ${exchange.types.join(', ')}.${meant}`);
}
