import type { Row } from '../market/rows.ts';
import type { Ack, Batch, Writer } from '../ports.ts';
import type { LaneBatch } from './batch.ts';
import type { Account } from './budget.ts';
import type { StreamStats } from './stream-stats.ts';

/**
 * The end of the pipe: batches → the writer. It does not wait for acknowledgements (the byte budget bounds what is
 * under way) but accounts for every one.
 * @param envelope adds what every message of the stream says about itself
 */
export function write(
  writer: Writer,
  envelope: (batch: LaneBatch) => Batch,
  stats: StreamStats,
  account: Account,
): WritableStream<LaneBatch[]> & { settled(): Promise<void> } {
  let underWay = 0;
  let wake: (() => void) | null = null;

  function settle(batch: LaneBatch): void {
    account.release(batch.cost);
    if (--underWay === 0) wake?.();
  }

  function acknowledged(batch: LaneBatch, ack: Ack): void {
    const { rows, lane } = batch;
    stats.acked += rows.length;
    stats.batches++;
    stats.ackedBytes += ack.bytes;
    lane.acked += rows.length;
    for (const row of rows) recordLatency(stats, row, ack.at);
    settle(batch);
  }

  function failed(batch: LaneBatch): void {
    stats.undelivered += batch.rows.length;
    settle(batch);
  }

  const sink = new WritableStream<LaneBatch[]>({
    write(batches) {
      for (const batch of batches) {
        underWay++;
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
      underWay === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            wake = resolve;
          }),
  });
}

function recordLatency(stats: StreamStats, row: Row, ackedAt: number): void {
  stats.network.record(row.received_at - row.timestamp);
  stats.delivery.record(ackedAt - row.received_at);
}
