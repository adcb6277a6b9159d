import type { Clock } from '../../common/clock.ts';
import { Backoff, PATIENT } from './backoff.ts';

/** Sockets of one exchange that opened together must not be replaced together: somewhere in this part of their life. */
const EARLIEST = 0.85;
const LATEST = 0.95;
/** After this long without a rotation the next one may begin at once. */
const CALM_MS = 300_000;
const DARK_MAX_MS = 600_000;

/**
 * When a socket is to be replaced by a successor while it still works: before the exchange cuts it, when the exchange
 * announces its end, or when it has brought no data for too long. An exchange that announces the end of every new
 * socket is not followed at its speed.
 */
export class Rotation {
  readonly #clock: Clock;
  readonly #lifetimeMs: number | null;
  readonly #darkMs: number;
  readonly #backoff: Backoff;
  #dueMs = Number.POSITIVE_INFINITY;
  #earliestMs = 0;
  #reason: string | null = null;
  #darkWaitMs = 0;
  #darkFromMs = 0;

  constructor(clock: Clock, lifetimeMs: number | null, darkMs: number) {
    this.#clock = clock;
    this.#lifetimeMs = lifetimeMs;
    this.#darkMs = darkMs;
    this.#backoff = new Backoff(clock, PATIENT);
  }

  /** Why a successor is needed; null where none is. */
  get reason(): string | null {
    return this.#reason;
  }

  /** The socket that counts is a new one, opened `ageMs` ago: what was asked for before is done. */
  settle(ageMs: number): void {
    this.#reason = null;
    if (this.#lifetimeMs === null) return;
    const share = EARLIEST + this.#clock.random() * (LATEST - EARLIEST);
    this.#dueMs = this.#clock.now() - ageMs + this.#lifetimeMs * share;
  }

  ask(reason: string): void {
    this.#reason ??= reason;
  }

  /** No data comes: asks for a successor, and less and less often where that does not help. */
  dark(): void {
    const nowMs = this.#clock.now();
    if (nowMs < this.#darkFromMs) return;
    this.#darkWaitMs = Math.min(Math.max(this.#darkMs, 2 * this.#darkWaitMs), DARK_MAX_MS);
    this.#darkFromMs = nowMs + this.#darkWaitMs;
    this.ask('no data');
  }

  light(): void {
    this.#darkWaitMs = 0;
    this.#darkFromMs = 0;
  }

  /** Whether the opening of a successor may begin now; counts it as begun. */
  begin(): boolean {
    const nowMs = this.#clock.now();
    if (nowMs >= this.#dueMs) this.ask('end of its planned life');
    if (this.#reason === null || nowMs < this.#earliestMs) return false;
    if (nowMs - this.#earliestMs > CALM_MS) this.#backoff.reset();
    this.#earliestMs = nowMs + this.#backoff.fail();
    return true;
  }

  postpone(ms: number): void {
    this.#earliestMs = Math.max(this.#earliestMs, this.#clock.now() + ms);
  }
}
