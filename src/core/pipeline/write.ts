import type { Micros } from '../market/market.ts';
import type { Ack, Outcome, Settled, Writer } from '../ports.ts';
import type { Account } from './budget.ts';
import type { Lane } from './lane.ts';
import type { LaneBatch } from './lane-batch.ts';
import { later } from './later-trade.ts';
import type { RowNotes } from './row-notes.ts';
import type { StreamStats } from './stream-stats.ts';
import type { Transit } from './transit.ts';

/** Rows that come to their end: those of a batch, or what a message says of them. */
interface Counted {
  readonly length: number;
  readonly firstReceived: Micros;
  /** Timestamp and time of arrival of each, one after the other. */
  readonly times: readonly Micros[];
}

/** @param lane null where the code is not carried any more */
function countAcknowledged(stats: StreamStats, lane: Lane | null, rows: Counted, ack: Ack): void {
  stats.acked += rows.length;
  stats.batches++;
  stats.lastBatchRows = rows.length;
  stats.lastBatchAt = ack.at;
  stats.ackedBytes += ack.bytes;
  if (lane) lane.acked += rows.length;
  let minute = stats.minute(rows.firstReceived);
  const { times } = rows;
  for (let i = 0; i < times.length; i += 2) {
    const receivedAt = times[i + 1] as Micros;
    if (receivedAt < minute.start || receivedAt >= minute.end) minute = stats.minute(receivedAt);
    minute.acked++;
    minute.network.record(receivedAt - (times[i] as Micros));
    minute.delivery.record(ack.at - receivedAt);
  }
}

/** The latest trade of the code that needs not be fetched by whoever has it next. @param delivered whether Kafka has it */
function noteLatest({ lane, waited: { latest } }: LaneBatch, delivered: boolean): void {
  if (latest === null) return;
  lane.ackedTrade = later(lane.ackedTrade, latest);
  if (delivered) lane.deliveredTrade = later(lane.deliveredTrade, latest);
}

function countUndelivered(stats: StreamStats, lane: Lane | null, rows: Counted): void {
  stats.undelivered += rows.length;
  if (lane) lane.undelivered += rows.length;
  for (let i = 1; i < rows.times.length; i += 2) stats.minute(rows.times[i] as Micros).undelivered++;
}

/** Rows that lay on disk alone are at their end. @param lane null where the code is not carried any more */
export function countSettled(stats: StreamStats, lane: Lane | null, settled: Settled): void {
  const { first, ack } = settled;
  const rows = counted(settled.rows);
  if (first) stats.shelf.leave(rows.firstReceived);
  if (ack) countAcknowledged(stats, lane, rows, ack);
  else countUndelivered(stats, lane, rows);
}

function counted(rows: Settled['rows']): Counted {
  return {
    length: rows.length,
    firstReceived: rows.reduce(
      (first, { received_at }) => Math.min(first, received_at),
      rows[0]?.received_at ?? 0,
    ),
    times: rows.flatMap(({ timestamp, received_at }) => [timestamp, received_at]),
  };
}

/**
 * The end of the pipe: batches → the writer. It does not wait for acknowledgements (the byte budget bounds what is
 * under way) but accounts for every one.
 * @param stamp adds what the message carries beside its rows
 * @param underWay batches from the moment they were made until they are settled
 * @param notes told of what the writer has
 */
export function write(
  writer: Writer,
  stamp: (batch: LaneBatch) => void,
  stats: StreamStats,
  account: Account,
  underWay: Transit,
  notes: Pick<RowNotes, 'batched'> | null = null,
): WritableStream<LaneBatch[]> & { settled(): Promise<void> } {
  let wake: (() => void) | null = null;

  function settle(batch: LaneBatch): void {
    account.release(batch.cost);
    batch.lane.underWay--;
    underWay.leave(batch.number);
    if (underWay.size === 0) wake?.();
  }

  const outcome: Outcome<LaneBatch> = {
    acknowledged(batch, ack) {
      if (ack.shelved) return shelved(batch);
      countAcknowledged(stats, batch.lane, batch.waited, ack);
      noteLatest(batch, true);
      settle(batch);
    },
    failed(batch) {
      batch.lane.failed(batch.rows);
      countUndelivered(stats, batch.lane, batch.waited);
      settle(batch);
    },
  };

  /** It is on disk, and waits there. */
  function shelved(batch: LaneBatch): void {
    stats.shelf.enter(batch.waited.firstReceived, batch.arrival);
    // The next life sends it: nobody needs to fetch it.
    noteLatest(batch, false);
    settle(batch);
  }

  const sink = new WritableStream<LaneBatch[]>({
    write(batches) {
      for (const batch of batches) {
        stats.written += batch.waited.length;
        stamp(batch);
        writer.send(batch, outcome);
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
