import type { Numbered } from '../../../common/numbered.ts';
import type { Micros } from '../../../core/market/market.ts';
import type { Outgoing } from './outgoing.ts';
import type { Refusal } from './refusal.ts';
import { Stamp } from './stamp.ts';
import { Waiting } from './waiting.ts';

/** A message in the queue. */
export interface Entry {
  readonly line: TopicLine;
  /** Its place in the order of its topic; halves share what is between it and the next whole number. */
  readonly seq: number;
  /** How much of the order is its own: 1, half of it for a half. */
  readonly span: number;
  readonly bytes: number;
  readonly message: Outgoing;
  /** Monotonic milliseconds at which it, or what it is a part of, was given to the queue. */
  readonly queuedAt: number;
  /** To be sent with nothing else of its topic under way, so that the broker's verdict is about it. */
  alone: boolean;
  /** Whether anything else of its topic was under way with it. */
  company: boolean;
  /** The room when it was sent. */
  room: number;
  /** How often something of its topic had come back when it was sent. */
  round: number;
  /** How far its time was from our clock when it was sent, ms; null where the client stamped it. */
  shiftMs: number | null;
  sentAt: number;
}

/** A message in the queue, for whoever may want it back. */
export type Queued = Pick<Entry, 'seq' | 'message'>;

const MICROS_PER_MS = 1000;
/** How many messages that wait for their key are passed over for one that need not. */
const LOOK_AHEAD = 512;
/** Bytes under way at once after the first request that a broker found too large; half of it after the next. */
const NARROW_ROOM = 64 * 1024;

/**
 * The messages of one topic, in order: those that wait, and those that the producer has. What comes back takes its old
 * place. A topic that refuses waits by itself; the others do not.
 */
export class TopicLine {
  readonly topic: string;
  readonly waiting = new Waiting<Entry>();
  /** Messages that the producer has. */
  underWay = 0;
  underWayBytes = 0;
  /** Null where the topic takes what it is given. */
  refusal: Refusal | null = null;
  /** The time that messages without rows bear. */
  readonly stamp = new Stamp();
  /** Of all topics. */
  readonly #all: Numbered<Entry>;
  /** Messages under way per key, where care is taken; no key has no order. */
  readonly #keys = new Map<string, number>();
  /** The one that was sent while nothing else was under way, until that has changed. */
  #first: Entry | null = null;
  #lonely = false;
  #room = Number.POSITIVE_INFINITY;
  /**
   * Something came back: until all of that is through, a key has one message under way, which none can overtake, or
   * is proven. Without the proof a busy key would go on at one message a round trip.
   */
  #careful = false;
  /** Parts of what was too large are among it: for these nothing is proof. */
  #parts = false;
  /** Times that something came back. */
  #round = 0;
  /** Keys with a message that was sent since then and acknowledged: their partition takes messages again. */
  readonly #proven = new Set<string>();

  /** @param all what is under way, of all topics */
  constructor(topic: string, all: Numbered<Entry>) {
    this.topic = topic;
    this.#all = all;
  }

  /**
   * What is said about the data bears its time in itself: Kafka's may be another where the broker refuses ours. Rows wait
   * for a right clock, as they bear its time too.
   */
  date(entry: Entry, nowMs: number, now: Micros): void {
    if (entry.message.rows > 0) return;
    entry.shiftMs = this.stamp.shift(nowMs);
    const ourMs = Math.floor(now / MICROS_PER_MS);
    entry.message.timestampMs = entry.shiftMs === null ? null : ourMs + entry.shiftMs;
  }

  /** Whether this one, of which nothing of the same key waits before it, may be handed over. */
  admits(entry: Entry, now: number): boolean {
    if (this.underWay === 0) return this.refusal === null || now >= this.refusal.nextAt;
    if (this.#stands(entry) || this.#behindItsKey(entry)) return false;
    return this.underWayBytes + entry.bytes <= this.#room;
  }

  /**
   * Gives `send` what may be handed over, in order, until it says that nothing more can go. What was passed over stays
   * behind its key whatever is sent after it, so that one pass finds all.
   * @param send false where it did not take this one
   * @returns whether it took all that it was given
   */
  offer(now: number, send: (entry: Entry) => boolean): boolean {
    const gone: Entry[] = [];
    let passed = 0;
    let more = true;
    for (let i = 0; more && passed < LOOK_AHEAD; i++) {
      const entry = this.waiting.at(i);
      if (!entry) break;
      if (this.admits(entry, now)) {
        more = send(entry);
        if (more) gone.push(entry);
      } else if (this.#stands(entry) || !this.#behindItsKey(entry)) {
        break;
      } else {
        passed++;
      }
    }
    for (const { seq } of gone) this.waiting.remove(seq);
    return more;
  }

  /** The producer has it. */
  sent(entry: Entry, now: number): void {
    entry.sentAt = now;
    entry.room = this.#room;
    entry.round = this.#round;
    entry.company = this.underWay > 0;
    if (this.#first) this.#first.company = true;
    this.#first = entry.company ? null : entry;
    this.underWay++;
    this.underWayBytes += entry.bytes;
    this.#lonely = entry.alone;
    if (this.#careful) this.#countKey(entry, 1);
  }

  /** Whether something came back since this one was sent: then it may be about to overtake that. */
  cameBackSince({ round }: Entry): boolean {
    return round !== this.#round;
  }

  /** The producer has it no more. */
  left(entry: Entry): void {
    if (this.#first === entry) this.#first = null;
    this.underWay--;
    this.underWayBytes -= entry.bytes;
    if (entry.alone) this.#lonely = false;
    if (this.#careful) this.#countKey(entry, -1);
  }

  /**
   * Back to its old place.
   * @param part of one that was too large
   */
  putBack(entry: Entry, part = false): void {
    if (!this.#careful) this.#takeCare();
    this.#parts ||= part;
    this.#round++;
    this.#proven.clear();
    this.waiting.insert(entry);
  }

  /** A request was too large: what is under way at once bounds what the client puts into one. */
  crowded(entry: Entry): void {
    if (entry.room === this.#room) this.#room = Math.min(this.#room, NARROW_ROOM * 2) / 2;
  }

  /** This one, which the producer has no more, was acknowledged. */
  acknowledged({ round, message: { key } }: Entry): void {
    this.refusal = null;
    // Where requests have to be small, any of them may come back, so that care stays.
    if (!this.#careful || Number.isFinite(this.#room)) return;
    if (this.waiting.length === 0 && this.underWay === 0) {
      this.#careful = false;
      this.#keys.clear();
      this.#parts = false;
    } else if (round === this.#round && !this.#parts && key !== null) {
      this.#proven.add(key);
    }
  }

  /** The producer is not there any more, nor what it had. */
  forget(): void {
    this.underWay = 0;
    this.underWayBytes = 0;
    this.#first = null;
    this.#lonely = false;
    this.#keys.clear();
  }

  #takeCare(): void {
    this.#careful = true;
    for (const entry of this.#all) if (entry.line === this) this.#countKey(entry, 1);
  }

  #countKey({ message: { key } }: Entry, more: number): void {
    if (key === null) return;
    const count = (this.#keys.get(key) ?? 0) + more;
    if (count > 0) this.#keys.set(key, count);
    else this.#keys.delete(key);
  }

  /** Nothing of the topic goes before this one: it refuses, or one message has to be alone. */
  #stands(entry: Entry): boolean {
    return this.underWay === 0 || this.refusal !== null || this.#lonely || entry.alone;
  }

  #behindItsKey({ message: { key } }: Entry): boolean {
    return key !== null && this.#careful && this.#keys.has(key) && !this.#proven.has(key);
  }
}

/** A message as it enters its line. */
export function entryOf(
  line: TopicLine,
  message: Outgoing,
  seq: number,
  span: number,
  queuedAt: number,
): Entry {
  return {
    line,
    seq,
    span,
    bytes: message.value.length,
    message,
    queuedAt,
    alone: false,
    company: false,
    room: 0,
    round: 0,
    shiftMs: null,
    sentAt: 0,
  };
}
