import type { Clock } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import type { ByteBudget } from '../../core/pipeline/budget.ts';
import type { Message, Publisher } from '../../core/ports.ts';
import type { Reporter } from '../reporting/reporter.ts';
import type { RunningStream } from '../streams/stream.ts';
import { Backpressure } from './backpressure.ts';
import { BatchPerformance } from './batch-performance.ts';
import { ClockOffsets } from './clock-offsets.ts';
import type { StreamFigures } from './figures.ts';
import { GapCounts } from './gap-counts.ts';
import { Live } from './live.ts';
import type { CodeStates } from './minute-messages.ts';
import { MinuteMetrics } from './minute-metrics.ts';

export interface ObservationDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly publisher: Publisher;
  readonly reporter: Reporter;
  readonly budget: ByteBudget;
  readonly figures: StreamFigures;
  streams(): RunningStream[];
}

/** All that watches the streams: for the topics about the data, and for whoever looks on over HTTP. */
export class Observation {
  readonly live: Live;
  readonly gaps = new GapCounts();
  readonly offsets: ClockOffsets;
  readonly #minutes: MinuteMetrics;
  readonly #batches: BatchPerformance;
  readonly #backpressure: Backpressure;

  constructor({ clock, log, publisher, reporter, budget, figures, streams }: ObservationDeps) {
    const publish = (message: Message): void => {
      publisher.publish(message).catch((error: unknown) => {
        log.error(
          { phase: 'metrics', topic: message.family, err: error },
          `metrics were lost: ${messageOf(error)}`,
        );
      });
    };
    const codes = ({ exchange, request_type }: RunningStream['target']): CodeStates | null => {
      const stream = streams().find(
        ({ target }) => target.exchange === exchange && target.request_type === request_type,
      );
      if (!stream) return null;
      const stale = stream.snapshots().flatMap((one) => one.codes.filter((code) => code.stale));
      return { subscribed: stream.codes, stale: stale.length };
    };
    this.live = new Live(clock, figures);
    this.offsets = new ClockOffsets(clock, figures);
    this.#minutes = new MinuteMetrics({ clock, figures, codes, publish });
    this.#batches = new BatchPerformance(clock, figures, publish);
    this.#backpressure = new Backpressure({ clock, budget, log, streams, publish });
    reporter.listen(this.gaps.take);
  }

  start(): void {
    this.live.start();
    this.#minutes.start();
    this.#batches.start();
    this.#backpressure.start();
  }

  /** After the streams have stopped and before the publisher is flushed: hands over what is left to say. */
  stop(): void {
    this.live.stop();
    this.#minutes.stop();
    this.#batches.stop();
    this.#backpressure.stop();
  }
}
