import type { Ack, Batch, Writer } from '../ports.ts';
import type { LaneBatch } from './batch.ts';
import type { Account } from './budget.ts';
import type { StreamStats } from './stream-stats.ts';
import type { Transit } from './transit.ts';

/**
 * The end of the pipe: batches → the writer. It does not wait for acknowledgements (the byte budget bounds what is
 * under way) but accounts for every one.
 * @param envelope adds what every message of the stream says about itself
 * @param underWay batches from the moment they were made until they are settled
 */
export function write(
  writer: Writer,
  envelope: (batch: LaneBatch) => Batch,
  stats: StreamStats,
  account: Account,
  underWay: Transit,
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
    stats.acked += rows.length;
    stats.batches++;
    stats.lastBatchRows = rows.length;
    stats.lastBatchAt = ack.at;
    stats.ackedBytes += ack.bytes;
    lane.acked += rows.length;
    let minute = stats.minute(rows[0]?.received_at ?? 0);
    for (const row of rows) {
      const { received_at } = row;
      if (received_at < minute.start || received_at >= minute.end) minute = stats.minute(received_at);
      if (row.kind === 'trade' && row.timestamp >= (lane.ackedTrade?.timestamp ?? 0)) lane.ackedTrade = row;
      minute.acked++;
      minute.network.record(received_at - row.timestamp);
      minute.delivery.record(ack.at - received_at);
    }
    settle(batch);
  }

  function failed(batch: LaneBatch): void {
    stats.undelivered += batch.rows.length;
    batch.lane.undelivered += batch.rows.length;
    for (const { received_at } of batch.rows) stats.minute(received_at).undelivered++;
    settle(batch);
  }

  const sink = new WritableStream<LaneBatch[]>({
    write(batches) {
      for (const batch of batches) {
        stats.written += batch.rows.length;
        writer.write(envelope(batch)).then(
          (ack) => acknowledged(batch, ack),
          () => failed(batch),
        );
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
