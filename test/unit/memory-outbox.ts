import type { Kept, Page, Place, Recovered, Store, Stored } from '../../src/infra/outbox/store.ts';

/** A folder that outlives its stores: what was written, by number, until it is released. */
export class Folder {
  readonly records = new Map<Place, Stored>();
  readonly offsets = new Map<string, Map<number, number>>();
  last: Place = 0;
}

/** An outbox in memory, whose disk does what the test says. */
export class MemoryStore implements Store {
  readonly folder: Folder;
  readonly recovered: Recovered;
  written: Place;
  /** Records that are taken; more are not. */
  room = Number.POSITIVE_INFINITY;
  /** Writes fail. */
  broken = false;
  /** Writes are still under way when `commit` returns. */
  slow = false;
  readable = true;
  commits = 0;
  reads = 0;
  #buffer: Kept[] = [];
  readonly #notKept: (first: Place, last: Place) => void;

  constructor(folder: Folder, notKept: (first: Place, last: Place) => void = () => {}) {
    this.folder = folder;
    this.#notKept = notKept;
    this.written = folder.last;
    const left = [...folder.records.values()];
    this.recovered = {
      messages: left.length,
      bytes: 0,
      oldestAt: left[0]?.at ?? null,
      last: folder.last,
      acknowledged: new Map([...folder.offsets].map(([topic, parts]) => [topic, new Map(parts)])),
    };
  }

  append(message: Stored): Place | null {
    if (this.folder.records.size + this.#buffer.length >= this.room) return null;
    const place = ++this.folder.last;
    this.#buffer.push({ place, message: { ...message, value: Uint8Array.from(message.value) } });
    return place;
  }

  commit(): void {
    this.commits++;
    if (!this.slow) this.write();
  }

  /** What a slow disk does in its own time. */
  write(): void {
    const all = this.#buffer.splice(0);
    const [first, last] = [all[0], all.at(-1)];
    if (!first || !last) return;
    if (this.broken) this.#notKept(first.place, last.place);
    else for (const { place, message } of all) this.folder.records.set(place, message);
    this.written = last.place;
  }

  release(place: Place): void {
    this.folder.records.delete(place);
    this.#buffer = this.#buffer.filter((one) => one.place !== place);
  }

  async read(from: Place, mostBytes: number): Promise<Page> {
    this.reads++;
    if (!this.readable) throw new Error('input/output error');
    if (!Number.isInteger(mostBytes)) throw new Error(`${mostBytes} bytes are no page`);
    const records: Kept[] = [];
    let bytes = 0;
    for (const [place, message] of [...this.folder.records].sort(([a], [b]) => a - b)) {
      if (place < from) continue;
      bytes += message.value.length;
      if (records.length > 0 && bytes > mostBytes) return { records, next: place };
      records.push({ place, message });
    }
    return { records, next: null };
  }

  acknowledged(topic: string, partition: number, offset: number): void {
    const parts = this.folder.offsets.get(topic) ?? new Map<number, number>();
    this.folder.offsets.set(topic, parts.set(partition, Math.max(offset, parts.get(partition) ?? -1)));
  }

  get figures() {
    return {
      ...{ state: 'ok' as const, reason: '', messages: this.folder.records.size, bytes: 0, oldestAt: null },
      ...{
        diskLeft: null,
        appended: 0,
        bytesWritten: 0,
        released: 0,
        notKept: 0,
        lost: 0,
        longestWriteMs: 0,
      },
    };
  }

  async close(): Promise<void> {}
}
