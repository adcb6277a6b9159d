import { type Clock, sleep } from '../../common/clock.ts';
import { recall, sameStream } from '../../core/desired/recall.ts';
import { type DesiredStream, emptyStream, type StreamKey, streamKey } from '../../core/desired/stream.ts';
import type { DesiredStore, Epoch } from '../state-store.ts';

/**
 * A store whose memory has just begun is believed only after so long, in ms: by then every living collector has found
 * it again (attempts are 2 s apart) and written back what it knows.
 */
export const SETTLE_MS = 5000;

/** Attempts to write back what others change at the same time. */
const MAX_ROUNDS = 20;

/** What holds of a stream, and what has to hold for a change of it to be written. */
export interface Current {
  readonly desired: DesiredStream;
  /** The version that the store has; 0 where it has none. */
  readonly expected: number;
  readonly epoch: Epoch;
}

interface Known {
  readonly stream: DesiredStream;
  /** The epoch in which the store had it; null where that is not known. */
  readonly epoch: string | null;
}

/**
 * Desired state as this collector last saw it, against a store that may come back empty or lose a record. What runs is
 * written back with its version; a stream that was stopped is known as stopped and comes back as that.
 */
export class DesiredMemory {
  readonly #store: DesiredStore;
  readonly #clock: Clock;
  readonly #onLost: (streams: readonly DesiredStream[]) => void;
  readonly #known = new Map<string, Known>();

  /** @param onLost told of what was written back */
  constructor(
    store: DesiredStore,
    clock: Clock,
    onLost: (streams: readonly DesiredStream[]) => void = () => {},
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#onLost = onLost;
  }

  known(key: StreamKey): DesiredStream | undefined {
    return this.#known.get(streamKey(key))?.stream;
  }

  /** Told of what the store has taken. */
  remember(stream: DesiredStream, epoch: string | null = null): void {
    // A stream that was never asked for has no record that could be lost.
    if (stream.version > 0 && (this.known(stream)?.version ?? -1) <= stream.version)
      this.#known.set(streamKey(stream), { stream, epoch });
  }

  /**
   * Reads streams; what the store has less of than is known is written back, where the store takes it.
   * @param asked the epoch, where it was asked for just now
   * @returns those that exist @throws Fault redis_unavailable
   */
  async readAll(keys: readonly StreamKey[], asked?: Epoch): Promise<DesiredStream[]> {
    // A store that takes no writes can be read.
    const epoch = asked ?? (await this.#store.epoch().catch(() => null));
    const stored = new Map(
      (await this.#store.readAll(keys)).map((stream) => [streamKey(stream), stream] as const),
    );
    const lost: DesiredStream[] = [];
    const streams: DesiredStream[] = [];
    for (const key of keys) {
      const found = stored.get(streamKey(key)) ?? null;
      const known = this.known(key);
      if (!known || (found && found.version >= known.version)) {
        if (found) streams.push(this.#takes(found, epoch));
        continue;
      }
      const { stream, written } = await this.#writeBack(known, epoch).catch(() => ({
        stream: known,
        written: false,
      }));
      if (written) lost.push(stream);
      streams.push(stream);
    }
    if (lost.length > 0) this.#onLost(lost);
    return streams;
  }

  async read(key: StreamKey, asked?: Epoch): Promise<DesiredStream | null> {
    return (await this.readAll([key], asked))[0] ?? null;
  }

  /**
   * What a change starts from. Where the store's memory has just begun, or a record is missing that nobody here knows,
   * it waits until whoever knows more had the time to say so.
   * @param patient false: what is there now
   * @throws Fault redis_unavailable
   */
  async current(key: StreamKey, patient = true): Promise<Current> {
    for (let waited = 0; ; ) {
      const epoch = await this.#store.epoch();
      const young = SETTLE_MS - epoch.ageMs;
      if (patient && young > 0) {
        await this.readAll(Array.from(this.#known.values(), ({ stream }) => stream));
        await sleep(this.#clock, young);
        continue;
      }
      const stored = await this.read(key, epoch);
      if (stored) return { desired: stored, expected: stored.version, epoch };
      const version = await this.#store.lastVersion(key);
      if (version > 0 && patient && waited < SETTLE_MS) {
        await sleep(this.#clock, SETTLE_MS / 5);
        waited += SETTLE_MS / 5;
        continue;
      }
      return { desired: { ...emptyStream(key), version }, expected: 0, epoch };
    }
  }

  /** Two records of one version were written over one another's loss: the store's holds for all. */
  #takes(stored: DesiredStream, epoch: Epoch | null): DesiredStream {
    const known = this.known(stored);
    const stream = known && sameStream(known, stored) ? known : stored;
    this.#known.set(streamKey(stored), { stream, epoch: epoch?.id ?? null });
    return stream;
  }

  async #writeBack(
    key: StreamKey,
    epoch: Epoch | null,
  ): Promise<{ readonly stream: DesiredStream; readonly written: boolean }> {
    for (let round = 0; ; round++) {
      // Read anew: what was read may have been overtaken by a write.
      const stored = await this.#store.read(key);
      const known = this.#known.get(streamKey(key)) as Known;
      const stream = recall(stored, known.stream, isLate(known, epoch));
      if (stream === stored) return { stream: this.#takes(stored, epoch), written: false };
      if (round === MAX_ROUNDS) return { stream: known.stream, written: false };
      if ((await this.#store.write(stored?.version ?? 0, stream)) !== 'written') continue;
      this.#known.set(streamKey(stream), { stream, epoch: epoch?.id ?? null });
      return { stream, written: true };
    }
  }
}

/** Whether others may have carried out commands on what the store had left. */
function isLate(known: Known, epoch: Epoch | null): boolean {
  return epoch !== null && known.epoch !== null && known.epoch !== epoch.id && epoch.ageMs > SETTLE_MS;
}
