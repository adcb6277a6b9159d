import type { Micros } from '../market/market.ts';
import { MINUTE } from '../pipeline/minute-stats.ts';

/** A message of `ws.metrics.processing`, as far as it is read. */
export interface MinutesValue {
  readonly exchange: string;
  readonly region: string;
  readonly request_type: string;
  readonly batch: {
    readonly ticket_id: string;
    readonly items: readonly {
      readonly minute_start_ts_kst: number;
      readonly total_processed: number;
      readonly total_acknowledged: number;
    }[];
  };
}

/** One minute of one stream; all of its collectors together. */
export interface MinuteCount {
  readonly start: Micros;
  /** Rows that lie in Kafka, be they repeats, fenced off or late; without those that were fetched afterwards. */
  all: number;
  /** Of those, what came in its turn and not again. */
  once: number;
  told: boolean;
  /** Rows that collectors made out of frames, and rows that Kafka acknowledged. */
  made: number;
  acknowledged: number;
}

/** The minutes of one stream; its memory is that of the minutes. */
export class Minutes {
  readonly #minutes = new Map<Micros, MinuteCount>();
  #latest: MinuteCount = this.#of(0);

  /** A row that was received at `received` lies in Kafka. @param once whether it came in its turn and not again */
  row(received: Micros, once: boolean): void {
    const start = received - (received % MINUTE);
    if (this.#latest.start !== start) this.#latest = this.#of(start);
    this.#latest.all++;
    if (once) this.#latest.once++;
  }

  tell(start: Micros, made: number, acknowledged: number): void {
    const minute = this.#of(start);
    minute.told = true;
    minute.made += made;
    minute.acknowledged += acknowledged;
  }

  /** The minutes that a collector told of. */
  get told(): MinuteCount[] {
    return [...this.#minutes.values()].filter(({ told }) => told);
  }

  #of(start: Micros): MinuteCount {
    let minute = this.#minutes.get(start);
    if (!minute) {
      minute = { start, all: 0, once: 0, told: false, made: 0, acknowledged: 0 };
      this.#minutes.set(start, minute);
    }
    return minute;
  }
}
