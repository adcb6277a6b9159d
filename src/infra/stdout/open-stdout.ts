import { type Clock, sleep } from '../../common/clock.ts';
import { Fault } from '../../common/errors.ts';
import type { LineSink } from '../../common/line-output.ts';
import type { Log } from '../../common/log.ts';
import { patientSink } from '../../common/terminal-sink.ts';
import { flatten } from '../../core/pipeline/flatten.ts';
import type { Ack, Batch } from '../../core/ports.ts';
import { bothBy } from '../../core/writer-forms.ts';
import type { Messaging } from '../messaging.ts';

interface Waiting {
  readonly rows: number;
  readonly bytes: number;
  resolve(ack: Ack): void;
  reject(fault: Fault): void;
}

/**
 * Rows as NDJSON on a pipe. A batch is acknowledged when the pipe has taken it, so that a slow reader is felt all
 * the way up. Messages about the data are log lines.
 * @param out standard output unless a test gives another
 */
export function openStdout(clock: Clock, log: Log, out: LineSink = patientSink(process.stdout)): Messaging {
  const open = new Set<Waiting>();
  const lost = Promise.withResolvers<Fault>();
  let broken: Error | null = null;
  let bytes = 0;
  let delivered = 0;
  let deliveredBytes = 0;
  let refusedRows = 0;
  let refused = 0;

  out.on('error', (error: Error) => {
    broken ??= error;
    for (const waiting of [...open]) fail(waiting);
    lost.resolve(notWritten(error.message));
  });

  function fail(waiting: Waiting): void {
    if (!open.delete(waiting)) return;
    bytes -= waiting.bytes;
    refused++;
    refusedRows += waiting.rows;
    const why = broken ? broken.message : 'the program ends';
    waiting.reject(notWritten(why));
  }

  function taken(waiting: Waiting): void {
    if (!open.delete(waiting)) return;
    bytes -= waiting.bytes;
    delivered++;
    deliveredBytes += waiting.bytes;
    waiting.resolve({ at: clock.micros(), bytes: waiting.bytes });
  }

  function write(batch: Batch): Promise<Ack> {
    const text = batch.rows
      .map((row) => `${JSON.stringify(flatten(row, batch.exchange, batch.region))}\n`)
      .join('');
    return new Promise((resolve, reject) => {
      const waiting = { rows: batch.rows.length, bytes: Buffer.byteLength(text), resolve, reject };
      open.add(waiting);
      bytes += waiting.bytes;
      if (broken) fail(waiting);
      else out.write(text, (error) => (error ? fail(waiting) : taken(waiting)));
    });
  }

  async function flush(deadlineMs: number) {
    const until = clock.now() + deadlineMs;
    while (open.size > 0 && clock.now() < until) await sleep(clock, FLUSH_POLL_MS);
    const left = [...open];
    for (const waiting of left) fail(waiting);
    if (broken) return { undelivered: refusedRows, messages: refused };
    return { undelivered: left.reduce((rows, waiting) => rows + waiting.rows, 0), messages: left.length };
  }

  return {
    driver: 'stdout',
    bootstrap: null,
    lost: lost.promise,
    writer: bothBy(write),
    publisher: {
      async publish({ family, value, correlationId }) {
        log.info({ phase: 'produce', topic: family, correlation_id: correlationId, value }, 'message');
      },
    },
    state: () => ({
      driver: 'stdout',
      breaker: null,
      waiting: { messages: open.size, bytes },
      inFlight: { messages: 0, bytes: 0 },
      delivered: { messages: delivered, bytes: deliveredBytes },
      retried: 0,
      refused: { messages: refused, rows: refusedRows },
      dropped: new Map(),
      renewed: 0,
      troubles: [],
      outbox: null,
      client: null,
    }),
    flush,
    close: async () => {},
  };
}

function notWritten(why: string): Fault {
  const what = `standard output cannot be written: ${why}.`;
  return new Fault('undelivered', 'standard output', what, 'Keep its reader alive, and space on the disk.');
}

const FLUSH_POLL_MS = 5;
