import type { Cancel, Clock } from '../../../common/clock.ts';

/** Between two looks for reports while they come, ms: a broker needs some 3 ms to answer, so that most are there at once. */
const EAGER_MS = 4;
/** While none come the pause doubles up to this, ms: what a broker's return may go unnoticed. */
const PATIENT_MS = 50;
/** While nothing is under way, ms: errors and statistics come the same way. */
const IDLE_MS = 250;

/**
 * Reads delivery reports in one go, soon after messages were handed over, again while more come. Being woken for each,
 * or for each answer of a broker, would cost more than the reports.
 */
export class ReportReader {
  readonly #clock: Clock;
  readonly #read: () => number;
  readonly #busy: () => boolean;
  #pauseMs = IDLE_MS;
  #next: { readonly at: number; readonly cancel: Cancel } | null = null;
  #running = false;

  /**
   * @param read takes what has come, and returns how many reports it was
   * @param busy whether anything is under way
   */
  constructor(clock: Clock, read: () => number, busy: () => boolean) {
    this.#clock = clock;
    this.#read = read;
    this.#busy = busy;
  }

  start(): void {
    this.#running = true;
    this.#arm(IDLE_MS);
  }

  stop(): void {
    this.#running = false;
    this.#next?.cancel();
    this.#next = null;
  }

  /** Messages were handed over: reports will follow soon. */
  handed(): void {
    if (this.#running) this.#arm(EAGER_MS);
  }

  #arm(ms: number): void {
    this.#pauseMs = ms;
    const at = this.#clock.now() + ms;
    if (this.#next && this.#next.at <= at) return;
    this.#next?.cancel();
    this.#next = { at, cancel: this.#clock.after(ms, () => this.#look()) };
  }

  #look(): void {
    this.#next = null;
    try {
      const came = this.#read() > 0;
      this.#pauseMs = came ? EAGER_MS : Math.min(PATIENT_MS, this.#pauseMs * 2);
    } finally {
      if (this.#running) this.#arm(this.#busy() ? this.#pauseMs : IDLE_MS);
    }
  }
}
