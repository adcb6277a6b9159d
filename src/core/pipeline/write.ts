import type { Row, Trade } from '../market/rows.ts';
import type { Ack, Batch, Settled, Writer } from '../ports.ts';
import type { LaneBatch } from './batch.ts';
import type { Account } from './budget.ts';
import type { Lane } from './lane.ts';
import { later } from './later-trade.ts';
import type { RowNotes } from './row-notes.ts';
import type { StreamStats } from './stream-stats.ts';
import type { Transit } from './transit.ts';

type Counted = readonly Pick<Row, 'timestamp' | 'received_at'>[];

/** @param lane null where the code is not carried any more */
export function countAcknowledged(stats: StreamStats, lane: Lane | null, rows: Counted, ack: Ack): void {
  stats.acked += rows.length;
  stats.batches++;
  stats.lastBatchRows = rows.length;
  stats.lastBatchAt = ack.at;
  stats.ackedBytes += ack.bytes;
  if (lane) lane.acked += rows.length;
  let minute = stats.minute(rows[0]?.received_at ?? 0);
  for (const { received_at, timestamp } of rows) {
    if (received_at < minute.start || received_at >= minute.end) minute = stats.minute(received_at);
    minute.acked++;
    minute.network.record(received_at - timestamp);
    minute.delivery.record(ack.at - received_at);
  }
}

/** The latest trade of the code that needs not be fetched by whoever has it next. @param delivered whether Kafka has it */
function noteLatest(lane: Lane, rows: readonly Row[], delivered: boolean): void {
  let latest: Trade | null = null;
  // The newest first: it is the latest as a rule, and nearly all others are told apart from it by their time.
  for (let at = rows.length - 1; at >= 0; at--) {
    const row = rows[at] as Row;
    if (row.kind === 'trade') latest = later(latest, row);
  }
  if (latest === null) return;
  lane.ackedTrade = later(lane.ackedTrade, latest);
  if (delivered) lane.deliveredTrade = later(lane.deliveredTrade, latest);
}

function countUndelivered(stats: StreamStats, lane: Lane | null, rows: Counted): void {
  stats.undelivered += rows.length;
  if (lane) lane.undelivered += rows.length;
  for (const { received_at } of rows) stats.minute(received_at).undelivered++;
}

/** Rows that lay on disk alone are at their end. @param lane null where the code is not carried any more */
export function countSettled(stats: StreamStats, lane: Lane | null, { rows, first, ack }: Settled): void {
  if (first) stats.shelf.leave(rows);
  if (ack) countAcknowledged(stats, lane, rows, ack);
  else countUndelivered(stats, lane, rows);
}

/**
 * The end of the pipe: batches → the writer. It does not wait for acknowledgements (the byte budget bounds what is
 * under way) but accounts for every one.
 * @param envelope adds what every message of the stream says about itself
 * @param underWay batches from the moment they were made until they are settled
 * @param notes told of what the writer has
 */
export function write(
  writer: Writer,
  envelope: (batch: LaneBatch) => Batch,
  stats: StreamStats,
  account: Account,
  underWay: Transit,
  notes: Pick<RowNotes, 'batched'> | null = null,
): WritableStream<LaneBatch[]> & { settled(): Promise<void> } {
  let wake: (() => void) | null = null;

  function settle(batch: LaneBatch): void {
    account.release(batch.cost);
    batch.lane.underWay--;
    underWay.leave(batch);
    if (underWay.size === 0) wake?.();
  }

  function acknowledged(batch: LaneBatch, ack: Ack): void {
    const { rows, lane } = batch;
    countAcknowledged(stats, lane, rows, ack);
    noteLatest(lane, rows, true);
    settle(batch);
  }

  function failed(batch: LaneBatch): void {
    batch.lane.failed(batch.rows);
    countUndelivered(stats, batch.lane, batch.rows);
    settle(batch);
  }

  /** It is on disk, and waits there. */
  function shelved(batch: LaneBatch): void {
    stats.shelf.enter(batch.rows, batch.arrival);
    // The next life sends it: nobody needs to fetch it.
    noteLatest(batch.lane, batch.rows, false);
    settle(batch);
  }

  const sink = new WritableStream<LaneBatch[]>({
    write(batches) {
      for (const batch of batches) {
        stats.written += batch.rows.length;
        writer.write(envelope(batch)).then(
          (ack) => (ack.shelved ? shelved(batch) : acknowledged(batch, ack)),
          () => failed(batch),
        );
        notes?.batched(batch.notes);
      }
    },
  });
  return Object.assign(sink, {
    settled: () =>
      underWay.size === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            wake = resolve;
          }),
  });
}
