import type { LedgerLine, StoreLine } from './ledger-lines.ts';
import type { Segment } from './segment.ts';
import { FORMAT } from './segment-header.ts';
import type { Place } from './store.ts';

/** All segments of a store, oldest first. */
export class Segments {
  readonly #all: Segment[];

  constructor(all: readonly Segment[]) {
    this.#all = [...all];
  }

  get all(): readonly Segment[] {
    return this.#all;
  }

  add(segment: Segment): void {
    this.#all.push(segment);
  }

  remove(segment: Segment): void {
    this.#all.splice(this.#all.indexOf(segment), 1);
  }

  /** The segment of a record; null: of none. Mostly it is one of the last. */
  of(place: Place): Segment | null {
    for (let i = this.#all.length - 1, looked = 0; i >= 0 && looked < 4; i--, looked++) {
      const segment = this.#all[i] as Segment;
      if (place >= segment.first) return place <= segment.last ? segment : null;
    }
    const segment = this.#all[this.#before(place)];
    return segment !== undefined && place <= segment.last ? segment : null;
  }

  /** The first unreleased record that is on disk, from a number on. */
  nextOpen(from: Place): { segment: Segment; place: Place } | null {
    for (let i = Math.max(0, this.#before(from)); i < this.#all.length; i++) {
      const segment = this.#all[i] as Segment;
      const place = segment.releases.nextOpen(Math.max(from, segment.first), segment.written);
      if (place !== null) return { segment, place };
    }
    return null;
  }

  messages(): number {
    let sum = 0;
    for (const segment of this.#all) sum += segment.open;
    return sum;
  }

  bytes(): number {
    let sum = 0;
    for (const segment of this.#all) sum += segment.bytes;
    return sum;
  }

  oldestAt(): number | null {
    for (const segment of this.#all) {
      const at = segment.oldestAt();
      if (at !== null) return at;
    }
    return null;
  }

  /** What was released since the last call, for the ledger. */
  takeReleases(): LedgerLine[] {
    return this.#all.flatMap((segment): LedgerLine[] => {
      const ranges = segment.releases.takeChanged();
      return ranges.length === 0 ? [] : [{ is: 'released', id: segment.id, ranges }];
    });
  }

  /** All that a new ledger has to say of segments, with the store first. */
  snapshot(store: Omit<StoreLine, 'is' | 'format'>): LedgerLine[] {
    const lines: LedgerLine[] = [{ is: 'store', format: FORMAT, ...store }];
    for (const segment of this.#all) {
      const { id, first, releases } = segment;
      releases.takeChanged();
      lines.push({ is: 'segment', id, first });
      if (segment.sealed) lines.push({ is: 'seal', id, ...segment.seal() });
      const ranges = releases.ranges(first, segment.last);
      if (ranges.length > 0) lines.push({ is: 'released', id, ranges });
    }
    return lines;
  }

  /** Index of the last segment that begins at or before a number; -1: none does. */
  #before(place: Place): number {
    let low = 0;
    let high = this.#all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#all[middle] as Segment).first <= place) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
