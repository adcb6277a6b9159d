import type { Cancel, Clock } from '../../common/clock.ts';

/** Looks for what is due, and takes it. What it cannot take now it must find again at its next call. */
export type OnTick = (nowMs: number) => void;

/** Hands on what has gathered for the members; true where there was any. */
export type BeforeTick = (nowMs: number) => boolean;

/**
 * One tick for everything that waits in the pipelines of all streams: rows of 600 codes that each flush on a timer of
 * their own would be 6,000 timers a second and as many small requests to a broker. Nothing is scheduled here, so nothing
 * can be forgotten: each tick asks every member to look for itself. A tick that is late, or in which a member fails, is
 * made good by the next. Ticks lie at multiples of the interval; the timer stands still while there is no member.
 */
export class Grid {
  readonly tickMs: number;
  readonly #clock: Clock;
  readonly #fault: (error: unknown) => void;
  readonly #members = new Set<OnTick>();
  readonly #before = new Set<BeforeTick>();
  #cancel: Cancel | null = null;

  /** @param fault told what a member threw; the others are asked all the same */
  constructor(clock: Clock, tickMs: number, fault: (error: unknown) => void) {
    this.#clock = clock;
    this.tickMs = tickMs;
    this.#fault = fault;
  }

  /** @returns how to leave */
  join(member: OnTick): Cancel {
    this.#members.add(member);
    this.#cancel ??= this.#arm();
    return () => {
      this.#members.delete(member);
      if (this.#members.size > 0) return;
      this.#cancel?.();
      this.#cancel = null;
    };
  }

  /**
   * Asked before the members of each tick. Where it hands something on, they are asked in the next turn of the event loop,
   * when that has come to them. It needs a member to be asked at all.
   * @returns how to leave
   */
  before(handOver: BeforeTick): Cancel {
    this.#before.add(handOver);
    return () => this.#before.delete(handOver);
  }

  #arm(): Cancel {
    const now = this.#clock.now();
    const next = (Math.floor(now / this.tickMs) + 1) * this.tickMs;
    return this.#clock.after(Math.ceil(next - now), () => this.#turn());
  }

  #turn(): void {
    // Before anything that may fail, so that there is a next tick whatever happens in this one.
    this.#cancel = this.#arm();
    const now = this.#clock.now();
    let any = false;
    for (const handOver of this.#before) this.#asked(() => (any = handOver(now) || any));
    if (any) setImmediate(() => this.#ask(now));
    else this.#ask(now);
  }

  #ask(nowMs: number): void {
    for (const member of this.#members) this.#asked(() => member(nowMs));
  }

  #asked(one: () => void): void {
    try {
      one();
    } catch (error) {
      this.#fault(error);
    }
  }
}
