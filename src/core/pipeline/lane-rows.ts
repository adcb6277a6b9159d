import type { Micros } from '../market/market.ts';
import type { Row, Trade } from '../market/rows.ts';
import type { PackedRows } from '../ports.ts';
import { later } from './later-trade.ts';
import { costOf, packedCost, rowCost, wireBytes } from './weights.ts';

/**
 * Rows of one code from their arrival at the lane until their message is settled. Where the writer packs rows they are
 * bytes by then, as hundreds of thousands of objects that wait cost more than all that is done with them; of each row
 * its times are kept beside, as figures want them at the end.
 */
export class LaneRows {
  /** Timestamp and time of arrival of each row, one after the other. */
  readonly times: Micros[] = [];
  #packed: PackedRows | null;
  #plain: Row[] | null;
  /** What they weigh in the byte budget. */
  cost = 0;
  /** What they take in a message, at most about. */
  wireBytes = 0;
  /** The time of arrival of the first that came; infinity where there is none. */
  firstReceived: Micros = Number.POSITIVE_INFINITY;
  /** The latest trade among them, by its time. */
  latest: Trade | null = null;

  /** @param packed what takes them; null: they stay objects */
  constructor(packed: PackedRows | null) {
    this.#packed = packed;
    this.#plain = packed ? null : [];
  }

  get length(): number {
    return this.times.length / 2;
  }

  /** Null where they are objects: nobody packs them, or one of them did not fit. */
  get packed(): PackedRows | null {
    return this.#packed;
  }

  /** The rows; of packed ones what their message says of them. */
  get rows(): readonly Row[] {
    return this.#plain ?? this.#packed?.read() ?? [];
  }

  /** @returns how much less all of them weigh in the budget now than those before did and this one does as an object */
  add(row: Row): number {
    const asObjects = this.cost + rowCost(row);
    const packs = this.#packed !== null;
    this.#put(row);
    this.times.push(row.timestamp, row.received_at);
    if (row.received_at < this.firstReceived) this.firstReceived = row.received_at;
    this.wireBytes += wireBytes(row);
    if (row.kind === 'trade') this.latest = later(this.latest, row);
    if (this.#packed) this.cost = packedCost(this.#packed);
    else this.cost = packs ? costOf(this.rows) : asObjects;
    return asObjects - this.cost;
  }

  #put(row: Row): void {
    if (this.#packed?.add(row)) return;
    if (this.#packed) {
      this.#plain = this.#packed.read();
      this.#packed = null;
    }
    this.#plain?.push(row);
  }
}
