import { join } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';
import type { LedgerSegment } from './ledger-lines.ts';
import { MAGIC, RECORD_HEAD } from './record.ts';
import { stretches } from './scan.ts';
import { Segment } from './segment.ts';
import { decodeHeader, HEADER_BYTES, type SegmentHeader } from './segment-header.ts';
import type { Damage, Place } from './store.ts';

const SCAN_BYTES = 1_048_576;

/** A file with the name of a segment. */
export interface SegmentFile {
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly header: SegmentHeader | null;
  /** Why there is no header that we can use; '' where there is. */
  readonly fault: string;
  /** It belongs to a newer program. */
  readonly newer: boolean;
}

/** Reads the header of a segment. */
export async function fileOf(disk: Disk, folder: string, name: string, id: number): Promise<SegmentFile> {
  const file = await disk.open(join(folder, name));
  try {
    const bytes = Buffer.alloc(HEADER_BYTES);
    const have = await file.read(bytes, 0);
    const header = decodeHeader(bytes.subarray(0, have));
    const size = await file.size();
    if ('fault' in header) return { id, name, size, header: null, ...header };
    return { id, name, size, header, fault: '', newer: false };
  } finally {
    file.close().catch(() => {});
  }
}

/** Damage of which nothing is known but where it is. @param messages null: nobody can know */
export function nothingKnown(segment: string, reason: string, messages: number | null): Damage {
  const unknown = { from: null, to: null, firstPlace: null, lastPlace: null };
  return { segment, reason, messages, rows: messages, ...unknown };
}

/**
 * A segment of a former life. Where the ledger has it sealed, nothing of it is read but its header; else it is read to where its
 * sound records end.
 * @param before the last number of the segments before it
 * @param ledgerLast the last number that the ledger knows
 */
export async function segmentFrom(
  disk: Disk,
  folder: string,
  file: SegmentFile,
  salt: number,
  known: LedgerSegment | undefined,
  before: Place,
  ledgerLast: Place,
): Promise<{ segment: Segment; damages: Damage[] }> {
  const damages: Damage[] = [];
  const compacted = file.header?.compacted ?? false;
  let segment: Segment;
  if (known?.seal && known.first !== null) {
    segment = Segment.sealed(file.id, known.first, known.seal);
    if (compacted) segment.bytes = file.size;
  } else {
    // What the ledger does not name was opened behind all that it knows; unless it is the line with its name that is damaged.
    const first = known?.first ?? Math.max(before, known ? 0 : ledgerLast) + 1;
    const opened = await disk.open(join(folder, file.name));
    try {
      segment = await scanned(opened, file, first, before, salt, damages);
    } finally {
      opened.close().catch(() => {});
    }
  }
  segment.compacted = compacted;
  for (let i = 0; known && i + 1 < known.ranges.length; i += 2) {
    const from = Math.max(segment.first, known.ranges[i] as Place);
    segment.releases.addAll(from, Math.min(segment.last, known.ranges[i + 1] as Place));
  }
  if (compacted) segment.records = segment.open;
  if (file.fault !== '' && segment.open > 0) damages.push(nothingKnown(file.name, file.fault, 0));
  return { segment, damages };
}

async function scanned(
  file: DiskFile,
  { id, name, size, header }: SegmentFile,
  first: Place,
  before: Place,
  salt: number,
  damages: Damage[],
): Promise<Segment> {
  let segment: Segment | null = null;
  let end = HEADER_BYTES;
  let tail: Buffer = Buffer.alloc(0);
  for await (const stretch of stretches(file, HEADER_BYTES, size, salt, SCAN_BYTES)) {
    const { bytes, records, offset, next } = stretch;
    for (const head of records) {
      if (head.place <= Math.max(before, segment?.last ?? 0)) continue;
      segment ??= new Segment(id, Math.min(first, head.place), HEADER_BYTES);
      if (header?.compacted) segment.releases.addAll(segment.last + 1, head.place - 1);
      segment.add(head.place, head.rows, head.at);
      end = offset + head.start + head.length;
    }
    tail = next > end ? bytes.subarray(Math.max(0, end - offset), next - offset) : tail.subarray(0, 0);
  }
  segment ??= new Segment(id, first, HEADER_BYTES);
  // The life that wrote it may have ended before its next sync.
  await file.sync();
  segment.written = segment.last;
  segment.bytes = end;
  segment.sealed = true;
  if (tail.length > 0) damages.push(cut(name, tail, segment));
  return segment;
}

/** What stands behind the last sound record: one that was cut is known, more cannot be told apart. */
function cut(name: string, tail: Buffer, segment: Segment): Damage {
  const whole = tail.length >= RECORD_HEAD;
  const start = tail.subarray(0, MAGIC.length);
  const one = MAGIC.subarray(0, start.length).equals(start) && tail.indexOf(MAGIC, 1) < 0;
  return {
    segment: name,
    reason: `the last write is cut: ${tail.length} bytes are no record`,
    messages: one ? 1 : null,
    rows: one && whole ? tail.readUInt32LE(12) : null,
    from: segment.to || null,
    to: null,
    firstPlace: segment.last + 1,
    lastPlace: null,
  };
}
