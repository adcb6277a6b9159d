import type { Command } from '../core/commands/command.ts';
import type { Answer, Applied } from '../core/desired/answer.ts';
import { type ApplyContext, apply } from '../core/desired/apply.ts';
import { type Reselected, reselect } from '../core/desired/reselect.ts';
import type { StreamRules } from '../core/desired/rules.ts';
import { type DesiredStream, emptyStream, type StreamKey } from '../core/desired/stream.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Region, RequestType } from '../core/market/market.ts';
import type { Markets } from '../core/market/markets.ts';
import type { DesiredStore, StoredOutcome } from './state-store.ts';

/** An exchange of this build, with what the settings say about it. */
export interface ExchangeOffer {
  /** With the settings' own limits in place of larger ones. */
  readonly exchange: Exchange;
  readonly enabled: boolean;
  /** Address that the settings put in place of the plug-in's; null: none. */
  readonly url: string | null;
  /** Further hosts that a command's `connection.url` may name. */
  readonly allowedHosts: readonly string[];
}

/** The rules that a stream is held against, as far as they do not depend on other streams. */
export function streamRules(offer: ExchangeOffer, type: RequestType, sockets: number | null): StreamRules {
  const { exchange, enabled, url, allowedHosts } = offer;
  return {
    exchange: exchange.id,
    enabled,
    region: exchange.region,
    types: exchange.types,
    codesPerSocket: exchange.limits.codesPerSocket,
    sockets,
    addresses: {
      endpoint: exchange.endpoint(type),
      hosts: exchange.hosts,
      allowed: allowedHosts,
      replaced: url,
    },
  };
}

/**
 * A command that was carried out. `answered`: the store has an answer to the same record, which stands; what is said
 * here never came to be.
 */
export interface Carried extends Applied {
  readonly became: 'written' | 'unchanged' | 'answered';
}

/**
 * Changes desired state in the store, by reading, reckoning and writing what was not changed meanwhile by another.
 * Every method fails with the store's Fault while the store is away.
 */
export class DesiredWriter {
  readonly #store: DesiredStore;
  readonly #now: () => number;

  /** @param now epoch ms */
  constructor(store: DesiredStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /**
   * Carries out a command.
   * @param outcomeOf makes what is stored with the change, in one step with it, out of the reducer's answer
   */
  async apply(
    key: StreamKey,
    command: Command,
    offer: ExchangeOffer,
    markets: Markets,
    outcomeOf?: (answer: Answer) => StoredOutcome,
  ): Promise<Carried> {
    for (;;) {
      const before = (await this.#store.read(key)) ?? emptyStream(key);
      const context: ApplyContext = {
        rules: streamRules(offer, key.request_type, await this.#sockets(offer, key)),
        markets,
        nowMs: this.#now(),
      };
      const applied = apply(before, command, context);
      if (applied.desired === before) return { ...applied, became: 'unchanged' };
      const outcome = outcomeOf?.(applied.reply);
      const became = await this.#store.write(before.version, applied.desired, outcome);
      if (became !== 'outdated') return { ...applied, became };
    }
  }

  /** Holds a stream against a fresh market list and the limits; null where nobody ever asked for it. */
  async reselect(key: StreamKey, offer: ExchangeOffer, markets: Markets): Promise<Reselected | null> {
    for (;;) {
      const before = await this.#store.read(key);
      if (!before) return null;
      const rules = streamRules(offer, key.request_type, await this.#sockets(offer, key));
      const next = reselect(before, markets, rules);
      if (next.desired === before) return next;
      if ((await this.#store.write(before.version, next.desired)) === 'written') return next;
    }
  }

  /** Streams of the configuration: what `symbols` names runs and is out of reach of commands. */
  pin(key: StreamKey, symbols: readonly string[], offer: ExchangeOffer, markets: Markets): Promise<Carried> {
    return this.apply(key, pinCommand(key, offer.exchange.region, symbols, this.#now()), offer, markets);
  }

  /** Sockets that the exchange leaves to a stream; null: as many as it likes. */
  async #sockets({ exchange }: ExchangeOffer, key: StreamKey): Promise<number | null> {
    const { sockets } = exchange.limits;
    if (sockets === null) return null;
    const others = exchange.types
      .filter((type) => type !== key.request_type)
      .map((type) => ({ exchange: exchange.id, request_type: type }));
    const streams = await this.#store.readAll(others);
    return streams.reduce(
      (left, { shards }) => left - shards.filter((shard) => shard.length > 0).length,
      sockets,
    );
  }
}

function pinCommand(
  { exchange, request_type }: StreamKey,
  region: Region,
  symbols: readonly string[],
  nowMs: number,
): Command {
  return {
    action: 'pin',
    target: { exchange, region, request_type },
    symbols: [...new Set(symbols)],
    correlationId: null,
    issuedAtMs: nowMs,
    ttlMs: null,
    url: null,
    socketParams: false,
  };
}

/** Codes of a stream for people and replies. */
export function desiredSummary(stream: DesiredStream): Readonly<Record<string, unknown>> {
  const { version, selector, exceptions, codes, pinned, shards, correlation_id } = stream;
  return {
    version,
    selector,
    exceptions,
    symbols: codes,
    pinned,
    sockets: shards.filter((shard) => shard.length > 0).length,
    correlation_id,
  };
}
