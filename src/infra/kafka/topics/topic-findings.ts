import type { Metadata } from '@confluentinc/kafka-javascript';
import type { Clock } from '../../../common/clock.ts';

/** What the cluster said about one topic. */
export type TopicFinding = Metadata['topics'][number];

/** How often the cluster is asked about topics that do not acknowledge. */
const EVERY_MS = 2_000;

/** What the cluster says about topics that do not acknowledge: asked for one at a time, and not too often. */
export class TopicFindings {
  readonly #clock: Clock;
  readonly #ask: (topic: string) => Promise<Metadata>;
  /** The one that was asked about longest ago comes first. */
  readonly known = new Map<string, TopicFinding>();
  #asking = false;
  #againAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, ask: (topic: string) => Promise<Metadata>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Asks about the one of these topics of which least is known. */
  async look(topics: readonly string[]): Promise<void> {
    const oldest = [...this.known.keys()].find((topic) => topics.includes(topic));
    const topic = topics.find((one) => !this.known.has(one)) ?? oldest;
    if (topic === undefined || this.#asking || this.#clock.now() < this.#againAt) return;
    this.#asking = true;
    this.#againAt = this.#clock.now() + EVERY_MS;
    try {
      const answer = await this.#ask(topic);
      this.known.delete(topic);
      for (const one of answer.topics) this.known.set(one.name, one);
    } catch {
      // No answer says nothing about partitions.
      this.known.delete(topic);
    } finally {
      this.#asking = false;
    }
  }
}
