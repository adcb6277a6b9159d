import { join } from 'node:path';
import { type Disk, LOCK } from './disk.ts';
import { LEDGER } from './ledger.ts';
import { fileOf } from './recovered-segment.ts';
import { type Found, recover } from './recovery.ts';
import { saltOf, segmentName } from './segment-header.ts';
import { SegmentReader } from './segment-reader.ts';
import { Segments } from './segments.ts';
import type { Damage, Kept, Place } from './store.ts';

/** A folder that is in use changes while it is read; so often it is begun again. */
const TRIES = 5;
const PAGE_BYTES = 1_048_576;

export interface InspectedSegment {
  readonly segment: string;
  readonly collector: string | null;
  /** Ids of the schema registry by topic family. */
  readonly schemas: Readonly<Record<string, number>>;
  /** Epoch µs; null: the header cannot be read. */
  readonly created: number | null;
  readonly compacted: boolean;
  readonly bytes: number;
  readonly first: Place;
  readonly last: Place;
  readonly messages: number;
  readonly unreleased: number;
  readonly rows: number;
  /** Times of its messages, epoch µs. */
  readonly from: number | null;
  readonly to: number | null;
}

/** What is in a folder. */
export interface Inspection {
  readonly folder: string;
  /** UUID of the store. */
  readonly store: string;
  /** What the process says of itself that uses the folder; null: none does. */
  readonly used_by: string | null;
  readonly unreleased: number;
  readonly bytes: number;
  readonly last: Place;
  readonly segments: readonly InspectedSegment[];
  /** Highest acknowledged offsets by topic and partition. */
  readonly offsets: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly damages: readonly Damage[];
}

/**
 * Looks at a folder and changes nothing in it; also while a process uses it, of which what the ledger has not heard yet, about a second,
 * is not seen.
 * @throws {Error} where the disk refuses, or there is no outbox
 */
export async function inspect(disk: Disk, folder: string): Promise<Inspection> {
  const names = await disk.list(folder);
  if (!names.includes(LEDGER) && !names.includes(LOCK)) throw new Error('there is no outbox in this folder');
  const usedBy = names.includes(LOCK) ? disk.lockedBy(join(folder, LOCK)) : null;
  const found = await recovered(disk, folder);
  const segments: InspectedSegment[] = [];
  for (const segment of found.segments) {
    const { id, first, last, bytes, rows, from, to, open, compacted, records } = segment;
    const header = await headerOf(disk, folder, id);
    segments.push({
      segment: segmentName(id),
      collector: header?.collector ?? null,
      schemas: header?.schemas ?? {},
      created: header?.created ?? null,
      compacted,
      bytes,
      first,
      last,
      messages: records,
      unreleased: open,
      rows,
      from: Number.isFinite(from) ? from : null,
      to: to || null,
    });
  }
  return {
    folder,
    store: found.store,
    used_by: usedBy,
    unreleased: segments.reduce((sum, { unreleased }) => sum + unreleased, 0),
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    last: found.last,
    segments,
    offsets: Object.fromEntries(
      [...found.offsets].map(([topic, partitions]) => [topic, Object.fromEntries(partitions)]),
    ),
    damages: usedBy === null ? found.damages : await lasting(disk, folder, found.damages),
  };
}

/** Reads the unreleased messages of a folder, in order; damage is told as it is found. */
export async function* messagesIn(
  disk: Disk,
  folder: string,
  damaged: (damage: Damage) => void,
): AsyncGenerator<Kept> {
  const { store, segments } = await recovered(disk, folder);
  const reader = new SegmentReader(disk, folder, saltOf(store), new Segments(segments), damaged);
  try {
    for (let next: Place | null = 0; next !== null; ) {
      const page = await reader.page(next, PAGE_BYTES);
      yield* page.records;
      next = page.next;
    }
  } finally {
    await reader.close();
  }
}

/** Of what looks damaged in a folder that is in use that which looks so again: a write that is being made does not. */
async function lasting(disk: Disk, folder: string, damages: readonly Damage[]): Promise<readonly Damage[]> {
  if (damages.length === 0) return damages;
  const again = (await recovered(disk, folder)).damages.map((damage) => JSON.stringify(damage));
  return damages.filter((damage) => again.includes(JSON.stringify(damage)));
}

async function recovered(disk: Disk, folder: string): Promise<Found> {
  for (let tries = 1; ; tries++) {
    try {
      return await recover(disk, folder);
    } catch (error) {
      if (tries >= TRIES || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

async function headerOf(disk: Disk, folder: string, id: number) {
  try {
    return (await fileOf(disk, folder, segmentName(id), id)).header;
  } catch {
    return null;
  }
}
