import type { Spooled } from './spooled.ts';
import type { TopicSpill } from './topic-spill.ts';

/** Messages of one topic in memory: as many as a next life looks for in it, and the part of the memory that they take. */
const MOST_IN_MEMORY = 16_384;
const TOPIC_SHARE = 1 / 2;
/** What each topic may take where the others have all of the memory. */
const LEAST_SHARE = 1 / 16;

/** What is in memory of one topic. */
interface InMemory {
  weight: number;
  messages: number;
}

const NOTHING: InMemory = { weight: 0, messages: 0 };

/** How much of the outbox's messages is in memory, in all and of each topic. */
export class SpoolMemory {
  readonly #bytes: number;
  readonly #topics = new Map<string, InMemory>();
  #weight = 0;

  /** @param bytes that messages may take */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Bytes in memory, about. */
  get weight(): number {
    return this.#weight;
  }

  took({ topic, weight }: Spooled): void {
    this.#weight += weight;
    let own = this.#topics.get(topic);
    if (!own) {
      own = { weight: 0, messages: 0 };
      this.#topics.set(topic, own);
    }
    own.weight += weight;
    own.messages++;
  }

  left({ topic, weight }: Spooled): void {
    this.#weight -= weight;
    const own = this.#topics.get(topic);
    if (!own) return;
    own.weight -= weight;
    own.messages--;
  }

  /**
   * Whether there is room for one more message of a topic.
   * @param part of what there may be in memory
   * @param beside what waits of the topic in memory already, which is not counted
   */
  hasRoom(topic: string, part: number, beside?: TopicSpill): boolean {
    const most = this.#bytes * part;
    const own = this.#topics.get(topic) ?? NOTHING;
    const waits = beside?.weight ?? 0;
    const weight = own.weight - waits;
    if (own.messages - (beside?.tail.length ?? 0) >= MOST_IN_MEMORY * part) return false;
    return weight < most * LEAST_SHARE || (weight < most * TOPIC_SHARE && this.#weight - waits < most);
  }
}
