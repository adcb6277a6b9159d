import { type BookFetchDeps, bookFetches, type RestAnswer } from '../application/rest/book-fetches.ts';
import { type RestClass, RestTurns } from '../application/rest/rest-turns.ts';
import type { Clock } from '../common/clock.ts';
import type { Fault } from '../common/errors.ts';
import { rewriteAddress } from '../core/address.ts';
import type { FetchBook } from '../core/connection/link-parts.ts';
import type { Exchange } from '../core/exchange.ts';
import { ask } from '../infra/rest/ask.ts';
import { retryAfter } from '../infra/websocket/refusal.ts';
import { readPem } from './pem.ts';
import { exchangeSettings, type Settings } from './settings.ts';

/** A book of thousands of levels is some hundred kilobytes. */
const MAX_BYTES = 16 * 1024 * 1024;
/** What a request for a market list weighs unless the plug-in says so. */
const LIST_WEIGHT = 1;

/** The REST interfaces of the exchanges: whose turn it is, and what is asked for. */
export interface Rest {
  /** Resolves when a market list of the exchange may be asked for. */
  listTurn(exchange: Exchange): Promise<void>;
  /** Resolves when anything else may be asked for; it counts as asked. */
  turn(exchange: Exchange, kind: RestClass, weight: number): Promise<void>;
  /** The exchange wants to see no request for so long. */
  block(exchange: Exchange, forMs: number): void;
  /** How books are fetched; undefined where they do not come over REST. */
  books(exchange: Exchange): FetchBook | undefined;
  turns(exchange: Exchange): RestTurns;
  /** One request, bounded in time and size. @throws Error */
  ask: BookFetchDeps['ask'];
  stop(): void;
}

/** @param onFailure told of every book that could not be fetched */
export function openRest(
  exchanges: readonly Exchange[],
  settings: Settings,
  clock: Clock,
  onFailure: (exchange: Exchange, fault: Fault) => void,
): Rest {
  const turns = new Map(exchanges.map((exchange) => [exchange.id, new RestTurns(clock, exchange)]));
  const turnsOf = ({ id }: Exchange): RestTurns => {
    const found = turns.get(id);
    if (!found) throw new Error(`${id} is not enabled`);
    return found;
  };
  const answer = answering(settings, clock);
  return {
    listTurn: (exchange) =>
      exchange.limits.rest
        ? turnsOf(exchange).turn('list', exchange.markets.weight ?? LIST_WEIGHT)
        : Promise.resolve(),
    turn: (exchange, kind, weight) => turnsOf(exchange).turn(kind, weight),
    block: (exchange, forMs) => turnsOf(exchange).block(forMs),
    books(exchange) {
      const { orderbook } = exchangeSettings(settings, exchange.id);
      return bookFetches(exchange, orderbook, { clock, turns: turnsOf(exchange), ask: answer, onFailure });
    },
    turns: turnsOf,
    ask: answer,
    stop() {
      for (const one of turns.values()) one.stop();
    },
  };
}

/** One GET by the address, proxy and authority that the settings give an exchange. */
function answering(settings: Settings, clock: Clock): BookFetchDeps['ask'] {
  return async ({ id }, url): Promise<RestAnswer> => {
    const { rest_url, proxy, ca_file } = exchangeSettings(settings, id);
    const { status, headers, text } = await ask(rewriteAddress(url, rest_url), {
      clock,
      timeoutMs: settings.markets.timeout_ms,
      maxBytes: MAX_BYTES,
      headers: { accept: 'application/json' },
      proxy,
      ca: readPem(`exchanges.${id}.ca_file`, ca_file),
    });
    const after = retryAfter(headers.get('retry-after'), clock.micros() / 1000);
    return { status, retryAfterMs: after, text };
  };
}
