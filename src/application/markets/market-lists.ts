import type { Cancel, Clock } from '../../common/clock.ts';
import { Fault, messageOf } from '../../common/errors.ts';
import type { Exchange, Listing } from '../../core/exchange.ts';
import type { ExchangeId, Market } from '../../core/market/market.ts';
import { Markets } from '../../core/market/markets.ts';
import { MarketDoubt } from './market-doubt.ts';

export interface MarketListDeps {
  readonly clock: Clock;
  readonly refreshMs: number;
  /** Fetches and parses one REST address of an exchange. Rejects on anything but 200 with JSON. */
  fetchJson(exchange: Exchange, url: string): Promise<unknown>;
  /** The last list that was read, by any collector; null where there is none. */
  loadCached(id: ExchangeId): Promise<readonly Listing[] | null>;
  saveCached(id: ExchangeId, listings: readonly Listing[]): Promise<void>;
  /** Told after a refresh that changed something. */
  onChange(exchange: Exchange, joined: readonly Market[], left: readonly Market[]): void;
  /**
   * Told after every refresh, whether it changed something or not.
   * @param joined what it has and the one before had not
   */
  onRead(exchange: Exchange, joined: readonly Market[]): void;
  onFailure(exchange: Exchange, fault: Fault): void;
}

/** A failed refresh is tried again sooner than a good one is repeated. */
const RETRY_MS = 15_000;

/**
 * The market lists of the exchanges in use: fetched when first asked for, then refreshed. While REST is away the
 * cached list serves, and without one the plug-in's fallback splits symbols.
 */
export class MarketLists {
  readonly #deps: MarketListDeps;
  readonly #lists = new Map<ExchangeId, Entry>();
  readonly #stopping = Promise.withResolvers<void>();
  #stopped = false;

  constructor(exchanges: readonly Exchange[], deps: MarketListDeps) {
    this.#deps = deps;
    for (const exchange of exchanges) {
      this.#lists.set(exchange.id, {
        exchange,
        markets: new Markets(exchange.markets.split),
        doubt: new MarketDoubt(),
        listings: null,
        loading: null,
        cancel: null,
        error: null,
        refreshedAt: null,
      });
    }
  }

  /** The markets of an exchange as far as they are known now; the object stays the same for good. */
  of(id: ExchangeId): Markets {
    return this.#entry(id).markets;
  }

  /** For /status: why the list is not fresh, and when it last was (monotonic ms). */
  state(id: ExchangeId): { error: string | null; refreshedAt: number | null; listed: number } {
    const { error, refreshedAt, markets } = this.#entry(id);
    return { error, refreshedAt, listed: markets.all().length };
  }

  /** Resolves once a first attempt was made, or none will be any more. @returns whether a list, fresh or cached, is there */
  async ensure(id: ExchangeId): Promise<boolean> {
    const entry = this.#entry(id);
    if (!entry.markets.known) {
      entry.loading ??= this.#load(entry).finally(() => {
        entry.loading = null;
      });
      await Promise.race([entry.loading, this.#stopping.promise]);
    }
    return entry.markets.known;
  }

  /** Writes the lists into a cache that has lost them. */
  async saveAll(): Promise<void> {
    const read = [...this.#lists.values()].flatMap(({ exchange, listings }) =>
      listings === null ? [] : [this.#deps.saveCached(exchange.id, listings).catch(() => {})],
    );
    await Promise.all(read);
  }

  stop(): void {
    this.#stopped = true;
    this.#stopping.resolve();
    for (const { cancel } of this.#lists.values()) cancel?.();
  }

  #entry(id: ExchangeId): Entry {
    const entry = this.#lists.get(id);
    if (!entry) throw new Fault('unknown_error', id, 'is not an exchange of this build.', 'Report this.');
    return entry;
  }

  async #load(entry: Entry): Promise<void> {
    const cached = await this.#deps.loadCached(entry.exchange.id).catch(() => null);
    if (cached) entry.doubt.remember(cached);
    await this.#refresh(entry);
    if (!entry.markets.known && cached && cached.length > 0) this.#take(entry, cached);
  }

  async #refresh(entry: Entry): Promise<void> {
    const { exchange } = entry;
    const { clock, refreshMs } = this.#deps;
    entry.cancel?.();
    try {
      const bodies: unknown[] = [];
      for (const url of exchange.markets.urls) bodies.push(await this.#deps.fetchJson(exchange, url));
      const fresh = exchange.markets.parse(bodies);
      if (fresh.length === 0) throw new Error('the list is empty');
      const { listings, doubt } = entry.doubt.judge(fresh, clock.now());
      entry.listings = listings;
      const joined = this.#take(entry, listings);
      entry.refreshedAt = clock.now();
      this.#deps.onRead(exchange, joined);
      await this.#deps.saveCached(exchange.id, listings).catch(() => {});
      if (doubt !== null) throw new Error(doubt);
      entry.error = null;
    } catch (error) {
      entry.error = messageOf(error);
      this.#deps.onFailure(exchange, listFault(exchange, error));
    }
    if (this.#stopped) return;
    // Spread over a tenth of the interval, so that collectors started together do not ask together.
    const wait =
      entry.error === null ? refreshMs * (0.95 + clock.random() / 10) : Math.min(RETRY_MS, refreshMs);
    entry.cancel = clock.after(wait, () => void this.#refresh(entry));
  }

  #take(entry: Entry, listings: readonly Listing[]): readonly Market[] {
    const first = !entry.markets.known;
    const { joined, left } = entry.markets.replace(listings);
    const news = first ? [] : joined;
    if (first || joined.length + left.length > 0) this.#deps.onChange(entry.exchange, news, left);
    return news;
  }
}

interface Entry {
  readonly exchange: Exchange;
  readonly markets: Markets;
  readonly doubt: MarketDoubt;
  /** As it was taken last; null before. */
  listings: readonly Listing[] | null;
  loading: Promise<void> | null;
  cancel: Cancel | null;
  error: string | null;
  refreshedAt: number | null;
}

function listFault(exchange: Exchange, error: unknown): Fault {
  return new Fault(
    'market_list_failed',
    exchange.id,
    `The market list could not be read, or not believed: ${messageOf(error)}.`,
    'It is tried again; until then the last list or the fallback serves, and nothing is unsubscribed.',
    error,
  );
}
