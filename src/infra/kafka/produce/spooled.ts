import type { Place } from '../../outbox/store.ts';
import type { Header, Outgoing } from './outgoing.ts';

/** Header of rows that come behind newer ones; readers keep them whatever their fence. */
const LATE: Header = { late: 'outbox' };

/** Told how messages end that passed the spool. */
export interface SpoolEnds {
  /** It is at its end, and need not be kept. */
  ended(message: Spooled): void;
  /** Its lease has ended. @returns whether it goes on, as a late one */
  goesLate(message: Spooled): boolean;
}

/** How a message goes out, where that is not as it came in. */
export type Standing = Pick<Outgoing, 'headers' | 'fence'>;

/** A message of which a copy lies in the outbox until it is at its end. */
export class Spooled implements Outgoing {
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer;
  readonly headers: readonly Header[];
  readonly rows: number;
  readonly fence: number | null;
  timestampMs: number | null = null;
  readonly message: Outgoing;
  /** Its number in the outbox; null where that did not take it. */
  place: Place | null;
  /** When it was given to the outbox first, epoch µs. */
  readonly at: number;
  /** What it takes in memory, in bytes, about. */
  readonly weight: number;
  readonly #ends: SpoolEnds;

  constructor(
    ends: SpoolEnds,
    message: Outgoing,
    place: Place | null,
    at: number,
    { headers, fence = null }: Standing = message,
  ) {
    this.topic = message.topic;
    this.key = message.key;
    this.value = message.value;
    this.headers = headers;
    this.rows = message.rows;
    this.fence = fence;
    this.message = message;
    this.place = place;
    this.at = at;
    this.weight = weightOf(message);
    this.#ends = ends;
  }

  delivered(): void {
    this.#ends.ended(this);
    this.message.delivered();
  }

  refused(code: number): void {
    this.#ends.ended(this);
    this.message.refused(code);
  }

  superseded(): void {
    if (this.#ends.goesLate(this)) return;
    this.#ends.ended(this);
    this.message.superseded?.();
  }

  /** What is on disk is sent by the next life. */
  undelivered(): void {
    if (this.place === null || !this.message.shelved) this.message.undelivered();
    else this.message.shelved();
  }

  /** The parts share its place; it is at its end when all of them are. */
  split(): readonly Outgoing[] | null {
    const parts = this.message.split();
    if (!parts) return null;
    let open = parts.length;
    if (open === 0) this.#ends.ended(this);
    const ends: SpoolEnds = {
      ended: () => {
        if (--open === 0) this.#ends.ended(this);
      },
      goesLate: () => false,
    };
    return parts.map((part) => new Spooled(ends, part, this.place, this.at, this));
  }
}

/** The standing of what is late. Sets of headers are shared, as the client knows them by what they are. */
export function lateStanding({ headers }: Pick<Outgoing, 'headers'>): Standing {
  let late = lateHeaders.get(headers);
  if (!late) {
    // What was fetched says so.
    late = headers.some((header) => 'late' in header) ? headers : [...headers, LATE];
    lateHeaders.set(headers, late);
  }
  return { headers: late, fence: null };
}

const lateHeaders = new WeakMap<readonly Header[], readonly Header[]>();

/** What a message with its promise and its places takes; each row that is an object; its value, about, beside them. */
const MESSAGE = 1_500;
const ROW = 700;
const VALUE = 3;

function weightOf({ value, rows, objects = rows }: Outgoing): number {
  return rows === 0 ? value.length : MESSAGE + ROW * objects + VALUE * value.length;
}
