import type { Command } from '../../core/commands/command.ts';
import type { Answer, Applied, Pinner } from '../../core/desired/answer.ts';
import { type ApplyContext, apply } from '../../core/desired/apply.ts';
import { withLiving } from '../../core/desired/pin.ts';
import { type Reselected, reselect } from '../../core/desired/reselect.ts';
import type { StreamRules } from '../../core/desired/rules.ts';
import {
  type DesiredStream,
  emptyStream,
  isRunning,
  type StreamKey,
  streamKey,
} from '../../core/desired/stream.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { Region, RequestType } from '../../core/market/market.ts';
import type { Markets } from '../../core/market/markets.ts';
import { socketCodes } from '../../core/socket-codes.ts';
import type { DesiredStore, Epoch, StoredOutcome, WriteGuard } from '../state-store.ts';
import type { DesiredMemory } from './desired-memory.ts';

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
    codesPerSocket: socketCodes(exchange, type),
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

/** How the collectors stand to each other's pins, asked for now. */
export type AskPinner = () => Promise<Pinner>;

/**
 * Changes desired state in the store, by reading, reckoning and writing what was not changed meanwhile by another.
 * Every method fails with the store's Fault while the store is away.
 */
export class DesiredWriter {
  readonly #store: DesiredStore;
  readonly #memory: DesiredMemory;
  readonly #now: () => number;
  readonly #pinner: AskPinner | null;

  /**
   * @param now epoch ms
   * @param pinner null: this collector alone pins
   */
  constructor(
    store: DesiredStore,
    memory: DesiredMemory,
    now: () => number,
    pinner: AskPinner | null = null,
  ) {
    this.#store = store;
    this.#memory = memory;
    this.#now = now;
    this.#pinner = pinner;
  }

  /**
   * Carries out a command.
   * @param outcomeOf makes what is stored with the change, in one step with it, out of the reducer's answer
   */
  apply(
    key: StreamKey,
    command: Command,
    offer: ExchangeOffer,
    markets: Markets,
    outcomeOf?: (answer: Answer) => StoredOutcome,
  ): Promise<Carried> {
    return this.#apply(key, command, offer, markets, true, outcomeOf);
  }

  async #apply(
    key: StreamKey,
    command: Command,
    offer: ExchangeOffer,
    markets: Markets,
    patient: boolean,
    outcomeOf?: (answer: Answer) => StoredOutcome,
  ): Promise<Carried> {
    for (;;) {
      const { desired: before, expected, epoch } = await this.#memory.current(key, patient);
      const pinner = (await this.#pinner?.()) ?? undefined;
      const room = await this.#room(offer, key, epoch);
      const context: ApplyContext = {
        rules: streamRules(offer, key.request_type, room.sockets),
        markets,
        nowMs: this.#now(),
        ...(pinner ? { pinner } : {}),
      };
      const applied = apply(before, command, context);
      if (applied.desired === before) {
        return { ...applied, desired: pinner ? withLiving(before, pinner) : before, became: 'unchanged' };
      }
      const outcome = outcomeOf?.(applied.reply);
      const guard = { others: room.others, ...(patient ? { epoch: epoch.id } : {}) };
      const became = await this.#store.write(expected, applied.desired, outcome, guard);
      if (became === 'written') this.#memory.remember(applied.desired, epoch.id);
      if (became !== 'outdated') return { ...applied, became };
    }
  }

  /**
   * Holds a stream against a fresh market list and the limits; null where nobody ever asked for it.
   * @param stays whether a symbol that the list has not is to stay all the same
   */
  async reselect(
    key: StreamKey,
    offer: ExchangeOffer,
    markets: Markets,
    stays: (symbol: string) => boolean = () => false,
  ): Promise<Reselected | null> {
    for (;;) {
      const before = await this.#memory.read(key);
      if (!before) return null;
      const room = await this.#room(offer, key);
      const rules = streamRules(offer, key.request_type, room.sockets);
      const next = reselect(before, markets, rules, stays);
      if (next.desired === before) return next;
      const guard = { others: room.others };
      if ((await this.#store.write(before.version, next.desired, undefined, guard)) !== 'written') continue;
      this.#memory.remember(next.desired);
      return next;
    }
  }

  /**
   * Streams of the configuration: what `symbols` names runs and is out of reach of commands; none: it names nothing.
   * It does not wait for what others may know: a stream they bring back is pinned again.
   */
  pin(key: StreamKey, symbols: readonly string[], offer: ExchangeOffer, markets: Markets): Promise<Carried> {
    const command = pinCommand(key, offer.exchange.region, symbols, this.#now());
    return this.#apply(key, command, offer, markets, false);
  }

  /**
   * What a pin comes to of a stream that the store has never had, while it takes no writes; null where it has it, or the
   * pin brings nothing. Its version is 0: what is written later is newer. @throws Fault redis_unavailable
   */
  async unwritten(
    key: StreamKey,
    symbols: readonly string[],
    offer: ExchangeOffer,
    markets: Markets,
  ): Promise<DesiredStream | null> {
    if (this.#memory.known(key) || (await this.#memory.read(key))) return null;
    if ((await this.#store.lastVersion(key)) > 0) return null;
    const rules = streamRules(offer, key.request_type, offer.exchange.limits.sockets);
    const nowMs = this.#now();
    const command = pinCommand(key, offer.exchange.region, symbols, nowMs);
    const { desired } = apply(emptyStream(key), command, { rules, markets, nowMs });
    return isRunning(desired) ? { ...desired, version: 0 } : null;
  }

  /** Sockets that the exchange leaves to a stream, null: as many as it likes; and the streams that this depends on. */
  async #room(
    { exchange }: ExchangeOffer,
    key: StreamKey,
    epoch?: Epoch,
  ): Promise<{ readonly sockets: number | null; readonly others: NonNullable<WriteGuard['others']> }> {
    const { sockets } = exchange.limits;
    if (sockets === null) return { sockets, others: [] };
    const others = exchange.types
      .filter((type) => type !== key.request_type)
      .map((type): StreamKey => ({ exchange: exchange.id, request_type: type }));
    const streams = await this.#memory.readAll(others, epoch);
    const versions = new Map(streams.map((stream) => [streamKey(stream), stream.version]));
    return {
      sockets: streams.reduce(
        (left, { shards }) => left - shards.filter((shard) => shard.length > 0).length,
        sockets,
      ),
      others: others.map((other) => ({ key: other, version: versions.get(streamKey(other)) ?? 0 })),
    };
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
