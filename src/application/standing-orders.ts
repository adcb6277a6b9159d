import { Fault, messageOf } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import type { DesiredStream, StreamKey } from '../core/desired/stream.ts';
import type { RequestType } from '../core/market/market.ts';
import type { DesiredWriter, ExchangeOffer } from './desired-writer.ts';
import type { MarketLists } from './market-lists.ts';
import type { Reporter } from './reporter.ts';

/** Streams of the configuration: these symbols, for each of the types. */
export interface PinnedStreams {
  readonly exchange: string;
  readonly type: readonly RequestType[];
  readonly symbols: readonly string[];
}

export interface StandingOrdersDeps {
  readonly writer: DesiredWriter;
  readonly offers: ReadonlyMap<string, ExchangeOffer>;
  readonly lists: Pick<MarketLists, 'of' | 'ensure'>;
  readonly reporter: Pick<Reporter, 'tell'>;
  readonly log: Log;
  want(stream: DesiredStream): void;
}

/** What holds without a command: streams of the configuration, and selectors that follow the market lists. */
export class StandingOrders {
  readonly #deps: StandingOrdersDeps;
  /** Pinned streams whose symbols mean nothing before the market list is there. */
  readonly #waiting = new Map<string, PinnedStreams[]>();
  /** Exchanges whose selectors could not be brought up to date while the store was away. */
  readonly #late = new Set<string>();

  constructor(deps: StandingOrdersDeps) {
    this.#deps = deps;
  }

  /**
   * Takes up the streams of the configuration.
   * @throws Fault config_invalid where one of them cannot be, redis_unavailable
   */
  async pin(streams: readonly PinnedStreams[]): Promise<void> {
    await Promise.all([...new Set(streams.map(({ exchange }) => exchange))].map((id) => this.#ready(id)));
    for (const order of combined(streams)) await this.#pinOne(order);
  }

  /** The market list of an exchange changed, or was read for the first time. */
  async marketsChanged(id: string): Promise<void> {
    try {
      await this.#follow(id);
      this.#late.delete(id);
    } catch (error) {
      this.#late.add(id);
      this.#deps.log.warn(
        { phase: 'markets', exchange: id, err: error },
        `selectors wait: ${messageOf(error)}`,
      );
    }
  }

  /** The store is back: what could not be written meanwhile is written now. */
  async storeIsBack(): Promise<void> {
    await Promise.all([...this.#late].map((id) => this.marketsChanged(id)));
  }

  async #ready(id: string): Promise<void> {
    if (this.#deps.offers.get(id)?.enabled) await this.#deps.lists.ensure(id);
  }

  async #pinOne(order: PinnedStreams): Promise<void> {
    const { exchange, type, symbols } = order;
    const offer = this.#deps.offers.get(exchange);
    if (!offer) throw refused(order, `${exchange} is not an exchange of this build`);
    if (!offer.enabled) throw refused(order, `exchanges.${exchange}.enabled is false`);
    const markets = this.#deps.lists.of(exchange);
    for (const request_type of type) {
      const { desired, reply } = await this.#deps.writer.pin(
        { exchange, request_type },
        symbols,
        offer,
        markets,
      );
      if (reply.reason === 'market_list_unavailable') {
        const waiting = this.#waiting.get(exchange) ?? [];
        this.#waiting.set(exchange, [...waiting, { ...order, type: [request_type] }]);
        const words = `${exchange} ${request_type} starts when the market list is there`;
        this.#deps.log.warn({ phase: 'markets', exchange, request_type, symbols }, words);
      } else if (reply.outcome === 'refused') {
        throw refused(order, reply.errors.map(({ message }) => message).join('; ') || String(reply.reason));
      } else {
        this.#deps.want(desired);
      }
    }
  }

  async #follow(id: string): Promise<void> {
    const offer = this.#deps.offers.get(id);
    if (!offer) return;
    const waiting = this.#waiting.get(id) ?? [];
    this.#waiting.delete(id);
    for (const order of waiting) await this.#pinOne(order);
    for (const request_type of offer.exchange.types)
      await this.#reselect({ exchange: id, request_type }, offer);
  }

  async #reselect(key: StreamKey, offer: ExchangeOffer): Promise<void> {
    const next = await this.#deps.writer.reselect(key, offer, this.#deps.lists.of(key.exchange));
    if (!next) return;
    const { desired, joined, left, omitted } = next;
    this.#deps.want(desired);
    if (joined.length + left.length + omitted.length === 0) return;
    const target = { ...key, region: offer.exchange.region };
    this.#deps.reporter.tell({
      kind: 'state',
      target,
      correlationId: desired.correlation_id,
      detail: { markets: { joined, left, omitted } },
    });
    if (omitted.length === 0) return;
    const words = `${omitted.length} listed markets have no place within the limits of ${key.exchange}`;
    this.#deps.log.warn({ phase: 'markets', ...target, omitted: omitted.length }, words);
  }
}

/** One order per stream: a second mention of it adds to the first. */
function combined(streams: readonly PinnedStreams[]): PinnedStreams[] {
  const orders = new Map<string, PinnedStreams>();
  for (const { exchange, type: types, symbols } of streams) {
    for (const type of types) {
      const before = orders.get(`${exchange}|${type}`)?.symbols ?? [];
      const all = [...new Set([...before, ...symbols])];
      orders.set(`${exchange}|${type}`, { exchange, type: [type], symbols: all.includes('*') ? ['*'] : all });
    }
  }
  return [...orders.values()];
}

function refused({ exchange, type, symbols }: PinnedStreams, what: string): Fault {
  const subject = `streams: ${exchange} ${type.join(',')} ${symbols.join(',')}`;
  return new Fault('config_invalid', subject, `${what}.`, 'Mend streams in the settings, or the flags.');
}
