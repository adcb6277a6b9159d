import { upbit } from '../../exchanges/upbit.ts';
import { StreamFigures } from '../../src/application/metrics/figures.ts';
import type { CodeStates } from '../../src/application/metrics/minute-messages.ts';
import { MinuteMetrics } from '../../src/application/metrics/minute-metrics.ts';
import type { FrameSink } from '../../src/core/connection/pipe.ts';
import type { Target } from '../../src/core/events.ts';
import { cut, Markets } from '../../src/core/market/markets.ts';
import { ByteBudget } from '../../src/core/pipeline/budget.ts';
import { Grid } from '../../src/core/pipeline/grid.ts';
import { RememberedIds } from '../../src/core/pipeline/remembered-ids.ts';
import { StreamPipeline } from '../../src/core/pipeline/stream-pipeline.ts';
import type { StreamStats } from '../../src/core/pipeline/stream-stats.ts';
import type { Message, Writer } from '../../src/core/ports.ts';
import { bothBy } from '../../src/core/writer-forms.ts';
import { ManualClock, settle } from './manual-clock.ts';

/** A full minute of the wall clock. */
export const NOON = 1_790_000_040_000_000;
export const UPBIT_TRADES: Target = { exchange: 'upbit', region: 'korea', request_type: 'trade' };

export function tradeFrame(code: string, id: number, timestampMs = 1_790_000_040_000): string {
  return (
    `{"type":"trade","code":"${code}","trade_timestamp":${timestampMs},"trade_price":5,"trade_volume":2,` +
    `"ask_bid":"BID","sequential_id":${id},"stream_type":"REALTIME"}`
  );
}

export interface MinuteRig {
  readonly clock: ManualClock;
  readonly figures: StreamFigures;
  readonly metrics: MinuteMetrics;
  readonly published: Message[];
  /** What the codes of every stream are from now on; 2 subscribed, none stale at first. */
  codesAre(codes: CodeStates | null): void;
  /** While true acknowledgements wait. */
  brokerAway(away: boolean): void;
  /** Makes whatever waits for an acknowledgement fail. */
  giveUp(): void;
  run(target?: Target): RunRig;
  /** The single items of a family's messages, oldest first. */
  items(family: Message['family'], exchange?: string): Record<string, unknown>[];
}

export interface RunRig {
  readonly sink: FrameSink;
  readonly stats: StreamStats;
  /** Pushes frames that arrive now and lets them come through. */
  arrive(...frames: string[]): Promise<void>;
  stop(): Promise<void>;
}

/** Real pipelines and minute metrics on a clock that starts `intoMinuteMs` into a minute. */
export function minuteRig(intoMinuteMs = 0): MinuteRig {
  const clock = new ManualClock(NOON + intoMinuteMs * 1000);
  const figures = new StreamFigures();
  const published: Message[] = [];
  const metrics = new MinuteMetrics({
    clock,
    figures,
    codes: () => codes,
    publish: (message) => published.push(message),
  });
  let codes: CodeStates | null = { subscribed: 2, stale: 0 };
  let held: { resolve(): void; reject(): void }[] | null = null;
  const writer: Writer = bothBy(() => {
    const ack = () => ({ at: clock.micros(), bytes: 10 });
    if (!held) return Promise.resolve(ack());
    return new Promise((resolve, reject) => {
      held?.push({ resolve: () => resolve(ack()), reject: () => reject(new Error('undelivered')) });
    });
  });
  const markets = new Markets((symbol) => {
    const parts = cut(symbol, '-');
    return parts && { quote: parts[0], base: parts[1] };
  });
  const budget = new ByteBudget(1e7);
  let sockets = 0;
  return {
    clock,
    figures,
    metrics,
    published,
    codesAre(now) {
      codes = now;
    },
    brokerAway(away) {
      const waiting = held ?? [];
      held = away ? [] : null;
      for (const { resolve } of waiting) resolve();
    },
    giveUp() {
      for (const { reject } of held ?? []) reject();
      held = [];
    },
    run(target = UPBIT_TRADES) {
      const stats = figures.begin(target, clock.micros());
      const pipeline = new StreamPipeline({
        exchange: { ...upbit, id: target.exchange },
        type: target.request_type,
        limits: { windowMs: 100, maxRows: 500, maxBytes: 262_144 },
        clock,
        grid: new Grid(clock, 50, (error) => {
          throw error;
        }),
        remembered: new RememberedIds(),
        writer,
        account: budget.open('trade', () => {}),
        stats,
        onRejected: () => {},
        onMissing: () => {},
        stamp: () => ({ correlationId: null, fence: null }),
      });
      const sink = pipeline.attach({
        id: sockets++,
        session: upbit.session('trade', markets),
        predecessor: null,
        control() {},
        data() {},
      });
      return {
        sink,
        stats,
        async arrive(...frames) {
          for (const frame of frames) sink.push(frame, clock.micros());
          await settle();
        },
        async stop() {
          sink.end();
          await pipeline.finish();
          stats.end(clock.micros());
        },
      };
    },
    items: (family, exchange) =>
      published
        .filter((message) => message.family === family && (!exchange || message.value.exchange === exchange))
        .flatMap(({ value }) => (value.batch as { items: Record<string, unknown>[] }).items),
  };
}
