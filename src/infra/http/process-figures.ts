import type { Cancel, Clock } from '../../common/clock.ts';
import { Histogram } from '../../common/histogram.ts';
import { standardError } from '../../common/line-output.ts';

const PROBE_MS = 100;

/** How the process itself fares: how late its event loop is, and what it uses. */
export class ProcessFigures {
  /** By how much a timer came too late, µs. */
  readonly lag = new Histogram();
  /** Epoch seconds. */
  readonly startedAt: number;
  readonly #clock: Clock;
  #cancel: Cancel = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
    this.startedAt = Date.now() / 1000 - process.uptime();
  }

  start(): void {
    const due = this.#clock.now() + PROBE_MS;
    this.#cancel = this.#clock.after(PROBE_MS, () => {
      this.lag.record(Math.round((this.#clock.now() - due) * 1000));
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  /** Seconds of CPU since the start. */
  cpuSeconds(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }

  residentBytes(): number {
    return process.memoryUsage.rss();
  }

  /** The JavaScript heap in use, and the buffers outside of it. */
  heap(): { readonly used: number; readonly external: number } {
    const { heapUsed, external } = process.memoryUsage();
    return { used: heapUsed, external };
  }

  /** Log lines that nobody read in time. */
  droppedLogLines(): number {
    return standardError.dropped;
  }
}
