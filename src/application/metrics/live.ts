import type { Cancel, Clock } from '../../common/clock.ts';
import type { Target } from '../../core/events.ts';
import type { StreamStats } from '../../core/pipeline/stream-stats.ts';
import type { StreamFigures } from './figures.ts';

const SAMPLE_MS = 1000;
/** Rates are taken over this many samples. */
const WINDOW = 5;
/** Points of the history, and samples to a point: 15 minutes. */
export const HISTORY_POINTS = 180;
export const SAMPLES_PER_POINT = 5;

/** How fast one stream flows now. */
export interface Pace {
  /** Rows received a second. */
  readonly rows: number;
  readonly acked: number;
  readonly bytes: number;
  /** Rows received a second over the last 15 minutes, oldest first. */
  readonly history: readonly number[];
}

const STILL: Pace = { rows: 0, acked: 0, bytes: 0, history: [] };

/** Samples the figures once a second, for whoever looks on; nothing is kept but the last 15 minutes. */
export class Live {
  readonly #clock: Clock;
  readonly #figures: StreamFigures;
  readonly #paces = new Map<string, Sampler>();
  #point = 0;
  #samples = 0;
  #cancel: Cancel = () => {};

  constructor(clock: Clock, figures: StreamFigures) {
    this.#clock = clock;
    this.#figures = figures;
  }

  start(): void {
    this.#cancel = this.#clock.after(SAMPLE_MS, () => {
      this.#sample();
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  /** Rises by one with every point of the history. */
  get point(): number {
    return this.#point;
  }

  of({ exchange, request_type }: Pick<Target, 'exchange' | 'request_type'>): Pace {
    return this.#paces.get(`${exchange}|${request_type}`)?.pace() ?? STILL;
  }

  #sample(): void {
    const pointDone = ++this.#samples % SAMPLES_PER_POINT === 0;
    if (pointDone) this.#point++;
    const now = this.#clock.now();
    for (const { target, stats } of this.#figures.all()) {
      const key = `${target.exchange}|${target.request_type}`;
      let sampler = this.#paces.get(key);
      if (!sampler) {
        sampler = new Sampler();
        this.#paces.set(key, sampler);
      }
      sampler.take(now, stats, pointDone);
    }
  }
}

interface Sample {
  readonly at: number;
  readonly rows: number;
  readonly acked: number;
  readonly bytes: number;
}

class Sampler {
  #samples: Sample[] = [];
  readonly #history: number[] = [];
  #atPoint: Sample | null = null;

  take(at: number, { rows, acked, bytes }: StreamStats, pointDone: boolean): void {
    const sample = { at, rows, acked, bytes };
    this.#samples.push(sample);
    if (this.#samples.length > WINDOW + 1) this.#samples.shift();
    this.#atPoint ??= sample;
    if (!pointDone || this.#atPoint === sample) return;
    this.#history.push(rate(this.#atPoint, sample, 'rows'));
    if (this.#history.length > HISTORY_POINTS) this.#history.shift();
    this.#atPoint = sample;
  }

  pace(): Pace {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (!first || !last) return STILL;
    return {
      rows: rate(first, last, 'rows'),
      acked: rate(first, last, 'acked'),
      bytes: rate(first, last, 'bytes'),
      history: this.#history,
    };
  }
}

/** A second; to one decimal. */
function rate(from: Sample, to: Sample, what: 'rows' | 'acked' | 'bytes'): number {
  const seconds = (to.at - from.at) / 1000;
  return seconds <= 0 ? 0 : Math.round(((to[what] - from[what]) / seconds) * 10) / 10;
}
