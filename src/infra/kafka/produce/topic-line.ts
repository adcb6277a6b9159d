import type { Micros } from '../../../core/market/market.ts';
import type { Outgoing } from './outgoing.ts';
import type { Refusal } from './refusal.ts';
import { Stamp } from './stamp.ts';
import { Waiting } from './waiting.ts';

/** A message in the queue. */
export interface Entry {
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
 * place. A topic that refuses waits by itself; the others do not. A key has one message under way: of several in several
 * requests a broker may refuse the first and take the next, which the client sends on as if nothing were missing.
 */
export class TopicLine {
  readonly topic: string;
  readonly waiting = new Waiting<Entry>();
  readonly underWay = new Map<number, Entry>();
  underWayBytes = 0;
  /** Null where the topic takes what it is given. */
  refusal: Refusal | null = null;
  /** The time that messages without rows bear. */
  readonly stamp = new Stamp();
  /** Keys with a message under way; no key has no order. */
  readonly #keys = new Set<string>();
  #lonely = false;
  #room = Number.POSITIVE_INFINITY;

  constructor(topic: string) {
    this.topic = topic;
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

  /** Monotonic milliseconds since when the oldest message is here that nobody acknowledged; null where there is none. */
  get oldestAt(): number | null {
    const [sent] = this.underWay.values();
    const waits = this.waiting.peek();
    if (!sent || !waits) return (sent ?? waits)?.queuedAt ?? null;
    return Math.min(sent.queuedAt, waits.queuedAt);
  }

  /** Whether this one, of which nothing of the same key waits before it, may be handed over. */
  admits(entry: Entry, now: number): boolean {
    if (this.underWay.size === 0) return this.refusal === null || now >= this.refusal.nextAt;
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
  sent(id: number, entry: Entry, now: number): void {
    entry.sentAt = now;
    entry.room = this.#room;
    entry.company = this.underWay.size > 0;
    if (this.underWay.size === 1) for (const other of this.underWay.values()) other.company = true;
    this.underWay.set(id, entry);
    this.underWayBytes += entry.bytes;
    this.#lonely = entry.alone;
    if (entry.message.key !== null) this.#keys.add(entry.message.key);
  }

  /** The producer has it no more. */
  take(id: number): Entry | undefined {
    const entry = this.underWay.get(id);
    if (!entry) return undefined;
    this.underWay.delete(id);
    this.underWayBytes -= entry.bytes;
    if (entry.alone) this.#lonely = false;
    if (entry.message.key !== null) this.#keys.delete(entry.message.key);
    return entry;
  }

  /** A request was too large: what is under way at once bounds what the client puts into one. */
  crowded(entry: Entry): void {
    if (entry.room === this.#room) this.#room = Math.min(this.#room, NARROW_ROOM * 2) / 2;
  }

  /** Forgets what the producer has: it is not there any more. */
  forget(): Entry[] {
    const all = [...this.underWay.values()];
    this.underWay.clear();
    this.underWayBytes = 0;
    this.#lonely = false;
    this.#keys.clear();
    return all;
  }

  /** Nothing of the topic goes before this one: it refuses, or one message has to be alone. */
  #stands(entry: Entry): boolean {
    return this.underWay.size === 0 || this.refusal !== null || this.#lonely || entry.alone;
  }

  #behindItsKey({ message }: Entry): boolean {
    return message.key !== null && this.#keys.has(message.key);
  }
}

/** A message as it enters its line. */
export function entryOf(message: Outgoing, seq: number, span: number, queuedAt: number): Entry {
  return {
    seq,
    span,
    bytes: message.value.length,
    message,
    queuedAt,
    alone: false,
    company: false,
    room: 0,
    shiftMs: null,
    sentAt: 0,
  };
}
