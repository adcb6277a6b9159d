import type { Clock } from '../../../common/clock.ts';
import type { Fault } from '../../../common/errors.ts';
import { market, REGIONS, REQUEST_TYPES } from '../../../core/market/market.ts';
import type { Row } from '../../../core/market/rows.ts';
import type { Batch, Settled } from '../../../core/ports.ts';
import type { Kept, Stored } from '../../outbox/store.ts';
import { type Encoding, type Encodings, encodingOf } from './encodings.ts';
import type { Losses } from './losses.ts';
import type { Header, Outgoing } from './outgoing.ts';
import type { Rejects } from './rejects.ts';
import { rejected, superseded } from './writer.ts';

export interface ReadBackParts {
  readonly encodings: Encodings;
  readonly rejects: Rejects;
  readonly losses: Losses;
  readonly clock: Clock;
  /** Words for librdkafka's codes. */
  readonly errorText: (code: number) => string;
  /** Told how rows of this life ended. */
  readonly settled: (settled: Settled) => void;
}

/** A batch as its message says it. */
interface BatchValue {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly data: readonly Row[];
}

/**
 * A message out of the outbox, as one that can be sent. Its value is looked into only where something is to be said of it.
 * @param own whether our figures wait for its rows: they were received in this life, and not given up
 */
export function readBack(parts: ReadBackParts, kept: Kept, own: boolean): Outgoing {
  return new ReadBack(parts, kept.message, own);
}

class ReadBack implements Outgoing {
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer;
  readonly headers: readonly Header[];
  readonly rows: number;
  readonly objects = 0;
  readonly fence: number | null;
  readonly #parts: ReadBackParts;
  readonly #stored: Stored;
  readonly #own: boolean;
  readonly #first: boolean;

  /** @param first the first part, or all, of what was read */
  constructor(parts: ReadBackParts, stored: Stored, own: boolean, first = true) {
    const { topic, key, value, headers, rows, fence } = stored;
    this.topic = topic;
    this.key = key;
    this.value = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    this.headers = sharedHeaders(headers);
    this.rows = rows;
    this.fence = fence;
    this.#parts = parts;
    this.#stored = stored;
    // What was fetched afterwards is not among what was received.
    this.#own = own && !headers.some((header) => 'late' in header);
    this.#first = first;
  }

  delivered(): void {
    if (this.#own && this.rows > 0)
      this.#settle({ at: this.#parts.clock.micros(), bytes: this.value.length });
  }

  refused(code: number): void {
    const { rejects, errorText } = this.#parts;
    const reason = errorText(code);
    const fault = rejected(this.topic, reason);
    if (this.rows > 0) rejects.reject(this.#batch(), this.rows, this.topic, this.value, reason);
    this.#lost(fault);
  }

  superseded(): void {
    this.#lost(superseded(this.topic));
  }

  setAside(): void {
    if (this.#own && this.rows > 0) this.#settle(null);
  }

  /** It is in the outbox. */
  shelved = (): void => {};

  undelivered(): void {}

  split(): readonly Outgoing[] | null {
    const value = this.#read();
    if (!value || value.data.length < 2) return null;
    const encoding = this.#encoding();
    if (!encoding) return null;
    const middle = value.data.length >> 1;
    return [value.data.slice(0, middle), value.data.slice(middle)].map((data, i) => {
      const half = {
        ...value,
        ticket_id: crypto.randomUUID(),
        batch_size: data.length,
        data: encoding.again(data),
      };
      const bytes = encoding.codec.encode(half);
      const { topic, key, headers, fence, at } = this.#stored;
      const stored = {
        topic,
        key,
        headers,
        value: bytes,
        ticketId: half.ticket_id,
        fence,
        rows: data.length,
        at,
      };
      return new ReadBack(this.#parts, stored, this.#own, this.#first && i === 0);
    });
  }

  #lost(fault: Fault): void {
    if (this.rows === 0) return;
    const batch = this.#batch();
    this.#parts.losses.add(batch, batch.rows, fault);
    if (this.#own) this.#settle(null);
  }

  #settle(ack: Settled['ack']): void {
    const { exchange, requestType, market: of, rows } = this.#batch();
    this.#parts.settled({ exchange, requestType, symbol: of.symbol, rows, first: this.#first, ack });
  }

  #encoding(): Encoding | undefined {
    return encodingOf(this.#parts.encodings, this.topic);
  }

  /** Null where it was written by another codec, or schema. */
  #read(): BatchValue | null {
    try {
      const value = this.#encoding()?.codec.decode(this.value);
      return isBatchValue(value) ? value : null;
    } catch {
      return null;
    }
  }

  /** What it says of itself; of a value that cannot be read, what topic and key do. */
  #batch(): Batch {
    const value = this.#read();
    const [exchange = '', code = ''] = (this.key ?? '').split('|');
    const [quote = '', base = ''] = code.split('-');
    const { at } = this.#stored;
    const unread = () => Array.from({ length: this.rows }, () => ({ timestamp: at, received_at: at }) as Row);
    return {
      exchange,
      region: REGIONS.find((region) => this.topic.endsWith(`.${region}`)) ?? 'korea',
      requestType: REQUEST_TYPES.find((type) => this.topic.startsWith(`${type}-`)) ?? 'trade',
      market: value ? market(value.symbol, value.base, value.quote) : market(code, base, quote),
      rows: value ? value.data : unread(),
      correlationId: null,
      fence: this.#stored.fence,
    };
  }
}

function isBatchValue(value: unknown): value is BatchValue {
  const { symbol, data } = (value ?? {}) as Partial<BatchValue>;
  return typeof symbol === 'string' && Array.isArray(data);
}

/** Sets of headers kept; the client knows them by what they are. */
const MAX_SETS = 2_000;
const sets = new Map<string, readonly Header[]>();

function sharedHeaders(headers: readonly Header[]): readonly Header[] {
  const name = JSON.stringify(headers);
  const known = sets.get(name);
  if (known) return known;
  if (sets.size >= MAX_SETS) sets.clear();
  sets.set(name, headers);
  return headers;
}
