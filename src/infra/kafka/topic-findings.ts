import type { Metadata } from '@confluentinc/kafka-javascript';
import type { Clock } from '../../common/clock.ts';

/** What the cluster said about one topic. */
export type TopicFinding = Metadata['topics'][number];

/** How often the cluster is asked about a topic that does not acknowledge. */
const EVERY_MS = 5_000;

/** What the cluster says about topics that do not acknowledge: asked for one at a time, and not too often. */
export class TopicFindings {
  readonly #clock: Clock;
  readonly #ask: (topic: string) => Promise<Metadata>;
  readonly known = new Map<string, TopicFinding>();
  #asking = false;
  #againAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, ask: (topic: string) => Promise<Metadata>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  async look(topic: string): Promise<void> {
    if (this.#asking || this.#clock.now() < this.#againAt) return;
    this.#asking = true;
    this.#againAt = this.#clock.now() + EVERY_MS;
    try {
      for (const one of (await this.#ask(topic)).topics) this.known.set(one.name, one);
    } catch {
      // No answer says nothing about partitions.
      this.known.delete(topic);
    } finally {
      this.#asking = false;
    }
  }
}
