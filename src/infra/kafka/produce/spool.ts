import type { Cancel, Clock } from '../../../common/clock.ts';
import type { Micros } from '../../../core/market/market.ts';
import type { Kept, Place, Store, Stored } from '../../outbox/store.ts';
import type { Outgoing } from './outgoing.ts';
import { isNoted } from './row-journal.ts';
import type { SendQueue } from './send-queue.ts';
import { SpoolMemory } from './spool-memory.ts';
import { lateStanding, type SpoolEnds, Spooled } from './spooled.ts';
import { ticketIdOf } from './ticket.ts';
import type { Queued } from './topic-line.ts';
import { TopicSpill } from './topic-spill.ts';

/** Where messages are handed to on their way out: the queue, or what stands before it. */
export type WayOut = Pick<SendQueue, 'send' | 'withdraw'>;

/**
 * What a message of a former life is to be sent as. `wait`: it is not known yet whether its shard is ours; `drop`: it
 * lies in its topic already; `aside`: somebody else takes it from the disk, in its own time, and nothing waits behind it.
 */
export type Inherited = 'in order' | 'late' | 'wait' | 'drop' | 'aside';

export interface SpoolParts {
  readonly queue: WayOut;
  readonly store: Store;
  readonly clock: Clock;
  /** Bytes of messages in memory that are under way; what comes beyond lies on disk alone. */
  readonly memoryBytes: number;
  /** A message that was read back, as one that can be sent; `own`: see `readBack`. */
  readonly revive: (kept: Kept, own: boolean) => Outgoing;
  /** Whether it is of a former life. */
  readonly isFormer: (place: Place) => boolean;
  /** Asked of each message of a former life before it is sent. */
  readonly inherited: (kept: Kept) => Inherited;
  /** Until when the lease of a fence that has ended was surely held, epoch µs; null where nothing is known of it. */
  readonly heldUntil: (fence: number) => Micros | null;
  /** Rows whose lease was lost, and that are on disk. @returns whether somebody brings them from there, where nobody fetches them */
  readonly setAside: (kept: Kept) => boolean;
}

/** Reading back begins again when a topic is down to this part of what it may take. */
const RESUME_AT = 1 / 2;
/** What is read at a time: more where turns of the loop are long, as each brings one page. */
const LEAST_PAGE_BYTES = 128 * 1024;
const PAGE_BYTES_A_MS = 64 * 1024;
/** But no more of what memory may take: what has no room is read again. */
const PAGE_SHARE = 1 / 16;
/** Until the disk is asked again, or a message of a former life is, ms. */
const AGAIN_MS = 250;

/**
 * Between those who have messages and the queue, where there is an outbox. Each message is appended before it is sent, and
 * released when it is at its end. A topic that has too much in memory spills: from then on its messages lie on disk alone
 * and are read back in order, until none is left there. What the disk does not take goes on in memory as without an
 * outbox. One file: that a message never passes an older one of its topic has to be seen at once.
 */
export class Spool implements WayOut, SpoolEnds {
  readonly #parts: SpoolParts;
  readonly #memory: SpoolMemory;
  readonly #spills = new Map<string, TopicSpill>();
  /** Appended and, as far as is known, not on disk yet; in order. */
  #unwritten: Spooled[] = [];
  /** Rows were written down since the last commit. */
  #noted = false;
  #scheduled = false;
  #reading = false;
  /** Places of messages that are in memory, and that they left while a page is being read, which has them there still. */
  readonly #moved = new Set<Place>();
  /** When the last page was asked for. */
  #readMs = Number.NEGATIVE_INFINITY;
  /** What former lives left is known: reading back may begin. */
  #open = false;
  readonly #begun = Promise.withResolvers<void>();
  #closed = false;
  #timer: Cancel | null = null;
  #idle: (() => void)[] = [];
  /** Messages that went to disk alone, and that were read back, since the start. */
  shelved = 0;
  readBack = 0;
  /** Why the disk could not be read, the last time; null where it could. */
  trouble: string | null = null;

  constructor(parts: SpoolParts) {
    this.#parts = parts;
    this.#memory = new SpoolMemory(parts.memoryBytes);
  }

  /** Resolves when what is received from then on is on disk within its turn, and behind what former lives left. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** Topics of which messages lie on disk alone, or wait behind such. */
  get spilling(): readonly string[] {
    return [...this.#spills.keys()];
  }

  /** Bytes in memory, about. */
  get weight(): number {
    return this.#memory.weight;
  }

  /** @returns what `withdraw` takes; null where it went to disk, or is at its end already */
  send(message: Outgoing): Queued | null {
    const spill = this.#spills.get(message.topic) ?? this.#overflowing(message);
    const spooled = new Spooled(this, message, null, this.#parts.clock.micros());
    this.#append(spooled);
    this.#memory.took(spooled);
    this.#schedule();
    if (!spill) return this.#parts.queue.send(spooled);
    spill.wait(spooled);
    return { seq: WAITS, message: spooled };
  }

  /** Writes down rows that wait for their batches. @returns null where the outbox does not take them */
  note(stored: Stored): Place | null {
    if (this.#closed) return null;
    const place = this.#parts.store.append(stored);
    if (place !== null) {
      this.#noted = true;
      this.#schedule();
    }
    return place;
  }

  /** Their batches were given to `send`. */
  forget(place: Place): void {
    this.#parts.store.release(place);
  }

  withdraw(queued: Queued): boolean {
    const spooled = queued.message as Spooled;
    const withdrawn = queued.seq === WAITS ? this.#leaveTail(spooled) : this.#parts.queue.withdraw(queued);
    if (withdrawn) this.ended(spooled);
    return withdrawn;
  }

  /** Writes what was appended; for whoever is about to hand messages over. */
  commit(): void {
    if (this.#unwritten.length > 0 || this.#noted) this.#parts.store.commit();
    this.#noted = false;
  }

  /** The write of these failed: in memory they are all that there is. */
  notKept(first: Place, last: Place): void {
    for (const spooled of this.#unwritten)
      if (spooled.place !== null && spooled.place >= first && spooled.place <= last) spooled.place = null;
  }

  /** A message that was set aside goes as late; nobody's figures wait for it. @returns whether there was room for it */
  sendLate(kept: Kept): boolean {
    if (this.#closed || !this.#memory.hasRoom(kept.message.topic, 1)) return false;
    this.#sendBack(kept, true, true);
    return true;
  }

  /** A topic has messages of a former life, from the one place to the other: what comes now waits behind them. */
  inherits(topic: string, first: Place, last: Place): void {
    const spill = this.#spillOf(topic);
    spill.holds(first, last);
    // What came meanwhile has its place behind it, for the life after this one as well.
    for (const spooled of spill.tail) {
      if (spooled.place === null || spooled.place > last) continue;
      this.#appendAgain(spooled);
    }
    this.commit();
  }

  /** What former lives left is known by now. */
  begin(): void {
    this.#open = true;
    this.#begun.resolve();
    this.#schedule();
  }

  /** Resolves when nothing lies on disk alone any more. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settle();
    });
  }

  /** Nothing is read back any more. What never got to the queue is told how it ends. */
  close(): void {
    this.commit();
    this.#closed = true;
    this.#timer?.();
    for (const { tail } of this.#spills.values()) for (const spooled of tail) spooled.undelivered();
    this.#spills.clear();
  }

  ended(spooled: Spooled): void {
    this.#memory.left(spooled);
    if (spooled.place !== null) this.#parts.store.release(spooled.place);
    if (this.#spills.size > 0) this.#schedule();
  }

  /** Nobody else can have its rows where they were received while the lease was surely held. */
  goesLate(spooled: Spooled): boolean {
    const { place, fence, message, at } = spooled;
    if (place === null || fence === null || this.#closed) return false;
    const until = this.#parts.heldUntil(fence);
    if (until === null || at > until) return false;
    this.#memory.left(spooled);
    if (this.#setAside(spooled, place)) return true;
    const late = new Spooled(this, message, place, at, lateStanding(message));
    this.#memory.took(late);
    this.#parts.queue.send(late);
    return true;
  }

  /** Memory lets go of rows that are brought from the disk where that is right. */
  #setAside(spooled: Spooled, place: Place): boolean {
    if (!mayLeave(spooled.message)) return false;
    this.commit();
    if (spooled.place === null || place > this.#parts.store.written) return false;
    if (!this.#parts.setAside({ place, message: storedOf(spooled) })) return false;
    spooled.message.setAside?.();
    return true;
  }

  /** The spill of a topic that has too much in memory for one more; undefined where it has not. */
  #overflowing({ topic, rows }: Outgoing): TopicSpill | undefined {
    if (!this.#open) return this.#spillOf(topic);
    // Messages about the data have a memory of their own, which is bounded.
    return rows > 0 && !this.#memory.hasRoom(topic, 1) ? this.#spillOf(topic) : undefined;
  }

  #spillOf(topic: string): TopicSpill {
    let spill = this.#spills.get(topic);
    if (!spill) {
      spill = new TopicSpill(topic);
      this.#spills.set(topic, spill);
    }
    return spill;
  }

  #append(spooled: Spooled): void {
    spooled.place = this.#parts.store.append(storedOf(spooled));
    if (spooled.place !== null) this.#unwritten.push(spooled);
  }

  /** At a higher place than it has, if it has one. */
  #appendAgain(spooled: Spooled): void {
    const { place } = spooled;
    if (place !== null) this.#parts.store.release(place);
    if (place !== null && this.#reading) this.#moved.add(place);
    this.#append(spooled);
  }

  #leaveTail(spooled: Spooled): boolean {
    const spill = this.#spills.get(spooled.topic);
    const at = spill?.tail.indexOf(spooled) ?? -1;
    if (!spill || at < 0) return false;
    spill.leave(at, 1);
    return true;
  }

  /** The end of the loop's turn. */
  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    this.commit();
    this.#forgetWritten();
    // What came before has to be known: its numbers may yet be higher.
    if (this.#open) for (const spill of this.#spills.values()) this.#look(spill);
    this.#settle();
    void this.#refill();
  }

  /** Where the disk is slow they are still on their way to it. */
  #forgetWritten(): void {
    const { written } = this.#parts.store;
    const first = this.#unwritten.findIndex(({ place }) => place !== null && place > written);
    this.#unwritten = first < 0 ? [] : this.#unwritten.slice(first);
    if (first >= 0) this.#again();
  }

  /** What came while a topic spills: it follows what was on disk where none of that is left; else it goes there itself. */
  #look(spill: TopicSpill): void {
    if (spill.onDisk || !this.#open || !this.#memory.hasRoom(spill.topic, 1, spill))
      return this.#shelve(spill);
    this.#spills.delete(spill.topic);
    for (const spooled of spill.tail) this.#parts.queue.send(spooled);
  }

  /** Memory lets go of what is on disk, in order; what is not stays, and so does all that came after it. */
  #shelve(spill: TopicSpill): void {
    const { tail } = spill;
    this.#write(spill);
    const { written } = this.#parts.store;
    let shelved = 0;
    for (const spooled of tail) {
      const { place, message } = spooled;
      if (place === null || place > written || !mayLeave(message)) break;
      spill.holds(place, place);
      this.#memory.left(spooled);
      message.shelved?.();
      shelved++;
    }
    this.shelved += shelved;
    spill.leave(0, shelved);
    if (tail.length > 0) this.#again();
  }

  /** Numbers are the order on disk: behind one that the disk did not take, or has to take again, the others have to be too. */
  #write({ tail, last }: TopicSpill): void {
    let before = last;
    for (const spooled of tail) {
      if (!mayLeave(spooled.message)) break;
      if (spooled.place === null || spooled.place < before) {
        this.#appendAgain(spooled);
      }
      if (spooled.place === null) break;
      before = spooled.place;
    }
    this.commit();
  }

  /** Reads back what there is room for, a page at a time. */
  async #refill(): Promise<void> {
    if (!this.#open || this.#reading || this.#closed) return;
    const waiting = [...this.#spills.values()].filter((spill) => this.#wants(spill));
    if (waiting.length === 0) return;
    this.#reading = true;
    const from = Math.min(...waiting.map(({ next }) => next));
    const upTo = new Map(waiting.map((spill) => [spill, spill.last]));
    try {
      const { records, next } = await this.#parts.store.read(from, this.#pageBytes());
      this.trouble = null;
      this.#reading = false;
      if (this.#closed) return;
      const open = new Set(waiting.filter((spill) => spill.next >= from && this.#beginsIn(spill, next)));
      for (const spill of open) spill.tailPlaces(this.#moved);
      for (const kept of records) if (!this.#moved.has(kept.place)) this.#take(kept, open);
      this.#moved.clear();
      for (const spill of open) spill.next = Math.max(spill.next, next ?? (upTo.get(spill) ?? 0) + 1);
      this.#schedule();
    } catch (error) {
      this.#reading = false;
      this.#moved.clear();
      this.trouble = error instanceof Error ? error.message : String(error);
      this.#again();
    }
  }

  #pageBytes(): number {
    const nowMs = this.#parts.clock.now();
    const bytes = (nowMs - this.#readMs) * PAGE_BYTES_A_MS;
    this.#readMs = nowMs;
    return Math.floor(Math.max(LEAST_PAGE_BYTES, Math.min(bytes, this.#parts.memoryBytes * PAGE_SHARE)));
  }

  /** Whether what the page ends before is not before what the topic waits for. */
  #beginsIn(spill: TopicSpill, next: Place | null): boolean {
    return next === null || spill.next < next;
  }

  #wants(spill: TopicSpill): boolean {
    return (
      spill.onDisk &&
      this.#parts.clock.now() >= spill.blockedUntilMs &&
      this.#memory.hasRoom(spill.topic, RESUME_AT, spill)
    );
  }

  /** @param open topics of which all before this one was sent; one that cannot go on leaves them */
  #take(kept: Kept, open: Set<TopicSpill>): void {
    const { place, message } = kept;
    const spill = this.#spills.get(message.topic);
    if (!spill || !open.has(spill) || !spill.awaits(place) || isNoted(message)) return;
    // What came meanwhile and is on its way to the disk must not keep what came before it there.
    if (!this.#memory.hasRoom(spill.topic, 1, spill)) {
      spill.next = place;
      return void open.delete(spill);
    }
    const former = this.#parts.isFormer(place);
    const standing = former ? this.#parts.inherited(kept) : 'in order';
    if (standing === 'wait') {
      spill.next = place;
      spill.blockedUntilMs = this.#parts.clock.now() + AGAIN_MS;
      this.#again();
      return void open.delete(spill);
    }
    spill.next = place + 1;
    if (standing === 'drop') return this.#parts.store.release(place);
    if (standing === 'aside') return;
    this.#sendBack(kept, standing === 'late', former);
  }

  #sendBack(kept: Kept, late: boolean, former: boolean): void {
    this.readBack++;
    const revived = this.#parts.revive(kept, !former);
    // The fence of a former life is none of those that are held now.
    const { headers } = revived;
    const as = late ? lateStanding(revived) : former ? { headers, fence: null } : revived;
    const spooled = new Spooled(this, revived, kept.place, kept.message.at, as);
    this.#memory.took(spooled);
    this.#parts.queue.send(spooled);
  }

  #again(): void {
    this.#timer ??= this.#parts.clock.after(AGAIN_MS, () => {
      this.#timer = null;
      this.#schedule();
    });
  }

  #settle(): void {
    if (this.#spills.size > 0 || !this.#open) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** Whoever waits for a message about the data goes on to. */
function mayLeave({ rows, shelved }: Outgoing): boolean {
  return rows > 0 && shelved !== undefined;
}

function storedOf({ topic, key, headers, value, rows, fence, at }: Spooled): Stored {
  return { topic, key, headers, value, ticketId: ticketIdOf(value) ?? '', fence, rows, at };
}

/** Of a message that waits behind those on disk, in place of a number of the queue. */
const WAITS = -1;
