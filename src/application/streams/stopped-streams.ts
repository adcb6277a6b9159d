import { type Clock, sleep } from '../../common/clock.ts';
import { streamKey } from '../../core/desired/stream.ts';
import type { Left } from '../leases/lease-parts.ts';
import { type Covered, type ShardKey, shardKey } from '../state-store.ts';
import { DRAIN_MS } from './drain.ts';
import type { RunningStream } from './stream.ts';

/** Streams that were stopped, until the last of their rows is acknowledged, and what is left of their shards. */
export class StoppedStreams {
  readonly #clock: Clock;
  readonly #draining = new Map<Promise<void>, RunningStream>();
  /** How far those shards got whose sockets did not bring all that was sent, until somebody asks. */
  readonly #torn = new Map<string, readonly Covered[] | null>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Stops a stream. It may start anew while rows of its last run still wait for a broker: the writer keeps their order. */
  async stop(stream: RunningStream): Promise<void> {
    const stopped = stream.stop();
    const draining = stopped.catch(() => {}).then(() => stream.settled());
    this.#draining.set(draining, stream);
    void draining.then(() => this.#draining.delete(draining));
    await stopped;
    for (const shard of stream.torn)
      this.#torn.set(shardKey({ ...stream.target, shard }), stream.covered(shard));
  }

  /** Those of which rows are not acknowledged yet. */
  draining(): RunningStream[] {
    return [...this.#draining.values()];
  }

  /** Resolves when all rows of all of them are acknowledged. */
  async settled(): Promise<void> {
    await Promise.all(this.#draining.keys());
  }

  /** How a shard was left, once its rows are acknowledged, or Kafka does not take them for too long. */
  async left(shard: ShardKey): Promise<Left> {
    const torn = this.#torn.get(shardKey(shard));
    this.#torn.delete(shardKey(shard));
    const own = [...this.#draining].filter(([, { target }]) => streamKey(target) === streamKey(shard));
    const all = Promise.all(own.map(([draining]) => draining)).then(() => true);
    const late = sleep(this.#clock, DRAIN_MS).then(() => false);
    const delivered = own.length === 0 || (await Promise.race([all, late]));
    const [, last] = own.at(-1) ?? [];
    return { covered: torn ?? last?.covered(shard.shard) ?? null, delivered, complete: torn === undefined };
  }
}
