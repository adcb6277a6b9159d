import type { Exchange } from '../exchange.ts';
import type { Micros } from '../market/market.ts';
import { BookRule, type LinkedRow } from '../reading/book-rule.ts';
import type { Standing } from '../reading/fence-rule.ts';
import { REMEMBERED } from '../reading/repeats.ts';
import { Seen } from '../reading/seen.ts';
import { IdCoverage, type IdHole, type IdRow } from './id-coverage.ts';
import { OrderWatch } from './order.ts';

/** How the trade ids of an exchange can be read out of rows. */
export type TradeIds = Exchange['tradeIds'];

/** A row as it lies in a topic, as far as it is looked at. */
export interface AuditRow extends Partial<LinkedRow> {
  readonly timestamp: Micros;
  readonly received_at: Micros;
  readonly stream_type: string;
  readonly trade_id?: string;
}

/** Identity of a data message. */
export interface Identity {
  readonly exchange: string;
  readonly region: string;
  readonly request_type: string;
  readonly symbol: string;
  readonly code: string;
}

/** A row that does not add up, before it is held against what is on record. */
export interface Odd {
  readonly kind: 'repeat' | 'order' | 'book';
  readonly from: Micros;
  readonly to: Micros;
  readonly id: string | null;
  /** The code has changed hands since the row happened: it may come again. */
  readonly handed: boolean;
}

export interface CodeEvents {
  odd(code: CodeAudit, odd: Odd): void;
  /** A hole that can no longer be kept open. */
  settled(code: CodeAudit, hole: IdHole): void;
}

/** What became of a row: only `once` counts in its minute as one that a collector made of a frame. */
export type Fate = 'once' | 'again' | 'late' | 'own' | 'dropped';

/** Rows that were brought afterwards, and those out of the collector's own hand. */
const BROUGHT = 'BACKFILL';
const OWN = 'KEYFRAME';
/** Messages of one code that are known again by their ticket. */
const TICKETS = 256;

/** One code of one stream: what a reader by the rules gets of it, and what does not add up. */
export class CodeAudit {
  readonly identity: Identity;
  rows = 0;
  fenced = 0;
  late = 0;
  repeats = 0;
  disordered = 0;
  filled = 0;
  links = 0;
  readonly #events: CodeEvents;
  readonly #ids: TradeIds;
  readonly #coverage: IdCoverage | null;
  readonly #seen = new Seen(REMEMBERED);
  readonly #tickets = new Seen(TICKETS);
  readonly #order = new OrderWatch();
  readonly #book = new BookRule();
  #fence = 0;
  /** When the code changed hands last. */
  #handedAt: Micros | null = null;
  /** When the row of the book before was received. */
  #bookAt: Micros = 0;

  constructor(identity: Identity, ids: TradeIds, events: CodeEvents) {
    this.identity = identity;
    this.#ids = ids;
    this.#events = events;
    const counts = identity.request_type === 'trade' && ids === 'consecutive';
    this.#coverage = counts ? new IdCoverage((hole) => events.settled(this, hole)) : null;
  }

  /** Holes in consecutive ids that are open; null where there are no such ids. */
  get holes(): readonly IdHole[] | null {
    return this.#coverage?.holes ?? null;
  }

  /** To be called for each message before its rows. @returns false where the very message was read before */
  message(ticket: string, { fence }: Standing, received: Micros): boolean {
    if (fence !== null && fence > this.#fence) {
      if (this.#fence > 0) {
        this.#handedAt = received;
        this.#order.reset();
      }
      this.#fence = fence;
    }
    return this.#tickets.add(ticket);
  }

  /** A row of a message that was read before. */
  again(row: AuditRow): Fate {
    this.rows++;
    this.#repeat(row);
    return 'again';
  }

  /** @param late whether the message says so */
  take(row: AuditRow, late: boolean): Fate {
    this.rows++;
    const brought = late || row.stream_type === BROUGHT;
    if (brought) this.late++;
    const { request_type } = this.identity;
    // Tickers and books have no id: the very same may have been sent twice, and only a message is known again.
    const fresh = request_type !== 'trade' || this.#trade(row, brought);
    if (!fresh) this.#repeat(row);
    else if (!brought) this.#inTurn(row);
    if (brought) return 'late';
    return row.stream_type === OWN ? 'own' : fresh ? 'once' : 'again';
  }

  #trade(row: AuditRow, brought: boolean): boolean {
    const { trade_id: id = '' } = row;
    const number = Number(id);
    if (!this.#coverage || !Number.isSafeInteger(number)) return this.#seen.add(id);
    const { timestamp, received_at: received } = row;
    const place: IdRow = { id: number, timestamp, received };
    const taken = this.#coverage.take(place, !brought);
    if (taken === 'filled' && brought) this.filled++;
    // Ids that are older than the first are not on the list of those read.
    return taken === 'before' ? this.#seen.add(id) : taken !== 'repeat';
  }

  #repeat({ timestamp, received_at: received, trade_id }: AuditRow): void {
    this.repeats++;
    const handed = this.#handedAt !== null && timestamp <= this.#handedAt;
    const from = Math.min(timestamp, received);
    this.#events.odd(this, { kind: 'repeat', from, to: received, id: trade_id ?? null, handed });
  }

  #inTurn(row: AuditRow): void {
    if (this.identity.request_type === 'orderbook') this.#link(row);
    if (row.stream_type !== 'REALTIME') return;
    const { timestamp, received_at: received, trade_id } = row;
    const id = this.#ids === 'unordered' || trade_id === undefined ? Number.NaN : Number(trade_id);
    if (this.#order.take({ timestamp, received, id: Number.isSafeInteger(id) ? id : Number.NaN })) return;
    this.disordered++;
    this.#events.odd(this, {
      kind: 'order',
      from: timestamp,
      to: received,
      id: trade_id ?? null,
      handed: false,
    });
  }

  #link({ type, sequence = null, prev_sequence = null, stream_type, received_at: received }: AuditRow): void {
    if (type === undefined) return;
    const since = this.#bookAt;
    this.#bookAt = received;
    const link = this.#book.take({ type, sequence, prev_sequence, stream_type });
    if (link !== 'hole' && link !== 'ahead') return;
    this.links++;
    const id = sequence === null ? null : String(sequence);
    this.#events.odd(this, { kind: 'book', from: since, to: received, id, handed: false });
  }
}
