import type { Target } from '../../core/events.ts';
import type { Micros } from '../../core/market/market.ts';
import { StreamStats } from '../../core/pipeline/stream-stats.ts';

/** A stream that ran at some time since the program started, and its figures over all of its runs. */
export interface StreamFigure {
  readonly target: Target;
  readonly stats: StreamStats;
}

/** The figures of every stream of the process. They outlive a stream's runs, so that nothing is counted twice or lost. */
export class StreamFigures {
  readonly #streams = new Map<string, StreamFigure>();

  /** A run of the stream begins; the figures go on from the last run's. */
  begin(target: Target, at: Micros): StreamStats {
    const key = `${target.exchange}|${target.request_type}`;
    let figure = this.#streams.get(key);
    if (!figure) {
      figure = { target, stats: new StreamStats() };
      this.#streams.set(key, figure);
    }
    figure.stats.begin(at);
    return figure.stats;
  }

  /** Undefined where the stream has not run. */
  of(exchange: string, type: string): StreamFigure | undefined {
    return this.#streams.get(`${exchange}|${type}`);
  }

  all(): StreamFigure[] {
    return [...this.#streams.values()];
  }
}
