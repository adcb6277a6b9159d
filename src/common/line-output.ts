import { type Clock, systemClock } from './clock.ts';
import { patientSink } from './terminal-sink.ts';

/** What lines are written to: standard error, a terminal. */
export interface LineSink {
  write(text: string, done: (error?: Error | null) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Characters that may wait for a reader; some thousand lines. */
const MAX_WAITING = 1024 * 1024;
/** What is kept for the few lines that are written all the same: why the program ends. */
const RESERVE = 64 * 1024;
const FLUSH_POLL_MS = 5;

/**
 * Lines for a reader that may stall, go, or have a full disk: writing never waits and never throws. What the reader
 * does not take waits up to a bound; beyond it lines are dropped and counted.
 */
export class LineOutput {
  readonly #sink: LineSink;
  readonly #clock: Clock;
  #waiting = 0;
  #dropped = 0;
  /** Dropped since somebody was told. */
  #untold = 0;
  #tell: (lines: number) => void = () => {};

  constructor(sink: LineSink, clock: Clock = systemClock) {
    this.#sink = sink;
    this.#clock = clock;
    // Each write is told of its own failure.
    sink.on('error', () => {});
  }

  /** Lines that nobody will read, since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether lines had better not be made now. */
  get full(): boolean {
    return this.#waiting >= MAX_WAITING;
  }

  write(text: string): void {
    if (this.#waiting >= MAX_WAITING + RESERVE) return this.drop();
    this.#waiting += text.length;
    this.#sink.write(text, (error) => {
      this.#waiting -= text.length;
      if (error) this.drop();
      else this.#flowsAgain();
    });
  }

  /** Counts a line that is not even made. */
  drop(): void {
    this.#dropped++;
    this.#untold++;
  }

  /** Told how many lines are missing, once lines are taken again. */
  onResume(tell: (lines: number) => void): void {
    this.#tell = tell;
  }

  /** Resolves when everything was taken, or after `ms`. */
  async flush(ms: number): Promise<void> {
    const until = this.#clock.now() + ms;
    while (this.#waiting > 0 && this.#clock.now() < until)
      await new Promise<void>((resolve) => this.#clock.after(FLUSH_POLL_MS, resolve));
  }

  #flowsAgain(): void {
    if (this.#untold === 0 || this.#waiting > MAX_WAITING / 2) return;
    const lines = this.#untold;
    this.#untold = 0;
    this.#tell(lines);
  }
}

/** Standard error, for everything that the program says about itself. */
export const standardError = new LineOutput(patientSink(process.stderr));
