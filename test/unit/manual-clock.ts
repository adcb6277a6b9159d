import { type Cancel, type Clock, soundWait } from '../../src/common/clock.ts';

/** A clock that stands still until the test moves it. Timers run in the order of their times, then of their making. */
export class ManualClock implements Clock {
  #ms = 0;
  #made = 0;
  #stepMicros = 0;
  readonly #timers = new Map<number, { at: number; fn: () => void }>();
  readonly #startMicros: number;
  readonly #random: () => number;
  readonly #grainMs: number;

  /** @param grainMs timers this close together run in one turn, as they do on a busy machine; 0: each in its own */
  constructor(startMicros = 1_790_000_000_000_000, random: () => number = () => 0.5, grainMs = 0) {
    this.#startMicros = startMicros;
    this.#random = random;
    this.#grainMs = grainMs;
  }

  micros(): number {
    return this.#startMicros + this.#stepMicros + Math.round(this.#ms * 1000);
  }

  now(): number {
    return this.#ms;
  }

  after(ms: number, fn: () => void): Cancel {
    const id = this.#made++;
    this.#timers.set(id, { at: this.#ms + soundWait(ms), fn });
    return () => void this.#timers.delete(id);
  }

  random(): number {
    return this.#random();
  }

  /** Sets the wall clock forward, or back; the monotonic one goes on. */
  step(micros: number): void {
    this.#stepMicros += micros;
  }

  /** Timers that have not run yet. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time forward by `ms`, running what falls due on the way and letting promises settle between timers. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms;
    for (;;) {
      await settle();
      let next = this.#next(end);
      if (!next) break;
      const turn = Math.min(end, next.at + this.#grainMs);
      do {
        this.#timers.delete(next.id);
        this.#ms = Math.max(this.#ms, next.at);
        next.fn();
        next = this.#grainMs > 0 ? this.#next(turn) : undefined;
      } while (next);
    }
    this.#ms = end;
    await settle();
  }

  /** Lets `ms` pass without running anything, as when the process stands still; what fell due runs afterwards. */
  jump(ms: number): void {
    this.#ms += ms;
  }

  #next(end: number): { id: number; at: number; fn: () => void } | undefined {
    let best: { readonly at: number; readonly fn: () => void } | undefined;
    let bestId = 0;
    for (const [id, timer] of this.#timers) {
      if (timer.at > end) continue;
      if (!best || timer.at < best.at || (timer.at === best.at && id < bestId)) {
        best = timer;
        bestId = id;
      }
    }
    return best && { id: bestId, ...best };
  }
}

/** Lets microtasks and stream machinery run until nothing of them is left over. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
