import type { LostRows } from '../../../application/reporting/reporter.ts';
import type { Cancel, Clock } from '../../../common/clock.ts';
import type { Fault } from '../../../common/errors.ts';
import { isoMicros } from '../../../common/iso-time.ts';
import type { Log } from '../../../common/log.ts';
import type { Target } from '../../../core/events.ts';
import type { Micros } from '../../../core/market/market.ts';
import type { Row } from '../../../core/market/rows.ts';
import type { Batch } from '../../../core/ports.ts';

/** Losses of one stream within this time are one. */
const GATHER_MS = 1_000;
const MS = 1_000;
/** An event may be older than its arrival by this much and still be counted into the interval. */
const MAX_DELAY = 60_000_000;

interface Open {
  readonly target: Target;
  readonly fault: Fault;
  readonly codes: Set<string>;
  from: Micros;
  to: Micros;
  rows: number;
}

/** Gathers rows that are given up, for one log line and one record each. */
export class Losses {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #tell: (loss: LostRows) => void;
  readonly #open = new Map<string, Open>();
  #timer: Cancel | null = null;

  constructor(clock: Clock, log: Log, tell: (loss: LostRows) => void) {
    this.#clock = clock;
    this.#log = log;
    this.#tell = tell;
  }

  add({ exchange, region, requestType, market }: Batch, rows: readonly Row[], fault: Fault): void {
    const key = `${exchange}|${requestType}|${fault.code}`;
    let open = this.#open.get(key);
    if (!open) {
      const target = { exchange, region, request_type: requestType };
      open = { target, fault, codes: new Set(), from: Number.POSITIVE_INFINITY, to: 0, rows: 0 };
      this.#open.set(key, open);
    }
    open.codes.add(market.code);
    open.rows += rows.length;
    for (const { received_at, timestamp } of rows) {
      const began = Math.max(Math.min(received_at, timestamp), received_at - MAX_DELAY);
      open.from = Math.min(open.from, Math.floor(began / MS) * MS);
      open.to = Math.max(open.to, Math.ceil(received_at / MS) * MS);
    }
    this.#timer ??= this.#clock.after(GATHER_MS, () => this.flush());
  }

  /** Tells what was gathered. */
  flush(): void {
    this.#timer?.();
    this.#timer = null;
    const all = [...this.#open.values()];
    this.#open.clear();
    for (const { codes, ...open } of all) {
      const loss = { ...open, codes: [...codes] };
      const { target, fault, rows, from, to } = loss;
      this.#log.error(
        {
          phase: 'produce',
          ...target,
          error_code: fault.code,
          rows,
          codes: loss.codes.length,
          from: isoMicros(from),
          to: isoMicros(to),
        },
        `rows are given up: ${fault.message}`,
      );
      this.#tell(loss);
    }
  }
}
