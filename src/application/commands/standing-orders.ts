import type { Cancel, Clock } from '../../common/clock.ts';
import { Fault, messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { type DesiredStream, type StreamKey, streamKey } from '../../core/desired/stream.ts';
import type { TargetName } from '../../core/events.ts';
import type { Micros } from '../../core/market/market.ts';
import { Markets } from '../../core/market/markets.ts';
import { ListingWatch, type Sight } from '../markets/listing-watch.ts';
import type { MarketLists } from '../markets/market-lists.ts';
import type { Reporter } from '../reporting/reporter.ts';
import type { DesiredWriter, ExchangeOffer } from './desired-writer.ts';
import { noneRuns, ordersOf, type PinnedStreams, type PinOrder, type PinProblem } from './pin-order.ts';

export interface StandingOrdersDeps {
  readonly writer: DesiredWriter;
  readonly offers: ReadonlyMap<string, ExchangeOffer>;
  readonly lists: Pick<MarketLists, 'of' | 'ensure' | 'state'>;
  readonly reporter: Pick<Reporter, 'tell'>;
  readonly clock: Clock;
  readonly log: Log;
  want(stream: DesiredStream): void;
  /** What is seen here of a code. */
  sight(key: StreamKey, symbol: string): Sight;
}

/** Something that does not run as it was ordered. */
export interface Notice {
  /** A stream: `upbit trade`. */
  readonly what: string;
  readonly why: string;
}

/** How often is tried again what could not be done, in ms. */
const AGAIN_MS = 5000;
/** Codes that a notice names. */
const NAMED = 5;
/** A code that comes back is received this much after it was asked for, µs. */
const RETURN: Micros = 5_000_000;

/**
 * What holds without a command: streams of the configuration, and selectors that follow the market lists. Each stream
 * stands for itself; what cannot be done is told and tried again with every list, when the store is back, and every
 * 5 s.
 */
export class StandingOrders {
  readonly #deps: StandingOrdersDeps;
  readonly #watch: ListingWatch;
  /** By stream; an order without symbols takes back what an earlier configuration asked for. */
  readonly #orders = new Map<string, PinOrder>();
  readonly #problems = new Map<string, PinProblem>();
  /** Codes in no list that still bring data, by stream. */
  readonly #unlisted = new Map<string, readonly string[]>();
  /** When codes left the selector of a stream, by `stream|symbol`. */
  readonly #leftAt = new Map<string, Micros>();
  /** Exchanges whose streams could not be brought up to date while the store was away. */
  readonly #late = new Set<string>();
  /** Per exchange one thing at a time. */
  readonly #busy = new Map<string, Promise<void>>();
  #cancel: Cancel = () => {};
  #stopped = false;

  constructor(deps: StandingOrdersDeps) {
    this.#deps = deps;
    this.#watch = new ListingWatch(deps.clock);
  }

  /**
   * Takes up the streams of the configuration, each exchange for itself.
   * @param nothingElse whether nothing runs without them
   * @throws Fault config_invalid where none of them can ever run
   */
  async pin(streams: readonly PinnedStreams[], nothingElse: () => boolean = () => true): Promise<void> {
    const orders = ordersOf(streams);
    for (const { id, types } of Array.from(this.#deps.offers.values(), ({ exchange }) => exchange))
      for (const request_type of types)
        this.#orders.set(streamKey({ exchange: id, request_type }), {
          exchange: id,
          request_type,
          symbols: [],
        });
    for (const order of orders) this.#orders.set(streamKey(order), order);
    const ids = [...new Set([...this.#orders.values()].map(({ exchange }) => exchange))];
    await Promise.all(
      ids.map(async (id) => {
        const asked = orders.some(({ exchange }) => exchange === id);
        if (asked && this.#deps.offers.get(id)?.enabled) await this.#deps.lists.ensure(id);
        await this.marketsChanged(id);
      }),
    );
    this.#again();
    const hopeless = orders.flatMap((order) => {
      const problem = this.#problems.get(streamKey(order));
      return problem?.hopeless ? [{ order, why: problem.why }] : [];
    });
    if (orders.length > 0 && hopeless.length === orders.length && nothingElse()) throw noneRuns(hopeless);
  }

  /** Brings the streams of an exchange up to date with its market list. */
  marketsChanged(id: string): Promise<void> {
    const after = (this.#busy.get(id) ?? Promise.resolve()).then(() => this.#follow(id));
    this.#busy.set(id, after);
    return after;
  }

  /** The store is back: what could not be written meanwhile is written now. */
  async storeIsBack(): Promise<void> {
    await Promise.all([...this.#late].map((id) => this.marketsChanged(id)));
  }

  /** What does not run as it was ordered. */
  notices(): Notice[] {
    const problems = Array.from(this.#problems, ([key, { why }]) => ({ what: key.replace('|', ' '), why }));
    const unlisted = Array.from(this.#unlisted, ([key, symbols]) => ({
      what: key.replace('|', ' '),
      why: `in no market list any more and still bringing data: ${named(symbols)}`,
    }));
    return [...problems, ...unlisted];
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #follow(id: string): Promise<void> {
    if (this.#stopped) return;
    this.#late.delete(id);
    for (const order of this.#orders.values()) if (order.exchange === id) await this.#guarded(order);
  }

  /** One stream that fails stops no other. */
  async #guarded(order: PinOrder): Promise<void> {
    try {
      this.#tell(order, await this.#carryOut(order));
      const offer = this.#deps.offers.get(order.exchange);
      if (offer?.enabled) await this.#reselect(order, offer);
    } catch (error) {
      this.#late.add(order.exchange);
      const why = `waits for the state store: ${messageOf(error)}`;
      if (order.symbols.length > 0) {
        this.#tell(order, { why, hopeless: false });
        await this.#unwritten(order).catch(() => {});
      }
      if (!(error instanceof Fault))
        this.#deps.log.error(
          { phase: 'markets', ...order, err: error },
          `standing orders: ${messageOf(error)}`,
        );
    }
  }

  /** A store that takes no writes and never had the stream: whether it may run is for the leases to say. */
  async #unwritten({ exchange, request_type, symbols }: PinOrder): Promise<void> {
    const { offers, lists, writer, want } = this.#deps;
    const offer = offers.get(exchange);
    if (!offer?.enabled) return;
    const desired = await writer.unwritten({ exchange, request_type }, symbols, offer, lists.of(exchange));
    if (desired) want(desired);
  }

  /** @returns what of it does not run, null where all of it does */
  async #carryOut(order: PinOrder): Promise<PinProblem | null> {
    const { exchange, request_type, symbols } = order;
    const { offers, lists, writer, want } = this.#deps;
    const offer = offers.get(exchange);
    if (!offer) return { why: `${exchange} is not an exchange of this build`, hopeless: true };
    const markets = offer.enabled ? lists.of(exchange) : new Markets(offer.exchange.markets.split);
    const { desired, reply, became } = await writer.pin({ exchange, request_type }, symbols, offer, markets);
    if (became === 'written' || (symbols.length > 0 && desired.version > 0)) want(desired);
    if (symbols.length === 0) return null;
    if (reply.outcome === 'refused')
      return { why: reply.errors.map(({ message }) => message).join('; '), hopeless: true };
    if (reply.errors.length === 0) return null;
    const why = reply.errors
      .slice(0, NAMED)
      .map(({ message }) => message)
      .join('; ');
    const more = reply.errors.length > NAMED ? `; and ${reply.errors.length - NAMED} more` : '';
    // A list that was only remembered may be behind.
    const certain = markets.known && lists.state(exchange).refreshedAt !== null;
    return {
      why: `pinned and not to be had: ${why}${more}`,
      hopeless: certain && reply.resolved.length === 0,
    };
  }

  async #reselect(key: StreamKey, offer: ExchangeOffer): Promise<void> {
    const { writer, lists, want, sight, reporter, log } = this.#deps;
    const next = await writer.reselect(key, offer, lists.of(key.exchange), (symbol) =>
      this.#watch.stays(key, symbol, sight(key, symbol)),
    );
    if (!next) return;
    const { desired, joined, left, omitted, kept } = next;
    want(desired);
    const speaking = kept.filter((symbol) => sight(key, symbol).where === 'here');
    this.#watch.forget(key, new Set(kept));
    if (speaking.length > 0) this.#unlisted.set(streamKey(key), speaking);
    else this.#unlisted.delete(streamKey(key));
    if (joined.length + left.length + omitted.length === 0) return;
    const target = { exchange: key.exchange, region: offer.exchange.region, request_type: key.request_type };
    reporter.tell({
      kind: 'state',
      target,
      correlationId: desired.correlation_id,
      detail: { markets: { joined, left, omitted } },
    });
    this.#tellAbsence(key, target, desired, joined, left);
    if (omitted.length === 0) return;
    const words = `${omitted.length} listed markets have no place within the limits of ${key.exchange}`;
    log.warn({ phase: 'markets', ...target, omitted: omitted.length }, words);
  }

  /** Codes that traded and leave by a list, and those that come back, were missing in between. */
  #tellAbsence(
    key: StreamKey,
    target: TargetName,
    { correlation_id }: DesiredStream,
    joined: readonly string[],
    left: readonly string[],
  ): void {
    const { clock, reporter, lists, sight } = this.#deps;
    const now = clock.micros();
    const tell = (symbol: string, from: Micros, to: Micros): void => {
      const code = lists.of(key.exchange).get(symbol)?.code ?? symbol;
      const gap = {
        from,
        to,
        cause: 'stale' as const,
        codes: [code],
        first_missing_id: null,
        last_missing_id: null,
      };
      reporter.tell({ kind: 'gap', target, correlationId: correlation_id, gap, detail: { unlisted: true } });
    };
    for (const symbol of left) {
      const seen = sight(key, symbol);
      if (seen.where === 'here' && seen.lastDataAt !== null) tell(symbol, seen.lastDataAt, now);
      this.#leftAt.set(`${streamKey(key)}|${symbol}`, now);
    }
    for (const symbol of joined) {
      const name = `${streamKey(key)}|${symbol}`;
      const since = this.#leftAt.get(name);
      if (since !== undefined) tell(symbol, since, now + RETURN);
      this.#leftAt.delete(name);
    }
  }

  #tell(order: PinOrder, problem: PinProblem | null): void {
    const key = streamKey(order);
    const before = this.#problems.get(key);
    if (problem === null) this.#problems.delete(key);
    else this.#problems.set(key, problem);
    if (before?.why === problem?.why) return;
    const { log, reporter, offers } = this.#deps;
    const { exchange, request_type, symbols } = order;
    const scope = { phase: 'markets', exchange, request_type, symbols: symbols.slice(0, NAMED) };
    if (problem === null) log.info(scope, `${exchange} ${request_type}: all that is pinned runs`);
    else log.warn(scope, `${exchange} ${request_type}: ${problem.why}`);
    const region = offers.get(exchange)?.exchange.region ?? 'unknown';
    reporter.tell({
      kind: 'state',
      target: { exchange, region, request_type },
      reason: problem?.why ?? null,
      detail: { pinned: { symbols, problem: problem?.why ?? null } },
    });
  }

  #again(): void {
    this.#cancel();
    if (this.#stopped) return;
    this.#cancel = this.#deps.clock.after(AGAIN_MS, () => {
      const ids = new Set(Array.from(this.#orders.values(), ({ exchange }) => exchange));
      void Promise.all(
        [...ids].filter((id) => this.#unsettled(id)).map((id) => this.marketsChanged(id)),
      ).then(() => this.#again());
    });
  }

  /** Pins are looked after, for whoever else lives decides what they come to; selectors where something is open. */
  #unsettled(id: string): boolean {
    const pinned = [...this.#orders.values()].some(
      ({ exchange, symbols }) => exchange === id && symbols.length > 0,
    );
    return pinned || this.#late.has(id) || this.#watch.watches(id);
  }
}

function named(symbols: readonly string[]): string {
  return `${symbols.slice(0, NAMED).join(', ')}${symbols.length > NAMED ? ` and ${symbols.length - NAMED} more` : ''}`;
}
