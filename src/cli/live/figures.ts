import type { RunningStream } from '../../application/streams/stream.ts';
import { streamStateOf } from '../../application/streams/stream-state.ts';
import type { StreamState } from '../../core/events.ts';

/** What a person wants to know of a stream at a glance. */
export interface Figures {
  readonly exchange: string;
  readonly type: string;
  readonly state: StreamState;
  readonly codes: number;
  readonly rowsPerS: number;
  /** Code and price that came last; null before the first. */
  readonly last: string | null;
  /** Since the last row arrived, in seconds; null before the first. */
  readonly ageS: number | null;
  /** How long the oldest row has waited for its acknowledgement, in seconds; 0 where none waits. */
  readonly waitS: number;
  /** Rows that Kafka acknowledged since the program started. */
  readonly acknowledged: number;
}

/** Makes figures of streams, each look telling the rate since the look before. */
export class FiguresOf {
  readonly #acked = new Map<string, number>();
  #lastMs: number;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
  }

  /** @param now epoch µs @param nowMs monotonic */
  take(streams: readonly RunningStream[], now: number, nowMs: number): Figures[] {
    const seconds = Math.max(nowMs - this.#lastMs, 1) / 1000;
    this.#lastMs = nowMs;
    return streams.map((stream) => this.#one(stream, now, seconds));
  }

  #one(stream: RunningStream, now: number, seconds: number): Figures {
    const { exchange, request_type } = stream.target;
    const { acked } = stream.stats;
    const name = `${exchange} ${request_type}`;
    const before = this.#acked.get(name) ?? acked;
    this.#acked.set(name, acked);
    let lastAt = 0;
    let last: string | null = null;
    for (const { lastReceivedAt, market, lastPrice, book } of stream.lanes) {
      if (lastReceivedAt <= lastAt) continue;
      lastAt = lastReceivedAt;
      last = `${market.code} ${request_type === 'orderbook' ? `${book.bid} / ${book.ask}` : lastPrice}`;
    }
    return {
      exchange,
      type: request_type,
      state: stream.state,
      codes: stream.codes,
      rowsPerS: (acked - before) / seconds,
      last,
      ageS: lastAt === 0 ? null : Math.max(0, now - lastAt) / 1e6,
      waitS: stream.waitedMs / 1000,
      acknowledged: acked,
    };
  }
}

/** Streams of one exchange as one line. */
export function foldByExchange(all: readonly Figures[]): Figures[] {
  return [...Map.groupBy(all, ({ exchange }) => exchange).values()].map((group) => {
    const ages = group.flatMap(({ ageS }) => ageS ?? []);
    const newest = group.reduce((best, one) =>
      (one.ageS ?? Infinity) < (best.ageS ?? Infinity) ? one : best,
    );
    return {
      exchange: newest.exchange,
      type: group.map(({ type }) => type).join('+'),
      state: streamStateOf(group.map(({ state }) => state)),
      codes: sum(group, 'codes'),
      rowsPerS: sum(group, 'rowsPerS'),
      last: newest.last,
      ageS: ages.length === 0 ? null : Math.min(...ages),
      waitS: Math.max(...group.map(({ waitS }) => waitS)),
      acknowledged: sum(group, 'acknowledged'),
    };
  });
}

/** @returns the sum of one figure */
export function sum(all: readonly Figures[], key: 'codes' | 'rowsPerS' | 'acknowledged'): number {
  return all.reduce((total, figures) => total + figures[key], 0);
}
