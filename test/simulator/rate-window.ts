import type { Rate } from './protocol.ts';

/** What arrives bunched after a pause of this process must not look like a burst of the client. */
const SLACK_MS = 30;

/** Tells whether more than `count` events fell into any window of `perMs`. */
export class RateWindow {
  readonly #times: number[];
  #next = 0;

  constructor(readonly rate: Rate) {
    this.#times = new Array<number>(rate.count).fill(Number.NEGATIVE_INFINITY);
  }

  /** Counts an event; true where it is one too many. @param lagMs how late events may have been seen */
  hit(nowMs: number, lagMs: number): boolean {
    const oldest = this.#times[this.#next] ?? Number.NEGATIVE_INFINITY;
    this.#times[this.#next] = nowMs;
    this.#next = (this.#next + 1) % this.#times.length;
    return nowMs - oldest < this.rate.perMs - SLACK_MS - lagMs;
  }
}

/** Watches how late this process's event loop runs. */
export class LagWatch {
  readonly #timer: Timer;
  /** Worst lag of the present second and of the one before, milliseconds. */
  #worst = [0, 0];
  #expected: number;
  #second = 0;

  constructor(everyMs = 10) {
    this.#expected = performance.now() + everyMs;
    this.#timer = setInterval(() => {
      const now = performance.now();
      const late = Math.max(0, now - this.#expected);
      this.#expected = now + everyMs;
      const second = Math.floor(now / 1000);
      if (second !== this.#second) this.#worst = [0, this.#worst[0] ?? 0];
      this.#second = second;
      this.#worst[0] = Math.max(this.#worst[0] ?? 0, late);
    }, everyMs);
  }

  /** Milliseconds; also what is running late right now. */
  get ms(): number {
    return Math.max(0, performance.now() - this.#expected, ...this.#worst);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
