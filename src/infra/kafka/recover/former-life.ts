import { type Clock, sleep } from '../../../common/clock.ts';
import { Fault, messageOf } from '../../../common/errors.ts';
import type { Log } from '../../../common/log.ts';
import { standingOf } from '../../../core/reading/fence-rule.ts';
import type { Kept, Place, Recovered, Store } from '../../outbox/store.ts';
import type { IntervalReader, Marks, Kept as Part } from '../consume/interval-reader.ts';
import { textHeaders } from '../consume/record-parts.ts';
import type { Encoding } from '../produce/encodings.ts';
import type { Inherited, Spool } from '../produce/spool.ts';
import { ticketIdOf } from '../produce/ticket.ts';
import { type FetchedTrades, LateRows } from './late-rows.ts';
import { type LeftoverTopic, note, readLeftovers } from './leftover-topics.ts';
import { orphanRows } from './orphan-rows.ts';

export interface FormerLifeParts {
  readonly store: Store;
  readonly spool: Pick<Spool, 'inherits' | 'begin' | 'sendLate'>;
  readonly fetched: FetchedTrades;
  /** A reader of the cluster. @throws {Fault} where it cannot be reached */
  readonly openReader: () => Promise<IntervalReader>;
  readonly encodingOf: (topic: string) => Encoding | undefined;
  /** Whether rows of that topic and key are received here, under a lease that is held; see `Holds`. */
  readonly holds: Holds;
  /** How long a lease is waited for that may still become ours, ms. */
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Whether the shard of a data topic's key is held here, so that nobody else writes it. */
export type Holds = (topic: string, key: string) => boolean;

/** Clocks of brokers and this machine differ by no more; a message lies behind the time at which it was appended. */
const CLOCKS_APART_MS = 60_000;
/** Requests of the dead process that a broker had in its sockets, and had not read, are through by then. */
const SETTLE_MS = 1_000;
/** Looks at which something of ours turned up are followed by another. */
const MOST_LOOKS = 20;
const AGAIN_MS = 1_000;
/** How long what is received waits in memory until it is known what a former life left, ms. */
const SCAN_MS = 30_000;
const PAGE_BYTES = 1024 * 1024;
/** Until a slow disk is asked again whether it has written, ms. */
const WRITTEN_MS = 20;
/** Leases of a former life are taken over, or have ended, after this many of their lives. */
const LEASE_LIVES = 1.3;

/**
 * What a former life left in the outbox. Its messages are looked for in their topics, by their UUIDs, from the last
 * acknowledged offsets on; what lies there is released, the rest is sent by the spool, before all that is received in this
 * life: in order where the shard is ours, else as late. Brokers that are away are waited for.
 */
export class FormerLife {
  readonly #parts: FormerLifeParts;
  #topics: ReadonlyMap<string, LeftoverTopic> = new Map();
  /** Those that were found in their topics. */
  readonly #found = new Set<Place>();
  /** By topic, keys that somebody else has written since. */
  readonly #overtaken = new Map<string, Set<string>>();
  /** Numbers of messages that were made of its rows. */
  readonly #adopted = new Set<Place>();
  #acknowledged: Recovered['acknowledged'] = new Map();
  readonly #late: LateRows;
  /** When this life began, epoch µs. */
  readonly #begun: number;
  #compared = false;
  /** Rows of this life went before them. */
  #behind = false;
  #comparedMs = 0;
  #stopped = false;
  /** What keeps it from its end; null where nothing does. */
  trouble: string | null = null;

  constructor(parts: FormerLifeParts) {
    this.#parts = parts;
    this.#begun = parts.clock.micros();
    this.#late = new LateRows({
      ...parts.fetched,
      ...{ openReader: parts.openReader, encodingOf: parts.encodingOf, clock: parts.clock, log: parts.log },
      read: (from, mostBytes) => parts.store.read(from, mostBytes),
      release: (place) => parts.store.release(place),
      send: (kept) => parts.spool.sendLate(kept),
      marksOf: (topic, since) =>
        since < this.#begun
          ? this.#marksOf(topic)
          : { offsets: new Map(), sinceMs: since / 1000 - CLOCKS_APART_MS },
    });
  }

  /** Whether it is still to be found out what was not delivered. */
  get waits(): boolean {
    return !this.#compared && this.#topics.size > 0;
  }

  stop(): void {
    this.#stopped = true;
    this.#late.stop();
  }

  /**
   * The folder is read. Never fails; resolves when all is compared.
   * @param behind rows of this life went out before
   */
  async inherit(recovered: Recovered, behind = false): Promise<void> {
    this.#behind = behind;
    this.#acknowledged = recovered.acknowledged;
    const { spool, log, clock } = this.#parts;
    const { messages, bytes, last } = recovered;
    // A disk that does not let itself be read holds up nothing that is received now.
    const patience = clock.after(SCAN_MS, () => {
      this.#behind = true;
      spool.begin();
    });
    if (messages > 0) {
      log.info(
        { phase: 'outbox', messages, bytes },
        `the outbox holds ${messages} messages of a former life`,
      );
      await this.#until(async () => {
        const { topics, notes } = await readLeftovers(this.#parts.store, last);
        await this.#adopt(topics, notes);
        this.#topics = topics;
      });
    }
    patience();
    for (const { topic, first, last: end } of this.#topics.values()) spool.inherits(topic, first, end);
    spool.begin();
    await this.#until(() => this.#compare());
    this.#comparedMs = this.#parts.clock.now();
    this.#compared = true;
    const found = this.#found.size;
    if (messages > 0)
      log.info(
        { phase: 'outbox', messages, found },
        `${found} of them lie in their topics, ${messages - found} are sent now`,
      );
  }

  /** Whether it is of a former life. */
  isFormer(place: Place): boolean {
    return place <= (this.#parts.store.recovered?.last ?? 0) || this.#adopted.has(place);
  }

  /** Rows that waited for their batches when it ended become messages of the outbox, behind all others of it. */
  async #adopt(topics: Map<string, LeftoverTopic>, notes: readonly Kept[]): Promise<void> {
    const { store, encodingOf, clock, log } = this.#parts;
    if (notes.length === 0) return;
    const messages = await orphanRows(notes, {
      encodingOf,
      read: (from) => store.read(from, PAGE_BYTES),
      nowMicros: () => clock.micros(),
    });
    let rows = 0;
    for (const message of messages) {
      const place = store.append(message);
      // The notes stay, and the next life makes them.
      if (place === null) return;
      this.#adopted.add(place);
      note(topics, { place, message });
      rows += message.rows;
    }
    store.commit();
    while (store.written < Math.max(...this.#adopted, 0)) await sleep(clock, WRITTEN_MS);
    for (const { place } of notes) store.release(place);
    log.info(
      { phase: 'outbox', rows },
      `${rows} rows had been read and not batched when the former life ended`,
    );
  }

  /** What one of its messages is sent as. */
  inherited(kept: Kept): Inherited {
    const { place, message } = kept;
    const { topic, key, rows } = message;
    if (!this.#compared) return 'wait';
    if (this.#found.has(place)) return 'drop';
    if (rows === 0 || key === null) return 'in order';
    const standing = this.#late.has(topic, key) ? 'late' : this.#standing(topic, key, message.fence);
    return standing === 'late' && isTrades(topic) && this.#late.take(kept) ? 'aside' : standing;
  }

  #standing(topic: string, key: string, fence: number | null): Inherited {
    if (this.#behind) return 'late';
    if (fence === null) return 'in order';
    if (this.#overtaken.get(topic)?.has(key)) return 'late';
    const { holds, clock, leaseMs } = this.#parts;
    if (holds(topic, key)) return 'in order';
    return clock.now() - this.#comparedMs < leaseMs * LEASE_LIVES ? 'wait' : 'late';
  }

  /** A message of this life whose lease was lost. @returns whether it waits on disk from now on, as those of a former one do */
  setAside(kept: Kept): boolean {
    return isTrades(kept.message.topic) && this.#late.takeOwn(kept);
  }

  /** Tries until it succeeds. */
  async #until(attempt: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      try {
        await attempt();
        this.trouble = null;
        return;
      } catch (error) {
        const words = error instanceof Fault ? `${error.subject}: ${error.message}` : messageOf(error);
        if (words !== this.trouble)
          this.#parts.log.warn({ phase: 'outbox' }, `what a former life left waits: ${words}`);
        this.trouble = words;
        await sleep(this.#parts.clock, AGAIN_MS);
      }
    }
  }

  #marksOf(topic: string): Marks {
    const offsets = this.#acknowledged.get(topic) ?? new Map<number, number>();
    const oldestAt = this.#topics.get(topic)?.oldestAt ?? 0;
    return { offsets, sinceMs: oldestAt / 1000 - CLOCKS_APART_MS };
  }

  async #compare(): Promise<void> {
    if (this.#topics.size === 0) return;
    const reader = await this.#parts.openReader();
    try {
      const read = new Map<string, Part[]>();
      let news = true;
      for (let look = 0; (look < 2 || news) && look < MOST_LOOKS && !this.#stopped; look++) {
        if (look > 0) await sleep(this.#parts.clock, SETTLE_MS);
        const before = this.#found.size;
        for (const left of this.#topics.values()) {
          const parts = await this.#look(reader, left, read.get(left.topic) ?? this.#marksOf(left.topic));
          read.set(left.topic, parts);
        }
        news = this.#found.size > before;
      }
    } finally {
      await reader.close();
    }
  }

  async #look(reader: IntervalReader, left: LeftoverTopic, from: Part[] | Marks): Promise<Part[]> {
    const { topic, tickets, fences } = left;
    if (!(await reader.has(topic))) return [];
    return reader.read({ topic, from, untilMs: null }, ({ value, key, headers }) => {
      const { fence, late } = standingOf(textHeaders(headers));
      const name = String(key ?? '');
      const ticket = value === null ? null : ticketIdOf(value);
      const place = ticket === null ? undefined : tickets.get(ticket);
      // Behind a higher fence readers drop it: it is not there.
      const counts = late !== null || fence === null || !this.#overtaken.get(topic)?.has(name);
      if (place !== undefined && counts) {
        this.#found.add(place);
        this.#parts.store.release(place);
      }
      const own = key === null || key === undefined ? undefined : fences.get(name);
      if (own === undefined) return undefined;
      if (fence !== null && late === null && fence > own) this.#overtake(topic, name);
      return undefined;
    });
  }

  #overtake(topic: string, key: string): void {
    const keys = this.#overtaken.get(topic) ?? new Set();
    this.#overtaken.set(topic, keys.add(key));
  }
}

const TRADES = 'trade-data.';

function isTrades(topic: string): boolean {
  return topic.startsWith(TRADES);
}
