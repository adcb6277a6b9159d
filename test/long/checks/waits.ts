import type { ReadRow } from './rows.ts';

/** A time in which rows could not be delivered, for nothing that the collector did. Epoch ms. */
export interface Suffering {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Topics whose rows wait; absent: all. */
  readonly topics?: readonly string[] | undefined;
}

export interface Waited {
  readonly row: ReadRow;
  /** From the receipt to Kafka, ms. */
  readonly wait: number;
  /** The part of it that nothing explains, ms. */
  readonly beyond: number;
}

/**
 * How long each row waited. The times in which it suffered are taken off, and then, once, the longest wait of an
 * independent client at the time.
 */
export function waits(
  rows: readonly ReadRow[],
  suffered: readonly Suffering[],
  independent: readonly Span[] = [],
): Waited[] {
  const longest = longestAt(independent);
  const byTopic = new Map<string, readonly Span[]>();
  return rows.map((row) => {
    let spans = byTopic.get(row.topic);
    if (!spans) {
      spans = union(suffered.filter(({ topics }) => topics === undefined || topics.includes(row.topic)));
      byTopic.set(row.topic, spans);
    }
    const received = row.received / 1000;
    const wait = row.appended - received;
    const unexplained = wait - overlap(spans, received, row.appended);
    return { row, wait, beyond: Math.max(0, unexplained - longest(received, row.appended)) };
  });
}

/** From one time to another, epoch ms. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const BUCKET_MS = 1000;

/** The longest of the spans that were going on between two times, to the second. */
function longestAt(spans: readonly Span[]): (from: number, to: number) => number {
  const buckets = new Map<number, number>();
  for (const { from, to } of spans)
    for (let at = Math.floor(from / BUCKET_MS); at <= Math.floor(to / BUCKET_MS); at++)
      buckets.set(at, Math.max(buckets.get(at) ?? 0, to - from));
  return (from, to) => {
    let longest = 0;
    for (let at = Math.floor(from / BUCKET_MS); at <= Math.floor(to / BUCKET_MS); at++)
      longest = Math.max(longest, buckets.get(at) ?? 0);
    return longest;
  };
}

/** The same times without overlap, in order. */
function union(spans: readonly Span[]): Span[] {
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}

function overlap(spans: readonly Span[], from: number, to: number): number {
  let sum = 0;
  for (const span of spans) {
    if (span.from >= to) break;
    sum += Math.max(0, Math.min(to, span.to) - Math.max(from, span.from));
  }
  return sum;
}
