/** Where a record lies. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

interface Open {
  readonly place: Place;
  done: boolean;
}

/**
 * Records being handled, several at a time, whose offsets may only be stored in order: an offset says that
 * everything before it is done.
 */
export class InOrder {
  readonly #partitions = new Map<string, Open[]>();
  readonly #store: (place: Place) => void;
  #open = 0;

  /** @param store told of the last record of a partition up to which all are done */
  constructor(store: (place: Place) => void) {
    this.#store = store;
  }

  /** Records begun and not done. */
  get open(): number {
    return this.#open;
  }

  /** Begins a record; the returned function says that it is done. */
  begin(place: Place): () => void {
    const name = nameOf(place);
    const queue = this.#partitions.get(name) ?? [];
    this.#partitions.set(name, queue);
    const entry = { place, done: false };
    queue.push(entry);
    this.#open++;
    return () => {
      if (entry.done) return;
      entry.done = true;
      this.#open--;
      // A partition taken away meanwhile has another queue by now, or none.
      if (this.#partitions.get(name) === queue) this.#storePrefix(queue);
    };
  }

  /** The partition belongs to another member of the group now: its offsets are no longer ours to store. */
  forget(partition: Omit<Place, 'offset'>): void {
    this.#partitions.delete(nameOf(partition));
  }

  #storePrefix(queue: Open[]): void {
    const pending = queue.findIndex((entry) => !entry.done);
    const ready = queue.splice(0, pending < 0 ? queue.length : pending);
    const last = ready.at(-1);
    if (last) this.#store(last.place);
  }
}

function nameOf({ topic, partition }: Omit<Place, 'offset'>): string {
  return `${topic}|${partition}`;
}
