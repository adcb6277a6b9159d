import { type Clock, sleep } from '../../../common/clock.ts';
import { messageOf } from '../../../common/errors.ts';
import type { Log } from '../../../common/log.ts';
import type { Micros } from '../../../core/market/market.ts';
import type { Trade } from '../../../core/market/rows.ts';
import type { Kept, Page, Place, Stored } from '../../outbox/store.ts';
import type { IntervalReader, Marks } from '../consume/interval-reader.ts';
import type { Encoding } from '../produce/encodings.ts';
import { isNoted } from '../produce/row-journal.ts';
import { FetchedRows } from './fetched-rows.ts';
import { type Places, SetAside } from './set-aside.ts';

/** What is known of the trades that others fetch afterwards. */
export interface FetchedTrades {
  /** Symbols of an exchange of which trades are still to be fetched, by whomever. @throws {Error} where nobody knows */
  fetching(exchange: string): Promise<ReadonlySet<string>>;
  /** Whether their ids are not those of the socket. */
  otherIds(exchange: string): boolean;
}

export interface LateRowsParts extends FetchedTrades {
  readonly read: (from: Place, mostBytes: number) => Promise<Page>;
  readonly release: (place: Place) => void;
  /** @returns whether there was room for it */
  readonly send: (kept: Kept) => boolean;
  readonly openReader: () => Promise<IntervalReader>;
  readonly encodingOf: (topic: string) => Encoding | undefined;
  /** From where on a topic holds what was written since, epoch µs. */
  readonly marksOf: (topic: string, since: Micros) => Marks;
  readonly clock: Clock;
  readonly log: Log;
}

/** Messages of one key that wait. */
interface Waiting {
  readonly topic: string;
  readonly key: string;
  readonly exchange: string;
  readonly symbol: string;
  readonly sinceMs: number;
  readonly aside: SetAside;
}

interface Batch {
  readonly symbol: string;
  readonly data: readonly Trade[];
}

const LOOK_MS = 2_000;
/** A code that nobody has written since: nobody fetches its trades, or not yet. Waited for so long, ms. */
const UNTAKEN_MS = 60_000;
/** What is fetched is waited for at most so long, ms: a code that does not trade is looked at after ten minutes. */
const MOST_MS = 900_000;
/** Messages of this life that wait; their places are all that memory holds of them. */
const MOST_OWN = 500_000;
const PAGE_BYTES = 1024 * 1024;
/** Until it is tried again to hand a message over, ms. */
const ROOM_MS = 100;

/**
 * Trades in the outbox whose codes somebody else has by now: of a former life, or received before a lease was lost. Whoever took a
 * code over fetches what Kafka does not have of it, these rows among it: they wait until that is done, and those that lie in their
 * topic by then are left out. What nobody fetched is brought as late. Nothing waits behind them.
 */
export class LateRows {
  readonly #parts: LateRowsParts;
  readonly #waiting = new Map<string, Waiting>();
  readonly #topics = new Map<string, FetchedRows>();
  /** Messages of this life that wait. */
  #named = 0;
  #running = false;
  #stopped = false;
  /** Rows that were left out, since the start. */
  leftOut = 0;

  constructor(parts: LateRowsParts) {
    this.#parts = parts;
  }

  /** Codes of which rows wait. */
  get codes(): number {
    return this.#waiting.size;
  }

  /** Whether rows of the key wait: what is behind them waits too. */
  has(topic: string, key: string): boolean {
    return this.#waiting.has(nameOf(topic, key));
  }

  /** Takes a message of a former life. @returns false where it holds no trades that can be told apart */
  take(kept: Kept): boolean {
    const waiting = this.#waitingOf(kept);
    waiting?.aside.former(kept.place);
    return waiting !== null;
  }

  /** Takes a message that was received here while its lease was held. @returns false as `take`, or where too many wait */
  takeOwn(kept: Kept): boolean {
    if (this.#named >= MOST_OWN) return false;
    const waiting = this.#waitingOf(kept);
    if (!waiting) return false;
    waiting.aside.name(kept.place);
    this.#named++;
    return true;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Those of its key, and the topic is looked at from then on. Null where it cannot be read. */
  #waitingOf({ message }: Kept): Waiting | null {
    const { topic, key, fence, at } = message;
    if (key === null || this.#stopped) return null;
    const name = nameOf(topic, key);
    let waiting = this.#waiting.get(name);
    if (!waiting) {
      const symbol = this.#batchOf(message)?.symbol;
      if (symbol === undefined) return null;
      const [exchange = ''] = key.split('|');
      const sinceMs = this.#parts.clock.now();
      waiting = { topic, key, exchange, symbol, sinceMs, aside: new SetAside() };
      this.#waiting.set(name, waiting);
    }
    this.#fetchedOf(topic).watch(key, fence, at);
    if (!this.#running) void this.#run();
    return waiting;
  }

  #fetchedOf(topic: string): FetchedRows {
    let fetched = this.#topics.get(topic);
    if (!fetched) {
      const { encodingOf, marksOf, otherIds } = this.#parts;
      const marks = (since: Micros) => marksOf(topic, since);
      fetched = new FetchedRows({ topic, marks, encoding: encodingOf(topic), otherIds });
      this.#topics.set(topic, fetched);
    }
    return fetched;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#parts;
    this.#running = true;
    let said = '';
    while (this.#waiting.size > 0 && !this.#stopped) {
      await sleep(clock, LOOK_MS);
      try {
        await this.#look();
        said = '';
      } catch (error) {
        const words = messageOf(error);
        if (words !== said) log.warn({ phase: 'outbox' }, `late rows wait: ${words}`);
        said = words;
      }
    }
    this.#running = false;
  }

  /**
   * A code is ready where somebody has written it since, nobody fetches trades of it any more, and the topic was read after
   * that: what was fetched lies there.
   */
  async #look(): Promise<void> {
    const taken = [...this.#waiting.values()].filter(
      ({ topic, key, sinceMs }) =>
        this.#fetchedOf(topic).overtaken(key) || this.#waits(sinceMs) >= UNTAKEN_MS,
    );
    const fetching = await this.#fetching(taken);
    const ready = taken.filter(({ exchange, symbol, sinceMs }) => {
      return !fetching(exchange, symbol) || this.#waits(sinceMs) >= MOST_MS;
    });
    const unknown = [...this.#waiting.values()].filter((one) => !taken.includes(one));
    const topics = new Set([...ready, ...unknown].map(({ topic }) => topic));
    if (topics.size === 0) return;
    const reader = await this.#parts.openReader();
    try {
      for (const topic of topics) await this.#fetchedOf(topic).look(reader);
    } finally {
      await reader.close();
    }
    if (ready.length > 0) await this.#bring(ready);
  }

  #waits(sinceMs: number): number {
    return this.#parts.clock.now() - sinceMs;
  }

  /** Where nobody knows what is being fetched, everything may be. */
  async #fetching(codes: readonly Waiting[]) {
    const exchanges = new Map<string, ReadonlySet<string> | null>();
    for (const exchange of new Set(codes.map((one) => one.exchange)))
      exchanges.set(exchange, await this.#parts.fetching(exchange).catch(() => null));
    return (exchange: string, symbol: string) => exchanges.get(exchange)?.has(symbol) ?? true;
  }

  /** What of these is on disk goes on its way, page by page. What comes of their keys from now on begins anew. */
  async #bring(ready: readonly Waiting[]): Promise<void> {
    const { log } = this.#parts;
    const before = this.leftOut;
    const places = new Map(ready.map(({ topic, key, aside }) => [nameOf(topic, key), aside.places()]));
    const progress = { rows: 0, upTo: 0 };
    try {
      await this.#bringPlaces(places, progress);
    } finally {
      for (const [name, went] of places) this.#went(name, went, progress.upTo);
    }
    if (this.#stopped) return;
    const leftOut = this.leftOut - before;
    log.info(
      { phase: 'outbox', codes: ready.length, rows: progress.rows, left_out: leftOut },
      `${progress.rows} rows are brought late, ${leftOut} lie in their topics`,
    );
  }

  /** @param progress how many rows went, and up to which place all that were to go did */
  async #bringPlaces(
    places: ReadonlyMap<string, Places>,
    progress: { rows: number; upTo: Place },
  ): Promise<void> {
    const { clock, read, send, release } = this.#parts;
    const last = Math.max(...Array.from(places.values(), (one) => one.last));
    let from: Place | null = Math.min(...Array.from(places.values(), (one) => one.first));
    while (from !== null && from <= last) {
      const page: Page = await read(from, PAGE_BYTES);
      for (const kept of page.records) {
        const { topic, key } = kept.message;
        if (key === null || isNoted(kept.message)) continue;
        if (!places.get(nameOf(topic, key))?.has(kept.place)) continue;
        const left = this.#without(kept);
        while (left && !this.#stopped && !send(left)) await sleep(clock, ROOM_MS);
        if (this.#stopped) return;
        if (!left) release(kept.place);
        progress.rows += left?.message.rows ?? 0;
        progress.upTo = kept.place;
      }
      from = page.next;
    }
    progress.upTo = last;
  }

  #went(name: string, places: Places, upTo: Place): void {
    const waiting = this.#waiting.get(name);
    if (!waiting) return;
    const { topic, key, aside } = waiting;
    this.#named -= aside.named;
    aside.went(places, upTo);
    this.#named += aside.named;
    if (!aside.empty) return;
    this.#waiting.delete(name);
    this.#fetchedOf(topic).forget(key);
  }

  /** Under its own UUID: a life after this one knows it again. Null where nothing of it is left. */
  #without({ place, message }: Kept): Kept | null {
    const batch = this.#batchOf(message);
    const encoding = this.#parts.encodingOf(message.topic);
    if (!batch || !encoding) return { place, message };
    const data = this.#fetchedOf(message.topic).left(message.key ?? '', batch.data);
    this.leftOut += batch.data.length - data.length;
    if (data.length === batch.data.length) return { place, message };
    if (data.length === 0) return null;
    const value = encoding.codec.encode({ ...batch, batch_size: data.length, data: encoding.again(data) });
    const stored: Stored = { ...message, value, rows: data.length };
    return { place, message: stored };
  }

  /** Null where it is of another codec, or schema. */
  #batchOf({ topic, value }: Stored): Batch | null {
    try {
      const batch = this.#parts.encodingOf(topic)?.codec.decode(value) as Batch | null | undefined;
      return typeof batch?.symbol === 'string' && Array.isArray(batch.data) ? batch : null;
    } catch {
      return null;
    }
  }
}

function nameOf(topic: string, key: string): string {
  return `${topic} ${key}`;
}
