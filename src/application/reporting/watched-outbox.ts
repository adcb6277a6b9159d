import type { Clock } from '../../common/clock.ts';
import { Transit } from '../../core/pipeline/transit.ts';
import type { Message, Outbox } from '../../core/ports.ts';

/** An outbox that knows how long its messages have been waiting. */
export class WatchedOutbox implements Outbox {
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #waiting = new Transit();

  constructor(outbox: Outbox, clock: Clock) {
    this.#outbox = outbox;
    this.#clock = clock;
  }

  async publish(message: Message): Promise<void> {
    this.#waiting.enter(message, { at: this.#clock.micros(), ms: this.#clock.now() });
    try {
      await this.#outbox.publish(message);
    } finally {
      this.#waiting.leave(message);
    }
  }

  /** How long the oldest has been waiting for its acknowledgement, in ms; 0 where none does. */
  waitedMs(): number {
    return Math.max(0, this.#clock.now() - this.#waiting.oldest().ms);
  }
}
