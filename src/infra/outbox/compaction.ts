import { join } from 'node:path';
import { type Disk, type DiskFile, writeAllInThread } from './disk.ts';
import { stretches } from './scan.ts';
import type { Segment } from './segment.ts';
import { encodeHeader, HEADER_BYTES, type SegmentHeader, saltOf, segmentName } from './segment-header.ts';

/** Below this part of open records a segment is worth the writing. */
const WORTH = 0.25;
/** Most segments go by themselves soon after they are full. */
const WAIT_MS = 30_000;
/** Smaller ones take no room to speak of. */
const SMALLEST_BYTES = 2 * HEADER_BYTES;
const READ_BYTES = 262_144;

/** A segment that a few unreleased records hold on the disk; null: there is none. */
export function worthCompacting(segments: readonly Segment[], nowMs: number): Segment | null {
  for (const segment of segments) {
    const { open, sealed, sealedAt, records } = segment;
    if (!sealed || open === 0 || nowMs - sealedAt < WAIT_MS) continue;
    if (open < records * WORTH && segment.bytes > SMALLEST_BYTES) return segment;
  }
  return null;
}

export interface Compacted {
  readonly bytes: number;
  readonly records: number;
}

/**
 * Puts a file with the open records of a segment alone in the place of the old one: one message that is refused for hours
 * holds itself, not the megabytes that stood around it. Numbers and order stay.
 * @returns size of the new file, and records in it
 * @throws {Error} where the disk refuses; the old file is there then
 */
export async function compact(
  disk: Disk,
  folder: string,
  segment: Segment,
  header: SegmentHeader,
): Promise<Compacted> {
  const path = join(folder, segmentName(segment.id));
  const fresh = `${path}.new`;
  const from = await disk.open(path);
  try {
    const to = await disk.create(fresh);
    try {
      const copied = await copyOpen(from, to, segment, header);
      await to.sync();
      await disk.rename(fresh, path);
      await disk.syncFolder(folder);
      return copied;
    } finally {
      to.close().catch(() => {});
    }
  } finally {
    from.close().catch(() => {});
  }
}

async function copyOpen(
  from: DiskFile,
  to: DiskFile,
  segment: Segment,
  header: SegmentHeader,
): Promise<Compacted> {
  const head = encodeHeader({ ...header, segment: segment.id, compacted: true });
  await writeAllInThread(to, head);
  let written = head.length;
  let records = 0;
  let last = segment.first - 1;
  for await (const stretch of stretches(
    from,
    HEADER_BYTES,
    segment.bytes,
    saltOf(header.store),
    READ_BYTES,
  )) {
    const kept: Buffer[] = [];
    for (const { place, start, length } of stretch.records) {
      if (place <= last || place > segment.last) continue;
      last = place;
      if (!segment.releases.has(place)) kept.push(stretch.bytes.subarray(start, start + length));
    }
    const bytes = Buffer.concat(kept);
    records += kept.length;
    await writeAllInThread(to, bytes);
    written += bytes.length;
  }
  return { bytes: written, records };
}
