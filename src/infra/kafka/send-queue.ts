import type { Cancel, Clock } from '../../common/clock.ts';
import type { Breaker } from './breaker.ts';
import { type Verdict, verdictOf } from './delivery-errors.ts';
import { Waiting } from './waiting.ts';

/** One header: an object with one key. */
export type Header = Readonly<Record<string, string>>;

/** A message on its way, and who is told how it ended: `delivered`, `refused` or `undelivered`, once. */
export interface Outgoing {
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer;
  readonly headers: readonly Header[];
  /** Rows in it; 0 for a message about the data. */
  readonly rows: number;
  delivered(): void;
  /** The broker will never take it. @param code librdkafka's */
  refused(code: number): void;
  /** The program ends before the acknowledgement. */
  undelivered(): void;
  /** It is too large, alone: smaller messages that stand for it, or null, then `refused` follows. */
  split(): readonly Outgoing[] | null;
}

/** Hands a message to the client: returns librdkafka's code; 0 where a report with this id will follow. */
export type Produce = (message: Outgoing, id: number) => number;

/**
 * Told when a message comes back for a reason that somebody has to look at: the producer is beyond repair, its topic
 * is gone, it was refused in company. Says whether to try again; otherwise it counts as refused.
 */
export type Trouble = (verdict: Verdict, code: number) => boolean;

interface Entry {
  readonly seq: number;
  readonly bytes: number;
  readonly message: Outgoing;
  /** To be sent with nothing else under way, so that the broker's verdict is about it. */
  alone: boolean;
  /** Whether anything else was under way with it. */
  company: boolean;
  /** The room when it was sent. */
  room: number;
  sentAt: number;
}

const UNSENT = { alone: false, company: false, room: 0, sentAt: 0 };

/** Messages handed over in one turn of the event loop after a pause, so that sockets are still read meanwhile. */
const PER_TURN = 500;
/** Bytes under way at once after the first request that a broker found too large; half of it after the next. */
const NARROW_ROOM = 64 * 1024;
/** Opaque ids are small integers: others leak under Bun. */
const LAST_ID = 2 ** 30;
/** When to look again after the client would not take a message. */
const AGAIN_MS = 100;

/**
 * Between whoever has messages and the producer. Everything goes out in the order in which it came in; what comes
 * back for another try takes its old place. The breaker stands before the producer: while it is open, messages
 * wait here, encoded.
 */
export class SendQueue {
  readonly #produce: Produce;
  readonly #breaker: Breaker;
  readonly #clock: Clock;
  readonly #onTrouble: Trouble;
  readonly #waiting = new Waiting<Entry>();
  readonly #underWay = new Map<number, Entry>();
  #underWayBytes = 0;
  #nextSeq = 0;
  #nextId = 0;
  #lonely = false;
  #room = Number.POSITIVE_INFINITY;
  #held = false;
  #over = false;
  #draining = false;
  #scheduled = false;
  #timer: Cancel | null = null;
  #idle: (() => void)[] = [];
  delivered = 0;
  deliveredBytes = 0;
  retried = 0;

  constructor(produce: Produce, breaker: Breaker, clock: Clock, onTrouble: Trouble) {
    this.#produce = produce;
    this.#breaker = breaker;
    this.#clock = clock;
    this.#onTrouble = onTrouble;
  }

  get waitingMessages(): number {
    return this.#waiting.length;
  }

  get waitingBytes(): number {
    return this.#waiting.bytes;
  }

  get underWayMessages(): number {
    return this.#underWay.size;
  }

  get underWayBytes(): number {
    return this.#underWayBytes;
  }

  /** Monotonic milliseconds at which the oldest message under way was handed to the producer; null where none is. */
  get oldestSentAt(): number | null {
    const [oldest] = this.#underWay.values();
    return oldest?.sentAt ?? null;
  }

  send(message: Outgoing): void {
    if (this.#over) return message.undelivered();
    const entry = { seq: this.#nextSeq++, bytes: message.value.length, message, ...UNSENT };
    if (this.#waiting.length > 0 || !this.#open() || !this.#fits(entry)) {
      this.#waiting.push(entry);
      this.#schedule();
      return;
    }
    const more = this.#hand(entry);
    if (more && this.#waiting.length > 0) this.#schedule();
  }

  /** A delivery report. @param code 0 where it was acknowledged */
  report(id: number, code: number): void {
    const entry = this.#take(id);
    if (!entry) return;
    if (code === 0) {
      this.delivered++;
      this.deliveredBytes += entry.bytes;
      this.#breaker.success();
      entry.message.delivered();
    } else {
      this.#cameBack(entry, code);
    }
    if (this.#waiting.length > 0) this.#schedule();
    else this.#settle();
  }

  /** Hands over what may go now. Call it when the breaker changed. */
  pump(): void {
    for (let n = 0; n < PER_TURN; n++) {
      const next = this.#waiting.peek();
      if (!next) return this.#settle();
      if (!this.#open() || !this.#fits(next)) return;
      this.#waiting.shift();
      if (!this.#hand(next)) return;
    }
    this.#schedule();
  }

  /** Takes back everything under way, because the producer is to be replaced; nothing is sent until `release`. */
  hold(): void {
    this.#held = true;
    for (const [id] of this.#underWay) {
      const entry = this.#take(id);
      if (entry) this.#waiting.insert(entry);
    }
  }

  release(): void {
    this.#held = false;
    this.#schedule();
  }

  /** Sends regardless of the breaker; resolves when nothing is left. */
  drained(): Promise<void> {
    this.#draining = true;
    this.#schedule();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settle();
    });
  }

  /** Gives up: returns what was never acknowledged and forgets it. What is sent from now on is undelivered. */
  abandon(): Outgoing[] {
    this.#over = true;
    this.#held = true;
    this.#timer?.();
    const left = [...this.#underWay.values(), ...this.#waiting].sort((a, b) => a.seq - b.seq);
    this.#underWay.clear();
    this.#waiting.clear();
    this.#underWayBytes = 0;
    this.#settle();
    return left.map((entry) => entry.message);
  }

  #open(): boolean {
    if (this.#held || this.#lonely) return false;
    return this.#draining || this.#breaker.admits(this.#underWay.size);
  }

  #fits(entry: Entry): boolean {
    if (this.#underWay.size === 0) return true;
    return !entry.alone && this.#underWayBytes + entry.bytes <= this.#room;
  }

  /** Returns false where nothing more can be sent for now. */
  #hand(entry: Entry): boolean {
    const id = this.#nextId;
    this.#nextId = id === LAST_ID ? 0 : id + 1;
    const code = this.#produce(entry.message, id);
    if (code === 0) {
      entry.sentAt = this.#clock.now();
      entry.room = this.#room;
      this.#meet(entry);
      this.#underWay.set(id, entry);
      this.#underWayBytes += entry.bytes;
      this.#lonely = entry.alone;
      return true;
    }
    // What the client itself refuses is about this message alone.
    entry.company = false;
    const verdict = this.#cameBack(entry, code);
    if (verdict === 'retry') this.#later();
    return verdict !== 'retry';
  }

  #cameBack(entry: Entry, code: number): Verdict {
    const verdict = verdictOf(code, !entry.company);
    const parts = verdict === 'too_large' ? entry.message.split() : null;
    if (parts) {
      for (const message of parts)
        this.#waiting.insert({ seq: entry.seq, bytes: message.value.length, message, ...UNSENT });
    } else if (this.#hopeless(verdict, code)) {
      entry.message.refused(code);
    } else {
      this.retried++;
      entry.alone = verdict === 'alone';
      if (verdict === 'crowded' && entry.room === this.#room) this.#narrow();
      this.#waiting.insert(entry);
    }
    return verdict;
  }

  #meet(entry: Entry): void {
    entry.company = this.#underWay.size > 0;
    if (this.#underWay.size !== 1) return;
    for (const other of this.#underWay.values()) other.company = true;
  }

  /** What is under way at once bounds what the client puts into one request. */
  #narrow(): void {
    this.#room = Math.min(this.#room, NARROW_ROOM * 2) / 2;
  }

  #hopeless(verdict: Verdict, code: number): boolean {
    if (verdict === 'too_large' || verdict === 'refused') return true;
    return verdict !== 'retry' && !this.#onTrouble(verdict, code);
  }

  #take(id: number): Entry | undefined {
    const entry = this.#underWay.get(id);
    if (!entry) return undefined;
    this.#underWay.delete(id);
    this.#underWayBytes -= entry.bytes;
    if (entry.alone) this.#lonely = false;
    return entry;
  }

  #settle(): void {
    if (this.#waiting.length > 0 || this.#underWay.size > 0) return;
    this.#draining = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.pump();
    });
  }

  #later(): void {
    this.#timer?.();
    this.#timer = this.#clock.after(AGAIN_MS, () => this.pump());
  }
}
