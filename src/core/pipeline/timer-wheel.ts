import type { Cancel, Clock } from '../../common/clock.ts';

/** Something that can fall due; `due` belongs to the wheel. */
export interface Timed {
  due: number;
}

/**
 * One timer for any number of short deadlines: 600 codes that each flush every 100 ms would otherwise be 6,000
 * timers a second. Deadlines are exact to one tick. The timer stands still while nothing is scheduled.
 */
export class TimerWheel<T extends Timed> {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots: T[][];
  readonly #fire: (due: T[]) => void;
  #tick = 0;
  #scheduled = 0;
  #startedAt = 0;
  #cancel: Cancel | null = null;

  /**
   * @param maxMs the longest delay that will be asked for
   * @param fire gets everything that fell due, at most once a tick
   */
  constructor(clock: Clock, tickMs: number, maxMs: number, fire: (due: T[]) => void) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#slots = Array.from({ length: Math.ceil(maxMs / tickMs) + 2 }, () => []);
    this.#fire = fire;
  }

  /** Lets `item` fall due in `ms`; a deadline that it had before is void. */
  schedule(item: T, ms: number): void {
    if (this.#cancel === null) this.#start();
    const ticks = Math.min(Math.max(1, Math.ceil(ms / this.#tickMs)), this.#slots.length - 1);
    item.due = this.#now() + ticks;
    this.#slots[item.due % this.#slots.length]?.push(item);
    this.#scheduled++;
  }

  /** Voids the deadline of `item`. */
  clear(item: T): void {
    item.due = -1;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #start(): void {
    this.#startedAt = this.#clock.now() - this.#tick * this.#tickMs;
    this.#arm();
  }

  #arm(): void {
    const next = this.#startedAt + (this.#tick + 1) * this.#tickMs;
    this.#cancel = this.#clock.after(Math.max(0, next - this.#clock.now()), () => this.#turn());
  }

  /** Never behind the ticks already worked off, so that an item cannot land in a slot just emptied. */
  #now(): number {
    return Math.max(this.#tick, Math.floor((this.#clock.now() - this.#startedAt) / this.#tickMs));
  }

  #turn(): void {
    const now = this.#now();
    const due: T[] = [];
    // After a stall every slot is looked at once; more turns than slots would only see them again.
    const from = Math.max(this.#tick + 1, now - this.#slots.length + 1);
    for (let tick = from; tick <= now; tick++) this.#empty(tick % this.#slots.length, now, due);
    this.#tick = now;
    this.#cancel = null;
    if (this.#scheduled > 0) this.#arm();
    if (due.length > 0) this.#fire(due);
  }

  #empty(index: number, now: number, due: T[]): void {
    const slot = this.#slots[index] as T[];
    if (slot.length === 0) return;
    this.#slots[index] = [];
    for (const item of slot) {
      this.#scheduled--;
      if (item.due !== -1 && item.due <= now) {
        item.due = -1;
        due.push(item);
      }
    }
  }
}
