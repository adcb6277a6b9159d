import type { Cancel, Clock } from '../../common/clock.ts';
import type { Target } from '../../core/events.ts';
import type { StreamStats } from '../../core/pipeline/stream-stats.ts';
import type { Message } from '../../core/ports.ts';
import type { StreamFigures } from './figures.ts';

/** A batch is told at most once in this time per stream: at thousands of batches a second each would drown them. */
const SAMPLE_MS = 1000;
const SUMMARY_S = 60;
/** A message holds one code. */
const SYMBOLS_PER_BATCH = 1;

interface Mark {
  readonly at: number;
  readonly batches: number;
  readonly rows: number;
}

/**
 * `monitoring.batch.performance`: of every stream the last batch acknowledged in a second (`batch_collected`), and
 * every minute what all of its batches came to (`performance_summary`).
 */
export class BatchPerformance {
  readonly #clock: Clock;
  readonly #figures: StreamFigures;
  readonly #publish: (message: Message) => void;
  readonly #told = new Map<StreamStats, number>();
  readonly #marks = new Map<StreamStats, Mark>();
  #cancel: Cancel = () => {};

  /** @param publish hands a message to the publisher; must not fail */
  constructor(clock: Clock, figures: StreamFigures, publish: (message: Message) => void) {
    this.#clock = clock;
    this.#figures = figures;
    this.#publish = publish;
  }

  start(): void {
    this.#cancel = this.#clock.after(SAMPLE_MS, () => {
      for (const { target, stats } of this.#figures.all()) {
        this.#batch(target, stats);
        this.#summary(target, stats, SUMMARY_S);
      }
      this.start();
    });
  }

  /** Tells what the last minute came to so far. */
  stop(): void {
    this.#cancel();
    for (const { target, stats } of this.#figures.all()) this.#summary(target, stats, 1);
  }

  #batch(target: Target, stats: StreamStats): void {
    if (stats.batches === (this.#told.get(stats) ?? 0)) return;
    this.#told.set(stats, stats.batches);
    this.#tell(target, {
      event_type: 'batch_collected',
      stats: {
        batch_size: stats.lastBatchRows,
        unique_symbols: SYMBOLS_PER_BATCH,
        cache_efficiency: 1 / SYMBOLS_PER_BATCH,
        collection_timestamp_ms: Math.floor(stats.lastBatchAt / 1000),
      },
    });
  }

  #summary(target: Target, stats: StreamStats, leastSeconds: number): void {
    const now = { at: this.#clock.now(), batches: stats.batches, rows: stats.acked };
    const before = this.#marks.get(stats);
    if (!before) {
      this.#marks.set(stats, { at: now.at - SAMPLE_MS, batches: 0, rows: 0 });
      return;
    }
    const seconds = (now.at - before.at) / 1000;
    if (seconds < leastSeconds) return;
    this.#marks.set(stats, now);
    const batches = now.batches - before.batches;
    const rows = now.rows - before.rows;
    this.#tell(target, {
      event_type: 'performance_summary',
      aggregated_stats: {
        total_batches: batches,
        total_messages: rows,
        avg_batch_size: batches === 0 ? 0 : round(rows / batches),
        avg_symbols_per_batch: batches === 0 ? 0 : SYMBOLS_PER_BATCH,
        avg_cache_efficiency: batches === 0 ? 0 : 1 / SYMBOLS_PER_BATCH,
        messages_per_second: round(rows / seconds),
        batches_per_minute: round((batches * 60) / seconds),
        elapsed_seconds: round(seconds),
      },
      summary_period_seconds: SUMMARY_S,
    });
  }

  #tell({ region, exchange, request_type }: Target, what: Readonly<Record<string, unknown>>): void {
    this.#publish({
      family: 'monitoring.batch.performance',
      region: null,
      key: `${region}:${exchange}:${request_type}`,
      correlationId: null,
      value: {
        ticket_id: crypto.randomUUID(),
        region,
        exchange,
        request_type,
        ...what,
        event_timestamp_utc: new Date(Math.floor(this.#clock.micros() / 1000)).toISOString(),
      },
    });
  }
}

/** To 2 decimals. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
