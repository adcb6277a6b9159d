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
