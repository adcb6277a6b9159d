import { type Clock, sleep } from '../../../common/clock.ts';
import type { SendQueue } from '../produce/send-queue.ts';
import type { PartitionStatistics } from './statistics.ts';

/** The longest wait for the reports of a producer that is to be replaced. */
const REPORTS_MS = 15_000;
const POLL_MS = 50;
/** Statistics that were made before the fatal error may come a moment after it. */
const STALE_MS = 200;

/** What is looked at while a producer ends. */
export interface Ending {
  readonly queue: Pick<SendQueue, 'underWayMessages'>;
  readonly clock: Clock;
  /** librdkafka's latest statistics, and when they came, in monotonic milliseconds. */
  statistics(): { readonly at: number; readonly partitions: PartitionStatistics | null };
  /** Whether to wait no longer. */
  stopped(): boolean;
}

/**
 * Waits until a producer that stopped for good has told what became of everything that it sent. Requests that are with a
 * broker still end in reports; what never left it does not, and is known by its absence from them.
 * @returns whether it is certain that what is still under way was not delivered
 */
export async function reported({ queue, clock, statistics, stopped }: Ending): Promise<boolean> {
  const began = clock.now();
  while (queue.underWayMessages > 0 && !stopped()) {
    const { at, partitions } = statistics();
    if (partitions?.inRequests === 0 && at > began + STALE_MS) return true;
    if (clock.now() - began >= REPORTS_MS) return false;
    await sleep(clock, POLL_MS);
  }
  return queue.underWayMessages === 0;
}

const QUIET_MS = 60_000;
const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/** How long to wait before a producer is replaced, so that a cause that lasts does not replace them without end. */
export class RenewalPause {
  #last = Number.NEGATIVE_INFINITY;
  #pauseMs = 0;

  /** @returns milliseconds; 0 where the last replacement is long ago */
  next(now: number): number {
    this.#pauseMs =
      now - this.#last > QUIET_MS ? 0 : Math.min(LONGEST_MS, Math.max(FIRST_MS, this.#pauseMs * 2));
    this.#last = now + this.#pauseMs;
    return this.#pauseMs;
  }
}
