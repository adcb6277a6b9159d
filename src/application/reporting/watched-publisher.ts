import type { Clock } from '../../common/clock.ts';
import { Transit } from '../../core/pipeline/transit.ts';
import type { Message, Publisher } from '../../core/ports.ts';

/** A publisher that knows how long its messages have been waiting. */
export class WatchedPublisher implements Publisher {
  readonly #publisher: Publisher;
  readonly #clock: Clock;
  readonly #waiting = new Transit();

  constructor(publisher: Publisher, clock: Clock) {
    this.#publisher = publisher;
    this.#clock = clock;
  }

  async publish(message: Message): Promise<void> {
    const number = this.#waiting.enter({ at: this.#clock.micros(), ms: this.#clock.now() });
    try {
      await this.#publisher.publish(message);
    } finally {
      this.#waiting.leave(number);
    }
  }

  /** How long the oldest has been waiting for its acknowledgement, in ms; 0 where none does. */
  waitedMs(): number {
    return Math.max(0, this.#clock.now() - this.#waiting.oldest().ms);
  }
}
