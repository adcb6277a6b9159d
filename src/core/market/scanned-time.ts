import type { Micros } from './market.ts';

/** A time that was scanned, in place of the text that `JSON.parse` makes of it. */
export class ScannedTime {
  /** Of the frame that was scanned last. */
  micros: Micros = Number.NaN;
  readonly #next: () => Micros;

  /** @param next reads the time that stands next; NaN where there is none */
  constructor(next: () => Micros) {
    this.#next = next;
  }

  read(): boolean {
    this.micros = this.#next();
    return !Number.isNaN(this.micros);
  }
}
