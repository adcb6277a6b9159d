import type { Clock } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import type { StoreState } from './store.ts';

/** Codes of the system that say that there is no room. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The state of a store, and what is to be told of it: at a moment that suits, as it changes where nothing may be told. */
export class Health {
  readonly #changed: (state: StoreState, reason: string) => void;
  #state: StoreState = 'ok';
  #reason = '';
  #untold = false;

  constructor(changed: (state: StoreState, reason: string) => void) {
    this.#changed = changed;
  }

  get state(): StoreState {
    return this.#state;
  }

  get reason(): string {
    return this.#reason;
  }

  set(state: StoreState, reason: string): void {
    if (state === this.#state && reason === this.#reason) return;
    this.#state = state;
    this.#reason = reason;
    this.#untold = true;
  }

  well(): void {
    this.set('ok', '');
  }

  trouble(error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    this.set(FULL.has(code) ? 'full' : 'broken', messageOf(error));
  }

  tell(): void {
    if (!this.#untold) return;
    this.#untold = false;
    this.#changed(this.#state, this.#reason);
  }
}

/** What the disk has not done for so long, ms, means that it does not answer: then nothing is given to it. */
export const SLOW_WRITE_MS = 2_000;
const SLOW_SYNC_MS = 30_000;

/**
 * @param writeMs for how long a thread has been at a write
 * @param stepMs the same of what else is asked of the disk
 * @returns since when it does not answer, in words; null where it does
 */
export function unanswered(clock: Clock, writeMs: number, stepMs: number): string | null {
  const since = (ms: number): string => new Date(clock.micros() / 1000 - ms).toISOString();
  if (writeMs > SLOW_WRITE_MS) return `the disk does not answer since ${since(writeMs)}: a write is not done`;
  if (stepMs > SLOW_SYNC_MS) return `the disk does not answer since ${since(stepMs)}: a sync is not done`;
  return null;
}
