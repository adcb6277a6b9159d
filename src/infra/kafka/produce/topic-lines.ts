import { Numbered } from '../../../common/numbered.ts';
import type { Outgoing } from './outgoing.ts';
import type { Refusal } from './refusal.ts';
import { type Entry, TopicLine } from './topic-line.ts';

/** A topic that holds messages back: the cluster refuses them, or the oldest waits for long. */
export interface TopicState {
  readonly topic: string;
  readonly refusal: Refusal | null;
  /** Monotonic milliseconds since when its oldest message waits for an acknowledgement; null where none does. */
  readonly oldestAt: number | null;
  readonly messages: number;
}

/** The lines of all topics, and over them which messages are under way. */
export class TopicLines {
  readonly #lines = new Map<string, TopicLine>();
  /** Every message under way, in the order of their sending. */
  readonly #underWay = new Numbered<Entry>();

  of(topic: string): TopicLine {
    let line = this.#lines.get(topic);
    if (!line) {
      line = new TopicLine(topic, this.#underWay);
      this.#lines.set(topic, line);
    }
    return line;
  }

  all(): MapIterator<TopicLine> {
    return this.#lines.values();
  }

  /** Those in which messages wait. */
  busy(): TopicLine[] {
    return [...this.#lines.values()].filter(({ waiting }) => waiting.length > 0);
  }

  get waitingMessages(): number {
    return this.#sum(({ waiting }) => waiting.length);
  }

  get waitingBytes(): number {
    return this.#sum(({ waiting }) => waiting.bytes);
  }

  get underWayMessages(): number {
    return this.#underWay.size;
  }

  get underWayBytes(): number {
    return this.#sum(({ underWayBytes }) => underWayBytes);
  }

  /** Monotonic milliseconds at which the oldest message under way was handed to the producer; null where none is. */
  get oldestSentAt(): number | null {
    const [first] = this.#underWay;
    return first?.sentAt ?? null;
  }

  /** How each topic stands that messages wait for. */
  states(): TopicState[] {
    const sent = this.#oldestSent();
    return [...this.#lines.values()]
      .map((line) => ({
        topic: line.topic,
        refusal: line.refusal,
        oldestAt: older(sent.get(line)?.queuedAt, line.waiting.peek()?.queuedAt),
        messages: line.waiting.length + line.underWay,
      }))
      .filter(({ messages }) => messages > 0);
  }

  /** @returns the number under which it is under way */
  sent(entry: Entry, nowMs: number): number {
    entry.line.sent(entry, nowMs);
    return this.#underWay.add(entry);
  }

  /** Whether it is under way as this number. */
  has(id: number, entry: Entry): boolean {
    return this.#underWay.get(id) === entry;
  }

  /** The message is not under way any more. */
  take(id: number): Entry | undefined {
    const entry = this.#underWay.take(id);
    entry?.line.left(entry);
    return entry;
  }

  /** Everything under way waits again: the producer that had it is no more. */
  takeBack(): void {
    const all = [...this.#underWay];
    this.#underWay.clear();
    for (const line of this.#lines.values()) line.forget();
    for (const entry of all) entry.line.putBack(entry);
  }

  /** Forgets messages that were never acknowledged, and returns them in their order. */
  abandon(which: (message: Outgoing) => boolean): Outgoing[] {
    const left = [...this.#underWay.entries()].flatMap(([id, { message }]) =>
      which(message) ? (this.take(id) ?? []) : [],
    );
    for (const line of this.#lines.values()) {
      const waiting = [...line.waiting];
      line.waiting.clear();
      for (const entry of waiting) {
        if (which(entry.message)) left.push(entry);
        else line.waiting.push(entry);
      }
    }
    return left.sort((a, b) => a.seq - b.seq).map(({ message }) => message);
  }

  /** The first under way of each line that has any. */
  #oldestSent(): Map<TopicLine, Entry> {
    const oldest = new Map<TopicLine, Entry>();
    let lines = 0;
    for (const line of this.#lines.values()) if (line.underWay > 0) lines++;
    for (const entry of this.#underWay) {
      if (oldest.size === lines) break;
      if (!oldest.has(entry.line)) oldest.set(entry.line, entry);
    }
    return oldest;
  }

  #sum(of: (line: TopicLine) => number): number {
    let sum = 0;
    for (const line of this.#lines.values()) sum += of(line);
    return sum;
  }
}

function older(one = Number.POSITIVE_INFINITY, other = Number.POSITIVE_INFINITY): number | null {
  const oldest = Math.min(one, other);
  return oldest === Number.POSITIVE_INFINITY ? null : oldest;
}
