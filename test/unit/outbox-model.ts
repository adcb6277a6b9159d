import { openStore } from '../../src/infra/outbox/open-store.ts';
import type { Place, Store, Stored } from '../../src/infra/outbox/store.ts';
import { type Asked, MemoryDisk, systemError } from './outbox-disk.ts';
import { eventsOf, message, type Told } from './outbox-parts.ts';
import { QuickClock, settled } from './quick-clock.ts';
import { randomOf } from './random.ts';

const FOLDER = '/outbox';
const FSYNC_MS = 1_000;
/** Small, so that segments are many, and that it is reached at times. */
const MAX_BYTES = 100_000;

/** What a sequence came to. */
export interface Outcome {
  readonly lives: number;
  readonly puts: number;
  readonly refused: number;
  readonly compactions: number;
}

/**
 * One random sequence of put, commit, release, rounds, reads, ends of all kinds and openings, against a model in memory.
 * @throws {Error} what is not as the model has it
 */
export async function runSequence(seed: number, steps: number): Promise<Outcome> {
  const world = new World(seed);
  await world.open();
  for (let i = 0; i < steps; i++) await world.step();
  await world.end('close');
  await world.open();
  await world.end('close');
  return world.outcome;
}

class World {
  readonly outcome = { lives: 0, puts: 0, refused: 0, compactions: 0 };
  readonly #random: () => number;
  /** Each life has a monotonic clock of its own. */
  #clock = new QuickClock();
  readonly #disk = new MemoryDisk();
  #store: Store = null as unknown as Store;
  #told: Told = eventsOf();
  #dead = false;
  #powerCut = false;
  /** Written and not released. */
  readonly #kept = new Map<Place, Stored>();
  /** Would be there after a power cut. */
  readonly #safe = new Set<Place>();
  /** Appended, not committed. */
  #buffered: [Place, Stored][] = [];
  /** Released, or torn, so that the next life may have them or not. */
  readonly #doubtful = new Map<Place, Stored>();
  #highest = 0;
  #n = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed);
    this.#disk.fate = (asked, path) => this.#count(asked, path);
  }

  async step(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.3) this.#put();
    else if (dice < 0.5) this.#commit();
    else if (dice < 0.7) this.#release();
    else if (dice < 0.82) await this.#round(this.#random() < 0.1 ? 31_000 : FSYNC_MS);
    else if (dice < 0.9) await this.#compare();
    else {
      const ends = ['kill', 'torn', 'power', 'inRound', 'inRoundPower', 'close'] as const;
      await this.end(ends[this.#below(ends.length)] ?? 'kill');
      await this.open();
    }
  }

  async open(): Promise<void> {
    this.#told = eventsOf();
    this.#dead = false;
    this.#clock = new QuickClock();
    this.#store = openStore({
      folder: FOLDER,
      maxBytes: MAX_BYTES,
      fsyncMs: FSYNC_MS,
      collector: 'model',
      schemas: {},
      clock: this.#clock,
      disk: this.#disk.forProcess(),
      events: this.#told,
    });
    await settled();
    this.outcome.lives++;
    const { recovered } = this.#store;
    if (recovered === null) throw new Error(`not open: ${JSON.stringify(this.#told.states)}`);
    if (recovered.last < Math.max(0, ...this.#kept.keys()))
      throw new Error('numbers of kept records are given again');
    this.#highest = recovered.last;
    await this.#compare();
    for (const place of this.#doubtful.keys()) this.#safe.delete(place);
    this.#doubtful.clear();
    for (const place of this.#kept.keys()) this.#safe.add(place);
  }

  async end(how: 'kill' | 'torn' | 'power' | 'inRound' | 'inRoundPower' | 'close'): Promise<void> {
    if (how === 'close') return this.#close();
    if (how === 'torn') this.#tear();
    else if (how === 'inRound' || how === 'inRoundPower') await this.#dieInRound();
    if (how === 'power' || how === 'inRoundPower') {
      // What was not synced is told as damage where it stood between records that were.
      this.#powerCut = true;
      this.#disk.cutPower(this.#random);
      for (const [place, stored] of this.#kept) {
        if (this.#safe.has(place)) continue;
        this.#kept.delete(place);
        this.#doubtful.set(place, stored);
      }
    } else this.#disk.kill();
    this.#dead = true;
    for (const [place, stored] of this.#buffered) if (how === 'torn') this.#doubtful.set(place, stored);
    this.#buffered = [];
  }

  async #close(): Promise<void> {
    this.#commit();
    const closing = this.#store.close(1_000);
    await settled();
    await closing;
    this.#doubtful.clear();
    this.#powerCut = false;
  }

  #put(): void {
    for (let i = this.#below(8); i >= 0; i--) {
      const stored = message(++this.#n);
      const place = this.#store.append(stored);
      this.outcome.puts++;
      if (place === null) this.outcome.refused++;
      else {
        if (place <= this.#highest) throw new Error(`number ${place} is not new`);
        this.#highest = place;
        this.#buffered.push([place, stored]);
      }
    }
  }

  #commit(): void {
    this.#store.commit();
    for (const [place, stored] of this.#buffered) this.#kept.set(place, stored);
    this.#buffered = [];
    if (this.#told.lost.length > 0) throw new Error('a write failed on a sound disk');
  }

  /** Some of the oldest, or any. */
  #release(): void {
    const places = [...this.#kept.keys()];
    const some =
      this.#random() < 0.6 ? places.slice(0, this.#below(30)) : places.filter(() => this.#random() < 0.3);
    for (const place of some) {
      this.#store.release(place);
      this.#doubtful.set(place, this.#kept.get(place) as Stored);
      this.#kept.delete(place);
    }
  }

  async #round(ms: number): Promise<void> {
    await this.#clock.advance(ms);
    if (this.#dead) return;
    // What was released before the round began is in the ledger, and what was told of damage.
    this.#doubtful.clear();
    this.#powerCut = false;
    for (const place of this.#kept.keys()) this.#safe.add(place);
  }

  /** The process ends at the n-th thing that it asks the disk for. */
  async #dieInRound(): Promise<void> {
    let left = this.#below(14);
    this.#disk.fate = (asked, path) => {
      if (left-- > 0) return this.#count(asked, path);
      this.#disk.kill();
      return systemError('EDEAD', 'the process ends');
    };
    this.#dead = true;
    await this.#clock.advance(this.#random() < 0.3 ? 31_000 : FSYNC_MS);
    this.#disk.fate = (asked, path) => this.#count(asked, path);
  }

  /** The last write is cut anywhere. */
  #tear(): void {
    let cut: number | null = Math.floor(this.#random() * 3_000);
    this.#disk.fate = (asked) => {
      if (asked !== 'write') return null;
      const taken = cut;
      cut = null;
      if (taken !== null && taken > 0) return taken;
      this.#disk.kill();
      return systemError('EDEAD', 'the process ends');
    };
    this.#store.commit();
    this.#disk.fate = (asked, path) => this.#count(asked, path);
  }

  /** What can be read is what the model has, or at the beginning of a life may have. */
  async #compare(): Promise<void> {
    const opening = this.#doubtful.size > 0 && this.#buffered.length === 0;
    const got = new Map<Place, Stored>();
    let last = 0;
    for (let next: number | null = 0; next !== null; ) {
      const page = await this.#store.read(next, 1 + this.#below(3_000));
      for (const { place, message: read } of page.records) {
        if (place <= last) throw new Error(`record ${place} is out of order`);
        last = place;
        got.set(place, read);
      }
      next = page.next;
    }
    for (const [place, stored] of this.#kept) {
      const read = got.get(place);
      if (read === undefined) throw new Error(`record ${place} is lost`);
      if (!Bun.deepEquals(read, stored)) throw new Error(`record ${place} is another one`);
    }
    for (const [place, read] of got) {
      if (this.#kept.has(place)) continue;
      const doubtful = this.#doubtful.get(place);
      if (!opening || doubtful === undefined) throw new Error(`record ${place} was released`);
      if (!Bun.deepEquals(read, doubtful)) throw new Error(`record ${place} is another one`);
      this.#kept.set(place, read);
    }
    if (this.#powerCut) this.#told.damages.length = 0;
    const lost = this.#told.damages.filter((damage) => !damage.reason.startsWith('the last write is cut'));
    if (lost.length > 0) throw new Error(`damage: ${JSON.stringify(lost)}`);
  }

  #count(asked: Asked, path: string): null {
    if (asked === 'rename' && path.endsWith('.segment')) this.outcome.compactions++;
    return null;
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n);
  }
}
