import type { Clock } from '../../common/clock.ts';
import type { Target } from '../../core/events.ts';
import type { Rejected } from '../../core/pipeline/chunks.ts';
import type { Reporter } from './reporter.ts';

/** Dead letters per stream and second; what a flood has beyond them is counted in one more, when the second is over. */
const LETTERS_PER_SECOND = 10;
const SECOND_MS = 1000;
/** Bytes of a frame that a dead letter carries. */
const MAX_FRAME_BYTES = 64 * 1024;

/**
 * Frames of one stream that did not become rows → `ws.dlq`, sampled.
 * @returns what the pipeline reports to; `look`, to be called again and again, which ends a second that is over; and
 * `flush`, which tells what is still suppressed
 */
export function rejectSampler(
  target: Target,
  reporter: Reporter,
  clock: Clock,
): { report(rejected: Rejected): void; look(nowMs: number): void; flush(): void } {
  let letters = 0;
  let suppressed = 0;
  let last: Rejected | null = null;
  let secondEndsMs: number | null = null;

  function bury(rejected: Rejected, others: number): void {
    reporter.bury({
      reason: rejected.reason,
      target: { ...target },
      key: null,
      correlationId: null,
      rawContext: {
        ...frameContext(rejected.frame),
        request_type: target.request_type,
        row: rejected.row,
        connection_id: String(rejected.socket.id),
        suppressed: others,
      },
      detail: { kind: 'deserialization_error', exception_message: rejected.reason },
    });
  }

  function flush(): void {
    const [told, others] = [last, suppressed - 1];
    secondEndsMs = null;
    letters = 0;
    suppressed = 0;
    last = null;
    if (told) bury(told, others);
  }

  return {
    report(rejected) {
      secondEndsMs ??= clock.now() + SECOND_MS;
      if (letters < LETTERS_PER_SECOND) {
        letters++;
        bury(rejected, 0);
        return;
      }
      suppressed++;
      last = rejected;
    },
    look(nowMs) {
      if (secondEndsMs !== null && nowMs >= secondEndsMs) flush();
    },
    flush,
  };
}

function frameContext(frame: string | Uint8Array): { frame_base64: string; truncated: boolean } {
  const bytes =
    typeof frame === 'string'
      ? Buffer.from(frame.slice(0, MAX_FRAME_BYTES))
      : Buffer.from(frame.subarray(0, MAX_FRAME_BYTES));
  const length = typeof frame === 'string' ? Buffer.byteLength(frame) : frame.length;
  return {
    frame_base64: bytes.subarray(0, MAX_FRAME_BYTES).toString('base64'),
    truncated: length > MAX_FRAME_BYTES,
  };
}
