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
  /** The line of every message under way, in the order of their sending. */
  readonly #underWay = new Map<number, TopicLine>();

  of(topic: string): TopicLine {
    let line = this.#lines.get(topic);
    if (!line) {
      line = new TopicLine(topic);
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
    return first ? (first[1].underWay.get(first[0])?.sentAt ?? null) : null;
  }

  /** How each topic stands that messages wait for. */
  states(): TopicState[] {
    return [...this.#lines.values()]
      .map((line) => ({
        topic: line.topic,
        refusal: line.refusal,
        oldestAt: line.oldestAt,
        messages: line.waiting.length + line.underWay.size,
      }))
      .filter(({ messages }) => messages > 0);
  }

  sent(id: number, line: TopicLine, entry: Entry, nowMs: number): void {
    line.sent(id, entry, nowMs);
    this.#underWay.set(id, line);
  }

  /** The line of a message under way. */
  lineOf(id: number): TopicLine | undefined {
    return this.#underWay.get(id);
  }

  /** The message is not under way any more. */
  take(id: number): Entry | undefined {
    const entry = this.#underWay.get(id)?.take(id);
    if (entry) this.#underWay.delete(id);
    return entry;
  }

  /** Everything under way waits again: the producer that had it is no more. */
  takeBack(): void {
    for (const line of this.#lines.values()) for (const entry of line.forget()) line.putBack(entry);
    this.#underWay.clear();
  }

  /** Forgets messages that were never acknowledged, and returns them in their order. */
  abandon(which: (message: Outgoing) => boolean): Outgoing[] {
    const left: Entry[] = [];
    for (const line of this.#lines.values()) {
      for (const [id, { message }] of [...line.underWay]) {
        const entry = which(message) ? this.take(id) : undefined;
        if (entry) left.push(entry);
      }
      const waiting = [...line.waiting];
      line.waiting.clear();
      for (const entry of waiting) {
        if (which(entry.message)) left.push(entry);
        else line.waiting.push(entry);
      }
    }
    return left.sort((a, b) => a.seq - b.seq).map(({ message }) => message);
  }

  #sum(of: (line: TopicLine) => number): number {
    let sum = 0;
    for (const line of this.#lines.values()) sum += of(line);
    return sum;
  }
}
