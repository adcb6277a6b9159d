import { type Clock, sleep } from '../../common/clock.ts';
import { type StreamKey, streamKey } from '../../core/desired/stream.ts';
import type { Left } from '../leases/lease-parts.ts';
import { type Covered, type ShardKey, shardKey } from '../state-store.ts';
import { DRAIN_MS } from './drain.ts';
import type { RunningStream } from './stream.ts';
import type { HeldShard, HeldShards } from './stream-parts.ts';

/** A shard that ended with its stream. */
interface Ended {
  readonly held: HeldShard;
  /** How far it got. */
  readonly covered: readonly Covered[] | null;
  /** Whether it brought all that was sent. */
  readonly complete: boolean;
  /** Whether the stream was wanted again before its sockets were closed. */
  readonly again: boolean;
  /** See `Left`. */
  readonly kept: readonly Covered[];
}

/** Streams that were stopped, until the last of their rows is acknowledged, and what is left of their shards. */
export class StoppedStreams {
  readonly #clock: Clock;
  readonly #draining = new Map<Promise<void>, RunningStream>();
  /** Until somebody asks. */
  readonly #ended = new Map<string, Ended>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Stops a stream. It may start anew while rows of its last run still wait for a broker: the writer keeps their order.
   * @param held what is held of it, and is not being left
   * @param wanted whether it is wanted again by now
   */
  async stop(stream: RunningStream, held: HeldShards, wanted = (): boolean => false): Promise<void> {
    const stopped = stream.stop();
    const draining = stopped.catch(() => {}).then(() => stream.settled());
    this.#draining.set(draining, stream);
    void draining.then(() => this.#draining.delete(draining));
    await stopped;
    const again = wanted();
    for (const shard of stream.closed()) {
      const own = held.get(shard);
      if (!own) continue;
      this.#ended.set(shardKey({ ...stream.target, shard }), {
        held: own,
        covered: stream.covered(shard),
        complete: !stream.torn.has(shard),
        again,
        kept: stream.kept(shard),
      });
    }
  }

  /** Those of which rows are not acknowledged yet. */
  draining(): RunningStream[] {
    return [...this.#draining.values()];
  }

  /** Resolves when all rows of all of them are acknowledged. */
  async settled(): Promise<void> {
    await Promise.all(this.#draining.keys());
  }

  /** Whether a shard ended with its stream, and nobody has asked yet. */
  has(shard: ShardKey): boolean {
    return this.#ended.has(shardKey(shard));
  }

  /** How a shard was left, once its rows are acknowledged, or Kafka does not take them for too long. */
  async left(shard: ShardKey): Promise<Left> {
    const ended = this.#ended.get(shardKey(shard));
    this.#ended.delete(shardKey(shard));
    const own = this.#drainingOf(shard);
    const all = Promise.all(own.map(([draining]) => draining)).then(() => true);
    const late = sleep(this.#clock, DRAIN_MS).then(() => false);
    const delivered = own.length === 0 || (await Promise.race([all, late]));
    const [, last] = own.at(-1) ?? [];
    // Of one that never ran here what is on record stays.
    const torn = ended?.complete === false ? ended.covered : null;
    const covered = torn ?? last?.covered(shard.shard) ?? ended?.covered ?? null;
    return { covered, delivered, complete: ended?.complete ?? false, kept: ended?.kept ?? [] };
  }

  /**
   * A shard begins anew without having been left in between: nobody else says what is missing of its last run. Where the stream
   * was wanted again before its old sockets were closed, readers have what these brought meanwhile: so its codes are missing from
   * the end of that run on, whether it brought all that was sent or not.
   * @param held as it is held now
   * @returns how far that run got, of its own codes nothing where Kafka has all of it; null where there was none
   */
  resumed(shard: ShardKey, held: HeldShard): readonly Covered[] | null {
    const ended = this.#ended.get(shardKey(shard));
    this.#ended.delete(shardKey(shard));
    if (ended?.held !== held) return null;
    const { again, complete, covered, kept } = ended;
    if (again) return covered;
    const [, last] = this.#drainingOf(shard).at(-1) ?? [];
    return (complete ? last?.covered(shard.shard) : covered) ?? kept;
  }

  #drainingOf(stream: StreamKey): (readonly [Promise<void>, RunningStream])[] {
    return [...this.#draining].filter(([, { target }]) => streamKey(target) === streamKey(stream));
  }
}
