import type { Clock } from '../../common/clock.ts';

/**
 * How a fence stands. `held`: messages that bear it may go. `unsure`: its lease may have run out, and the store has not
 * said yet who has it; ask again soon. `ended`: the lease was lost or given back; such messages are nobody's any more.
 */
export type FenceStanding = 'held' | 'unsure' | 'ended';

/** Asked with the fence of each message before it is handed over. */
export type StandingOf = (fence: number) => FenceStanding;

/** A moment by both clocks: the monotonic one may stand still while a machine is suspended, the other may be set. */
export interface Moment {
  /** `Clock.now()`. */
  readonly ms: number;
  /** `Clock.micros()`. */
  readonly wall: number;
}

/** A lease is trusted a little shorter here than it lives in the store. */
const TRUSTED = 0.95;
/** How long messages wait for the store's word once the leases have run out; then they go, by the readers' rule. */
const ANSWER_MS = 3000;
/** Fences that ended, of which it is remembered until when they were held. */
const MOST_ENDED = 4096;
/** The store is asked again at this pace meanwhile. Time in which the process stands still is no waiting. */
const STEP_MS = 250;

/**
 * The fences of the leases held here, looked at before each message is handed to Kafka. Renewals make them sure for a
 * life of the leases; so do attempts to renew that find the store away, for then nobody can take them either. Only a
 * process that stood still finds them run out: it waits until the store has said which of them it still has.
 */
export class Fences {
  readonly #clock: Clock;
  readonly #lifeMs: number;
  readonly #held = new Set<number>();
  /** Until when each of those that ended last was surely held, epoch µs. */
  readonly #ended = new Map<number, number>();
  #sureUntil: Moment;
  #askedMs: number | null = null;
  #waitedMs = 0;
  #ask: () => void = () => {};

  /** @param ttlMs life of a lease between renewals */
  constructor(clock: Clock, ttlMs: number) {
    this.#clock = clock;
    this.#lifeMs = ttlMs * TRUSTED;
    this.#sureUntil = this.moment();
  }

  /** @param ask makes somebody look at the leases; called while messages wait for that */
  onUnsure(ask: () => void): void {
    this.#ask = ask;
  }

  moment(): Moment {
    return { ms: this.#clock.now(), wall: this.#clock.micros() };
  }

  add(fence: number): void {
    this.#held.add(fence);
  }

  /** The leases of these were lost, or are about to be given back. */
  end(fences: Iterable<number>): void {
    const until = Math.min(this.#clock.micros(), this.#sureUntil.wall);
    for (const fence of fences) {
      if (this.#held.delete(fence)) this.#ended.set(fence, until);
      for (const oldest of this.#ended.keys()) {
        if (this.#ended.size <= MOST_ENDED) break;
        this.#ended.delete(oldest);
      }
    }
  }

  /**
   * Until when the lease of a fence that ended was surely held, epoch µs: what was received until then nobody else can
   * have received under a later one. Null where that is not known.
   */
  heldUntil(fence: number): number | null {
    return this.#ended.get(fence) ?? null;
  }

  /** The store has said of every fence whether its lease is still held. @param asked when it was asked */
  sure({ ms, wall }: Moment): void {
    this.#sureUntil = { ms: ms + this.#lifeMs, wall: wall + this.#lifeMs * 1000 };
    this.#askedMs = null;
    this.#waitedMs = 0;
  }

  /** The store could not be asked. While it is away every collector keeps what it has. */
  away(): void {
    if (!this.#ranOut()) this.sure(this.moment());
  }

  standing(fence: number): FenceStanding {
    if (!this.#held.has(fence)) return 'ended';
    if (!this.#ranOut()) return 'held';
    this.#wait();
    if (this.#waitedMs < ANSWER_MS) return 'unsure';
    this.sure(this.moment());
    return 'held';
  }

  #ranOut(): boolean {
    const { ms, wall } = this.#sureUntil;
    return this.#clock.now() >= ms || this.#clock.micros() >= wall;
  }

  #wait(): void {
    const nowMs = this.#clock.now();
    const sinceMs = this.#askedMs === null ? STEP_MS : nowMs - this.#askedMs;
    if (sinceMs < STEP_MS) return;
    if (this.#askedMs !== null) this.#waitedMs += STEP_MS;
    this.#askedMs = nowMs;
    this.#ask();
  }
}
