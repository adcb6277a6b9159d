import { crc32 } from 'node:zlib';
import type { Seal } from './segment.ts';
import type { Place } from './store.ts';

/**
 * A line of the ledger: eight digits of CRC-32, a blank, one of these as JSON. Each line stands alone, so that a damaged one
 * takes nothing with it but itself.
 */
export type LedgerLine =
  | StoreLine
  /** A segment takes records, from this number on. */
  | { readonly is: 'segment'; readonly id: number; readonly first: Place }
  /** It takes no more. */
  | ({ readonly is: 'seal'; readonly id: number } & Seal)
  /** Numbers of its records: first, last, first, last, … */
  | { readonly is: 'released'; readonly id: number; readonly ranges: readonly Place[] }
  /** Highest acknowledged offsets, by partition. */
  | { readonly is: 'offsets'; readonly topic: string; readonly offsets: Readonly<Record<string, number>> }
  /** All of a segment is released; its file goes. */
  | { readonly is: 'gone'; readonly id: number };

/** The first line. */
export interface StoreLine {
  readonly is: 'store';
  readonly format: number;
  /** UUID of the store, as in the headers of its segments. */
  readonly id: string;
  readonly collector: string;
  /** Numbers of records go on behind it, even where every segment is gone. */
  readonly last: Place;
  /** Up to this one the lines that follow name every segment that there is. */
  readonly lastSegment: number;
}

const SUM_DIGITS = 8;

export function ledgerText(line: LedgerLine): string {
  const json = JSON.stringify(line);
  return `${crc32(json).toString(16).padStart(SUM_DIGITS, '0')} ${json}\n`;
}

export interface ReadLedger {
  readonly lines: readonly LedgerLine[];
  /** Lines whose sum is wrong; one that is cut at the end is none. */
  readonly damaged: number;
}

/** Reads what the text says; order matters to the reader. */
export function ledgerLines(text: string): ReadLedger {
  const lines: LedgerLine[] = [];
  let damaged = 0;
  const ended = text.endsWith('\n');
  const parts = text.split('\n');
  parts.forEach((part, i) => {
    if (part === '') return;
    const json = part.slice(SUM_DIGITS + 1);
    const sum = part.slice(0, SUM_DIGITS);
    if (crc32(json).toString(16).padStart(SUM_DIGITS, '0') === sum)
      lines.push(JSON.parse(json) as LedgerLine);
    else if (ended || i < parts.length - 1) damaged++;
  });
  return { lines, damaged };
}

/** A segment as the ledger knows it. */
export interface LedgerSegment {
  /** Null: the line that says it is lost. */
  readonly first: Place | null;
  readonly seal: Seal | null;
  /** First, last, first, last, … in the order in which they were released. */
  readonly ranges: readonly Place[];
}

/** All that a ledger says. */
export interface LedgerState {
  /** Null: the first line is damaged, or there is no ledger. */
  readonly store: string | null;
  /** The highest number that it knows of. */
  readonly last: Place;
  readonly segments: ReadonlyMap<number, LedgerSegment>;
  readonly gone: ReadonlySet<number>;
  /** Up to this one every segment is named that is not gone; 0 where a line is damaged, as it may have named one. */
  readonly complete: number;
  readonly offsets: ReadonlyMap<string, Map<number, number>>;
  readonly damaged: number;
}

export function ledgerState(text: string): LedgerState {
  const { lines, damaged } = ledgerLines(text);
  const segments = new Map<number, { first: Place | null; seal: Seal | null; ranges: Place[] }>();
  const gone = new Set<number>();
  const offsets = new Map<string, Map<number, number>>();
  let store: string | null = null;
  let last = 0;
  let complete = 0;
  const segment = (id: number) => {
    const known = segments.get(id);
    if (known) return known;
    const fresh = { first: null, seal: null, ranges: [] };
    segments.set(id, fresh);
    return fresh;
  };
  for (const line of lines) {
    if (line.is === 'store') {
      store = line.id;
      last = Math.max(last, line.last);
      complete = damaged === 0 ? line.lastSegment : 0;
    } else if (line.is === 'segment') {
      segment(line.id).first = line.first;
      last = Math.max(last, line.first - 1);
    } else if (line.is === 'seal') {
      const { is: _, id, ...seal } = line;
      segment(id).seal = seal;
      last = Math.max(last, seal.last);
    } else if (line.is === 'released') {
      const { ranges } = segment(line.id);
      for (const place of line.ranges) {
        ranges.push(place);
        last = Math.max(last, place);
      }
    } else if (line.is === 'gone') {
      segments.delete(line.id);
      gone.add(line.id);
    } else noteOffsets(offsets, line.topic, line.offsets);
  }
  return { store, last, segments, gone, complete, offsets, damaged };
}

function noteOffsets(
  known: Map<string, Map<number, number>>,
  topic: string,
  offsets: Readonly<Record<string, number>>,
): void {
  const partitions = known.get(topic) ?? new Map<number, number>();
  known.set(topic, partitions);
  for (const [partition, offset] of Object.entries(offsets)) {
    const before = partitions.get(Number(partition)) ?? -1;
    if (offset > before) partitions.set(Number(partition), offset);
  }
}
