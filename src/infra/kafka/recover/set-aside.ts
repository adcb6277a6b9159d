import type { Place } from '../../outbox/store.ts';

/** Places of one key's messages in the outbox that wait, as they stand at one moment. */
export interface Places {
  readonly first: Place;
  readonly last: Place;
  has(place: Place): boolean;
}

/**
 * Which messages of one key wait in the outbox. Of former lives all of the key do from the first of them to the last; of
 * this life only those that are named, as others between them are under way.
 */
export class SetAside {
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;
  #named: Place[] = [];

  get empty(): boolean {
    return this.#first > this.#last && this.#named.length === 0;
  }

  /** Places that are named. */
  get named(): number {
    return this.#named.length;
  }

  /** One of a former life, behind those that were added before. */
  former(place: Place): void {
    this.#first = Math.min(this.#first, place);
    this.#last = Math.max(this.#last, place);
  }

  name(place: Place): void {
    this.#named.push(place);
  }

  /** As they are now: what is added later is not among them. */
  places(): Places {
    const first = this.#first;
    const last = this.#last;
    const named = new Set(this.#named);
    const ends = this.#named.reduce(
      ([low, high], place) => [Math.min(low, place), Math.max(high, place)] as const,
      [first, last] as const,
    );
    return {
      first: ends[0],
      last: ends[1],
      has: (place) => (place >= first && place <= last) || named.has(place),
    };
  }

  /** Of those the ones up to this place went on their way. */
  went(places: Places, upTo: Place): void {
    if (this.#last <= upTo) {
      this.#first = Number.POSITIVE_INFINITY;
      this.#last = Number.NEGATIVE_INFINITY;
    } else this.#first = Math.max(this.#first, upTo + 1);
    this.#named = this.#named.filter((place) => place > upTo || !places.has(place));
  }
}
