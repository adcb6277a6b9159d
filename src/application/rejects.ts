import type { Clock } from '../common/clock.ts';
import type { Target } from '../core/events.ts';
import type { Rejected } from '../core/pipeline/chunks.ts';
import type { Reporter } from './reporter.ts';

/** Dead letters per stream in any second; under a flood the rest is counted in the next letter's `suppressed`. */
const LETTERS_PER_SECOND = 10;
/** Bytes of a frame that a dead letter carries. */
const MAX_FRAME_BYTES = 64 * 1024;

/**
 * Frames of one stream that did not become rows → `ws.dlq`, sampled.
 * @returns what the pipeline reports to, and a `flush` that tells what is still suppressed
 */
export function rejectSampler(
  target: Target,
  reporter: Reporter,
  clock: Clock,
): { report(rejected: Rejected): void; flush(): void } {
  let second = Number.NEGATIVE_INFINITY;
  let letters = 0;
  let suppressed = 0;
  let last: Rejected | null = null;

  function bury(rejected: Rejected): void {
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
        suppressed,
      },
      detail: { kind: 'deserialization_error', exception_message: rejected.reason },
    });
    suppressed = 0;
  }

  return {
    report(rejected) {
      const now = clock.now();
      if (now - second >= 1000) {
        second = now;
        letters = 0;
      }
      if (letters >= LETTERS_PER_SECOND) {
        suppressed++;
        last = rejected;
        return;
      }
      letters++;
      bury(rejected);
    },
    flush() {
      if (suppressed === 0 || !last) return;
      suppressed--;
      bury(last);
    },
  };
}

function frameContext(frame: string | Uint8Array): { frame_base64: string; truncated: boolean } {
  const bytes = typeof frame === 'string' ? Buffer.from(frame.slice(0, MAX_FRAME_BYTES)) : Buffer.from(frame);
  const length = typeof frame === 'string' ? Buffer.byteLength(frame) : frame.length;
  return {
    frame_base64: bytes.subarray(0, MAX_FRAME_BYTES).toString('base64'),
    truncated: length > MAX_FRAME_BYTES,
  };
}
