import type { Micros } from '../market/market.ts';
import type { Ack, Batch, Settled, Writer } from '../ports.ts';
import type { LaneBatch } from './batch.ts';
import type { Account } from './budget.ts';
import type { Lane } from './lane.ts';
import { later } from './later-trade.ts';
import type { RowNotes } from './row-notes.ts';
import type { StreamStats } from './stream-stats.ts';
import type { Transit } from './transit.ts';

/** Rows that come to their end: those of a batch, or what a message says of them. */
interface Counted {
  readonly length: number;
  readonly firstReceived: Micros;
  eachTime(told: (timestamp: Micros, receivedAt: Micros) => void): void;
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
  rows.eachTime((timestamp, receivedAt) => {
    if (receivedAt < minute.start || receivedAt >= minute.end) minute = stats.minute(receivedAt);
    minute.acked++;
    minute.network.record(receivedAt - timestamp);
    minute.delivery.record(ack.at - receivedAt);
  });
}

/** The latest trade of the code that needs not be fetched by whoever has it next. @param delivered whether Kafka has it */
function noteLatest({ lane, rows: { latest } }: LaneBatch, delivered: boolean): void {
  if (latest === null) return;
  lane.ackedTrade = later(lane.ackedTrade, latest);
  if (delivered) lane.deliveredTrade = later(lane.deliveredTrade, latest);
}

function countUndelivered(stats: StreamStats, lane: Lane | null, rows: Counted): void {
  stats.undelivered += rows.length;
  if (lane) lane.undelivered += rows.length;
  rows.eachTime((_timestamp, receivedAt) => {
    stats.minute(receivedAt).undelivered++;
  });
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
    eachTime: (told) => {
      for (const { timestamp, received_at } of rows) told(timestamp, received_at);
    },
  };
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
    underWay.leave(batch.number);
    if (underWay.size === 0) wake?.();
  }

  function acknowledged(batch: LaneBatch, ack: Ack): void {
    countAcknowledged(stats, batch.lane, batch.rows, ack);
    noteLatest(batch, true);
    settle(batch);
  }

  function failed(batch: LaneBatch): void {
    batch.lane.failed(batch.rows.rows);
    countUndelivered(stats, batch.lane, batch.rows);
    settle(batch);
  }

  /** It is on disk, and waits there. */
  function shelved(batch: LaneBatch): void {
    stats.shelf.enter(batch.rows.firstReceived, batch.arrival);
    // The next life sends it: nobody needs to fetch it.
    noteLatest(batch, false);
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
