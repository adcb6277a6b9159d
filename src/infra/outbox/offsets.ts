import type { LedgerLine } from './ledger-lines.ts';

/** The highest acknowledged offset of each partition: behind it lies what a crash left in doubt. */
export class Offsets {
  readonly #topics = new Map<string, Map<number, number>>();
  /** Topics with offsets that the ledger does not know. */
  readonly #changed = new Set<string>();

  constructor(known: ReadonlyMap<string, ReadonlyMap<number, number>>) {
    for (const [topic, partitions] of known) this.#topics.set(topic, new Map(partitions));
  }

  note(topic: string, partition: number, offset: number): void {
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) {
      partitions = new Map();
      this.#topics.set(topic, partitions);
    }
    if (offset <= (partitions.get(partition) ?? -1)) return;
    partitions.set(partition, offset);
    this.#changed.add(topic);
  }

  /** Lines for the ledger of the topics that changed since the last call. */
  takeChanged(): LedgerLine[] {
    const lines = [...this.#changed].map((topic) => this.#line(topic));
    this.#changed.clear();
    return lines;
  }

  all(): LedgerLine[] {
    this.#changed.clear();
    return [...this.#topics.keys()].map((topic) => this.#line(topic));
  }

  #line(topic: string): LedgerLine {
    return { is: 'offsets', topic, offsets: Object.fromEntries(this.#topics.get(topic) ?? []) };
  }
}
