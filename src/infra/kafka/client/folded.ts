import type { Clock } from '../../../common/clock.ts';
import { Fold } from '../../../common/fold.ts';

/** How long the repetitions of one text are kept back before they are told, with their count. */
const FOLD_MS = 30_000;

/** Folds what a client says many times a second: told at once, then every 30 s with the count while it goes on. */
export class Folded {
  readonly #fold: Fold<string>;

  /** @param tell gets a text, and how often it was said since it was told before */
  constructor(clock: Clock, tell: (text: string, times: number) => void) {
    this.#fold = new Fold(clock, FOLD_MS, (text, repeated) => tell(text, Math.max(1, repeated)));
  }

  say(text: string): void {
    this.#fold.add(text, text);
  }

  /** Tells what is still kept back, and keeps nothing waiting. */
  flush(): void {
    this.#fold.flush();
  }
}
