import type { Message } from '../../../core/ports.ts';
import type { Queued } from './topic-line.ts';

/**
 * What a message about the data is worth while Kafka takes none: `figure` (metrics), `notice` (errors, dead letters,
 * changes of state), `record` (replies and gaps, which nobody can find out later).
 */
export type Worth = 'figure' | 'notice' | 'record';

/** From the least. */
const WORTHS: readonly Worth[] = ['figure', 'notice', 'record'];
const MIB = 1024 * 1024;
/** Bytes of what is worth this much or less: half of all is kept free for records. */
const ROOM: Readonly<Record<Worth, number>> = { figure: 2 * MIB, notice: 8 * MIB, record: 16 * MIB };
/** What a message takes beside its value: small ones are bounded by their count. */
const OVERHEAD = 512;

export function worthOf({ family, value }: Pick<Message, 'family' | 'value'>): Worth {
  if (family === 'ws.event') return value.kind === 'state' ? 'notice' : 'record';
  return family === 'ws.error' || family === 'ws.dlq' || family === 'ws.connect_success'
    ? 'notice'
    : 'figure';
}

/** A message in the share. */
export interface Sharer {
  readonly worth: Worth;
  readonly bytes: number;
  /** Its place in the queue; null before it has one. */
  queued: Queued | null;
  /** It gave way to others. */
  dropped(): void;
}

/**
 * The memory of messages about the data that nobody acknowledged yet: it stands beside the byte budget of rows and is
 * bounded like that. Where it is full the oldest of the least worth gives way.
 */
export class ControlShare {
  readonly #withdraw: (queued: Queued) => boolean;
  readonly #sharers: Readonly<Record<Worth, Set<Sharer>>> = {
    figure: new Set(),
    notice: new Set(),
    record: new Set(),
  };
  readonly #bytes: Record<Worth, number> = { figure: 0, notice: 0, record: 0 };

  /** @param withdraw takes a message out of the queue; false where the producer has it already */
  constructor(withdraw: (queued: Queued) => boolean) {
    this.#withdraw = withdraw;
  }

  get bytes(): number {
    return this.#bytes.figure + this.#bytes.notice + this.#bytes.record;
  }

  /** Makes room for one more. False where there is none, because all that could give way is with the producer. */
  add(sharer: Sharer): boolean {
    const { worth } = sharer;
    this.#sharers[worth].add(sharer);
    this.#bytes[worth] += sharer.bytes + OVERHEAD;
    for (const level of WORTHS.slice(WORTHS.indexOf(worth))) {
      const upTo = WORTHS.slice(0, WORTHS.indexOf(level) + 1);
      const size = () => upTo.reduce((sum, one) => sum + this.#bytes[one], 0);
      while (size() > ROOM[level]) {
        if (upTo.some((one) => this.#dropOldest(one, sharer))) continue;
        this.remove(sharer);
        return false;
      }
    }
    return true;
  }

  /** It is at its end. */
  remove(sharer: Sharer): void {
    if (this.#sharers[sharer.worth].delete(sharer)) this.#bytes[sharer.worth] -= sharer.bytes + OVERHEAD;
  }

  #dropOldest(worth: Worth, spared: Sharer): boolean {
    for (const sharer of this.#sharers[worth]) {
      if (sharer === spared || !sharer.queued || !this.#withdraw(sharer.queued)) continue;
      this.remove(sharer);
      sharer.dropped();
      return true;
    }
    return false;
  }
}
