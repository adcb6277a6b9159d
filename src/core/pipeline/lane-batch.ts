import type { Market } from '../market/market.ts';
import type { Row } from '../market/rows.ts';
import type { Batch, PackedRows } from '../ports.ts';
import type { Lane } from './lane.ts';
import type { LaneRows } from './lane-rows.ts';
import type { Note } from './row-notes.ts';
import type { Arrival } from './transit.ts';
import { MESSAGE_COST } from './weights.ts';

/** What all batches of a stream say of it. */
export type StreamName = Pick<Batch, 'exchange' | 'region' | 'requestType'>;

/** The rows of one code, to become one message: one object for all that is known of it on its way. */
export class LaneBatch implements Batch {
  readonly lane: Lane;
  readonly waited: LaneRows;
  /** What it weighs in the byte budget. */
  readonly cost: number;
  /** Of its oldest row. */
  readonly arrival: Arrival;
  /** Where its rows were written down while they waited. */
  readonly notes: readonly Note[];
  /** Its number among those that are under way. */
  number = Number.NaN;
  correlationId: string | null = null;
  fence: number | null = null;
  readonly #stream: StreamName;

  constructor(stream: StreamName, lane: Lane, waited: LaneRows) {
    this.#stream = stream;
    this.lane = lane;
    this.waited = waited;
    this.cost = waited.cost + MESSAGE_COST;
    this.arrival = lane.arrival;
    this.notes = lane.notes;
  }

  get exchange(): StreamName['exchange'] {
    return this.#stream.exchange;
  }

  get region(): StreamName['region'] {
    return this.#stream.region;
  }

  get requestType(): StreamName['requestType'] {
    return this.#stream.requestType;
  }

  get market(): Market {
    return this.lane.market;
  }

  get rows(): readonly Row[] {
    return this.waited.rows;
  }

  get packed(): PackedRows | null {
    return this.waited.packed;
  }
}
