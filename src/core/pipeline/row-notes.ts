import type { Market } from '../market/market.ts';
import type { Batch, RowJournal } from '../ports.ts';
import type { LaneChunk } from './chunks.ts';
import type { Lane } from './lane.ts';

/** A record of rows that wait for their batches, until all of these are with the writer. */
export interface Note {
  readonly mark: number;
  /** Lanes of which rows are in it and wait. */
  open: number;
}

/** What a message of this code carries beside its rows. */
type Stamp = (market: Market) => Pick<Batch, 'correlationId' | 'fence'>;

/** Writes down what waits for its batch, one record for each chunk, so that it outlives the process. */
export class RowNotes {
  readonly #journal: RowJournal;
  readonly #of: Pick<Batch, 'exchange' | 'region' | 'requestType'>;
  readonly #stamp: Stamp;
  /** What is said of each lane's rows, as long as it is so. */
  readonly #names = new WeakMap<Lane, { readonly stamp: ReturnType<Stamp>; readonly name: string }>();

  constructor(journal: RowJournal, of: Pick<Batch, 'exchange' | 'region' | 'requestType'>, stamp: Stamp) {
    this.#journal = journal;
    this.#of = of;
    this.#stamp = stamp;
  }

  /** Rows of a chunk are about to wait. Null where they cannot be written down. */
  take({ rows, lanes }: LaneChunk): Note | null {
    if (rows.length === 0) return null;
    let lane: Lane | undefined;
    let name = '';
    const names = lanes.map((own) => {
      if (own !== lane) name = this.#nameOf(own);
      lane = own;
      return name;
    });
    const mark = this.#journal.note({ ...this.#of, rows, names });
    return mark === null ? null : { mark, open: 0 };
  }

  /** A batch with rows of these notes is with the writer. */
  batched(notes: readonly Note[]): void {
    for (const note of notes) if (--note.open === 0) this.#journal.forget(note.mark);
  }

  #nameOf(lane: Lane): string {
    const stamp = this.#stamp(lane.market);
    const known = this.#names.get(lane);
    if (known && known.stamp.fence === stamp.fence && known.stamp.correlationId === stamp.correlationId)
      return known.name;
    const { symbol, base, quote } = lane.market;
    const name = JSON.stringify([symbol, base, quote, stamp.fence, stamp.correlationId]);
    this.#names.set(lane, { stamp, name });
    return name;
  }
}
