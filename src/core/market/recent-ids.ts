/** The ids seen last, at least `keep` and at most twice as many: two generations, so that none is deleted one by one. */
export class RecentIds {
  readonly #keep: number;
  #young = new Set<unknown>();
  #old = new Set<unknown>();

  constructor(keep: number) {
    this.#keep = keep;
  }

  has(id: unknown): boolean {
    return this.#young.has(id) || this.#old.has(id);
  }

  add(id: unknown): void {
    if (this.#young.size >= this.#keep) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(id);
  }
}
