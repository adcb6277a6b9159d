import { Histogram } from '../../common/histogram.ts';
import { SignedHistogram } from '../../common/signed-histogram.ts';
import type { Market, Micros } from '../market/market.ts';

export const MINUTE: Micros = 60_000_000;

/** Rows of one code that arrived within the minute, repeats included. */
export interface CodeCount {
  readonly market: Market;
  rows: number;
}

/**
 * What arrived of one stream within one minute, and what has become of it by now. A frame and everything made of it
 * count in the minute of the frame's arrival, however much later Kafka acknowledges the last of its rows.
 */
export class MinuteStats {
  /** Of the whole minute, epoch µs. */
  readonly start: Micros;
  readonly end: Micros;
  frames = 0;
  bytes = 0;
  parsed = 0;
  failed = 0;
  /** Frames, or elements of them, that did not become a row. */
  rejected = 0;
  /** Rows made out of frames. */
  rows = 0;
  /** Of those, rows that another socket or an earlier frame had brought already. */
  repeats = 0;
  acked = 0;
  undelivered = 0;
  readonly codes: CodeCount[] = [];
  /** Exchange event → received, µs; of acknowledged rows. */
  readonly network = new SignedHistogram();
  /** Received → acknowledged, µs. */
  readonly delivery = new Histogram();

  constructor(start: Micros) {
    this.start = start;
    this.end = start + MINUTE;
  }

  /** Whether nothing of what arrived is still on its way. */
  get settled(): boolean {
    return (
      this.frames === this.parsed + this.failed && this.rows === this.repeats + this.acked + this.undelivered
    );
  }
}
