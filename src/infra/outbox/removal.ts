import { join } from 'node:path';
import type { Disk } from './disk.ts';
import type { Segment } from './segment.ts';
import { segmentName } from './segment-header.ts';
import type { SegmentReader } from './segment-reader.ts';
import type { Segments } from './segments.ts';

/**
 * Removes the segments of which nothing is left to send. The ledger has to know it first, else a segment that is not there would
 * pass for a lost one; where the disk has no room for the ledger, room comes first.
 * @param ledgerFails the last writing of the ledger failed
 * @throws {Error} where the disk refuses
 */
export async function removeReleased(
  disk: Disk,
  folder: string,
  segments: Segments,
  reader: SegmentReader,
  ledgerFails: boolean,
  removed: (segment: Segment) => void,
): Promise<void> {
  for (const segment of [...segments.all]) {
    if (!segment.sealed || segment.open > 0) continue;
    if (!ledgerFails && !(segment.noted && segment.releases.clean)) continue;
    if (!reader.letGo(segment)) continue;
    await removeFile(disk, join(folder, segmentName(segment.id)));
    segments.remove(segment);
    removed(segment);
  }
}

async function removeFile(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
