import type { Clock } from '../../common/clock.ts';

/** How long the repetitions of one text are kept back before they are told again, with their count. */
const FOLD_MS = 30_000;
/** Texts remembered; librdkafka has few, but addresses are part of them. */
const MAX_TEXTS = 200;

/** Folds what is said many times a second: tells it at once, then at most every 30 s with the count in between. */
export class Folded {
  readonly #clock: Clock;
  readonly #tell: (text: string, times: number) => void;
  readonly #seen = new Map<string, { toldAt: number; since: number }>();

  constructor(clock: Clock, tell: (text: string, times: number) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  say(text: string): void {
    const now = this.#clock.now();
    const seen = this.#seen.get(text);
    if (seen && now - seen.toldAt < FOLD_MS) {
      seen.since++;
      return;
    }
    if (!seen && this.#seen.size >= MAX_TEXTS) this.#seen.clear();
    this.#seen.set(text, { toldAt: now, since: 0 });
    this.#tell(text, (seen?.since ?? 0) + 1);
  }
}
