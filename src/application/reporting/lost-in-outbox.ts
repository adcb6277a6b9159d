import type { Clock } from '../../common/clock.ts';
import type { Fault } from '../../common/errors.ts';
import type { Micros } from '../../core/market/market.ts';
import type { Orchestrator } from '../streams/orchestrator.ts';
import type { Reporter } from './reporter.ts';

/** Records of the outbox that cannot be read any more. */
export interface DamagedOutbox {
  readonly fault: Fault;
  readonly messages: number | null;
  /** Null: nobody can know. */
  readonly rows: number | null;
  /** Between these times they were received, about; null: nobody can know. */
  readonly from: Micros | null;
  readonly to: Micros | null;
}

/** Rows wait at most so long for their batch, before it is appended. */
const BATCHED: Micros = 1_000_000;
/** How far back it is taken where nobody knows. */
const DAY: Micros = 86_400_000_000;
const AGAIN_MS = 1_000;

/**
 * Tells of rows that were lost with a damaged outbox. Whose they were is in what cannot be read, so that each stream that
 * runs has a gap over that time.
 */
export class LostInOutbox {
  readonly #clock: Clock;
  readonly #orchestrator: () => Pick<Orchestrator, 'streams'>;
  readonly #reporter: () => Reporter;
  #untold: DamagedOutbox[] = [];

  constructor(clock: Clock, orchestrator: () => Pick<Orchestrator, 'streams'>, reporter: () => Reporter) {
    this.#clock = clock;
    this.#orchestrator = orchestrator;
    this.#reporter = reporter;
  }

  damaged(damage: DamagedOutbox): void {
    const { fault, messages, rows } = damage;
    this.#reporter().error(fault, { target: null, context: { messages, rows } });
    if (rows === 0) return;
    this.#untold.push(damage);
    if (this.#untold.length === 1) this.#look();
  }

  /** Streams start after the outbox is opened. */
  #look(): void {
    const streams = this.#orchestrator().streams();
    if (streams.length === 0) return void this.#clock.after(AGAIN_MS, () => this.#look());
    for (const { fault, from, to, rows } of this.#untold.splice(0)) {
      const until = to ?? this.#clock.micros();
      const since = (from ?? until - DAY) - BATCHED;
      for (const { target, codes } of streams.map((stream) => ({
        target: stream.target,
        codes: stream.carried(),
      })))
        this.#reporter().tell({
          kind: 'gap',
          target,
          reason: fault.message,
          gap: {
            ...{ from: since, to: until, cause: 'undelivered', codes },
            ...{ first_missing_id: null, last_missing_id: null },
          },
          detail: { rows },
        });
    }
  }
}
