import type { Cancel, Clock } from '../../src/common/clock.ts';

/** A clock by which all that falls due within an advance runs in one turn: for what settles in microtasks, and quicker than `ManualClock`. */
export class QuickClock implements Clock {
  #ms = 0;
  #stepMicros = 0;
  #timers: { at: number; fn: () => void }[] = [];

  micros(): number {
    return 1_790_000_000_000_000 + this.#stepMicros + this.#ms * 1000;
  }

  now(): number {
    return this.#ms;
  }

  after(ms: number, fn: () => void): Cancel {
    const timer = { at: this.#ms + ms, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  random(): number {
    return 0.5;
  }

  /** Sets the wall clock forward, or back; the monotonic one goes on. */
  step(micros: number): void {
    this.#stepMicros += micros;
  }

  /** The process stands still for so long; what fell due runs with the next advance. */
  stand(ms: number): void {
    this.#ms += ms;
  }

  async advance(ms: number): Promise<void> {
    this.#ms += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#ms);
    this.#timers = this.#timers.filter(({ at }) => at > this.#ms);
    for (const { fn } of due) fn();
    await settled();
  }
}

/** Lets microtasks run until none is left. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
