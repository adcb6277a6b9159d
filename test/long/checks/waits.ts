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
  /** The part of it in which nothing was done to the row, ms. */
  readonly beyond: number;
}

/** How long each row waited. */
export function waits(rows: readonly ReadRow[], suffered: readonly Suffering[]): Waited[] {
  const byTopic = new Map<string, readonly Span[]>();
  return rows.map((row) => {
    let spans = byTopic.get(row.topic);
    if (!spans) {
      spans = union(suffered.filter(({ topics }) => topics === undefined || topics.includes(row.topic)));
      byTopic.set(row.topic, spans);
    }
    const received = row.received / 1000;
    const wait = row.appended - received;
    return { row, wait, beyond: wait - overlap(spans, received, row.appended) };
  });
}

interface Span {
  readonly from: number;
  readonly to: number;
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
