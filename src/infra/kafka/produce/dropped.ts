import type { Clock } from '../../../common/clock.ts';
import { Fault } from '../../../common/errors.ts';
import type { Log } from '../../../common/log.ts';

/** Told at most this often. */
const EVERY_MS = 30_000;

/** Counts messages that gave way while Kafka took none, and tells of them: in the log, and on `ws.error` when it can. */
export class Dropped {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #tell: (fault: Fault) => void;
  /** By topic, since the start. */
  readonly counts = new Map<string, number>();
  #untold = new Map<string, number>();
  #loggedAt = Number.NEGATIVE_INFINITY;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, log: Log, tell: (fault: Fault) => void) {
    this.#clock = clock;
    this.#log = log;
    this.#tell = tell;
  }

  add(topic: string): void {
    this.counts.set(topic, (this.counts.get(topic) ?? 0) + 1);
    this.#untold.set(topic, (this.#untold.get(topic) ?? 0) + 1);
    if (this.#clock.now() - this.#loggedAt < EVERY_MS) return;
    this.#loggedAt = this.#clock.now();
    this.#log.warn(
      { phase: 'produce', dropped: Object.fromEntries(this.counts) },
      'messages about the data give way: Kafka takes none and their room is full',
    );
  }

  /** Something was acknowledged: what gave way before can be said now. */
  goes(): void {
    if (this.#untold.size === 0 || this.#clock.now() - this.#toldAt < EVERY_MS) return;
    this.#toldAt = this.#clock.now();
    const each = [...this.#untold].map(([topic, count]) => `${topic} ${count}`);
    this.#untold = new Map();
    this.#tell(
      new Fault(
        'message_dropped',
        'messages about the data',
        `While Kafka took none, these gave way to others: ${each.join(', ')}.`,
        'Look after the brokers; no row is among them.',
      ),
    );
  }
}
