import type { Place } from '../../outbox/store.ts';
import type { Spooled } from './spooled.ts';

/**
 * A topic of which messages lie on disk alone: what is still to be read back of it, and what came after that and is in
 * memory because the disk did not take it, or because somebody waits for it.
 */
export class TopicSpill {
  readonly topic: string;
  /** Where reading goes on, and the last message that is on disk alone. Nothing is left where the first is beyond. */
  next: Place = Number.POSITIVE_INFINITY;
  last: Place = 0;
  /** In order, behind all that is on disk. */
  readonly tail: Spooled[] = [];
  #weight = 0;
  /** Nothing more of it can be sent before this moment, monotonic ms. */
  blockedUntilMs = 0;

  constructor(topic: string) {
    this.topic = topic;
  }

  get onDisk(): boolean {
    return this.next <= this.last;
  }

  /** Everything from the one to the other is on disk alone. */
  holds(first: Place, last: Place): void {
    this.next = Math.min(this.next, first);
    this.last = Math.max(this.last, last);
  }

  /** Whether this one is still to be read back. */
  awaits(place: Place): boolean {
    return place >= this.next && place <= this.last;
  }

  /**
   * Adds where the tail is on disk: one that the disk took sooner than those before it stands among what is to be read
   * back, and follows them out of memory all the same.
   */
  tailPlaces(into: Set<Place>): void {
    for (const { place } of this.tail) if (place !== null) into.add(place);
  }

  /** What is in memory of the tail. */
  get weight(): number {
    return this.#weight;
  }

  wait(spooled: Spooled): void {
    this.tail.push(spooled);
    this.#weight += spooled.weight;
  }

  /** So many of the tail wait no more, from this one on. */
  leave(from: number, count: number): void {
    for (const { weight } of this.tail.splice(from, count)) this.#weight -= weight;
  }
}
