import type { Micros } from '../market/market.ts';

/** Frames of the beginning, which hold what later ones mean; the latest; and those that something is wrong with. */
const FIRST = 300;
const LATEST = 1000;
const ODD = 100;
/** Characters or bytes of all of one kind. */
const MOST_BYTES = 2 * 1024 * 1024;

/** A frame as `replay` reads it. */
export interface KeptFrame {
  readonly data: string | Uint8Array;
  readonly receivedAt: Micros;
}

/** A bounded record of what one stream received. */
export class KeptFrames {
  readonly #first: Shelf = new Shelf(FIRST);
  readonly #latest: Shelf = new Shelf(LATEST);
  readonly #odd: Shelf = new Shelf(ODD);

  frame(frame: KeptFrame): void {
    if (!this.#first.add(frame)) this.#latest.push(frame);
  }

  /** A frame that is to be kept whatever comes; it may be on record already. */
  odd(frame: KeptFrame): void {
    this.#odd.add(frame);
  }

  /** All of them in the order in which they came, each once. */
  all(): KeptFrame[] {
    const kept = new Map<string, KeptFrame>();
    for (const shelf of [this.#first, this.#odd, this.#latest])
      for (const frame of shelf.frames) {
        const name = `${frame.receivedAt} ${nameOf(frame)}`;
        if (!kept.has(name)) kept.set(name, frame);
      }
    return [...kept.values()].sort((a, b) => a.receivedAt - b.receivedAt);
  }
}

class Shelf {
  frames: KeptFrame[] = [];
  readonly #most: number;
  #bytes = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns false where there is no room */
  add(frame: KeptFrame): boolean {
    if (this.frames.length >= this.#most || this.#bytes + frame.data.length > MOST_BYTES) return false;
    this.frames.push(frame);
    this.#bytes += frame.data.length;
    return true;
  }

  /** Makes room at the beginning. */
  push(frame: KeptFrame): void {
    while (this.frames.length > 0 && !this.add(frame)) this.#bytes -= this.frames.shift()?.data.length ?? 0;
    if (this.frames.length === 0) this.add(frame);
  }
}

function nameOf({ data }: KeptFrame): string {
  return typeof data === 'string' ? data : Buffer.from(data).toString('base64');
}
