import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { LEDGER } from './ledger.ts';
import { type LedgerState, ledgerState } from './ledger-lines.ts';
import { fileOf, nothingKnown, type SegmentFile, segmentFrom } from './recovered-segment.ts';
import { Segment } from './segment.ts';
import { HEADER_BYTES, saltOf, segmentName, segmentOf } from './segment-header.ts';
import type { Damage, Place } from './store.ts';

/** What a folder holds. */
export interface Found {
  /** UUID of the store; a new one where the folder is empty. */
  readonly store: string;
  readonly segments: readonly Segment[];
  /** Files of segments that nothing is left to read of. */
  readonly leftovers: readonly string[];
  /** Numbers of this life begin behind these. */
  readonly last: Place;
  readonly lastSegment: number;
  readonly offsets: ReadonlyMap<string, ReadonlyMap<number, number>>;
  readonly damages: readonly Damage[];
}

/**
 * Reads what former lives left. Of a segment that the ledger has sealed nothing but the header is read; one that took records
 * when its life ended is read whole, as nobody knows where it ends. Nothing is written.
 * @throws {Error} where the disk refuses to be read
 */
export async function recover(disk: Disk, folder: string): Promise<Found> {
  const names = await disk.list(folder);
  const files: SegmentFile[] = [];
  for (const name of names.sort()) {
    const id = segmentOf(name);
    if (id !== null) files.push(await fileOf(disk, folder, name, id));
  }
  const { ledger, damages } = readLedger(
    names.includes(LEDGER) ? await textOf(disk, join(folder, LEDGER)) : '',
    files,
  );
  const store = ledger.store ?? mostCommon(files) ?? randomUUID();
  const segments: Segment[] = [];
  const leftovers: string[] = [];
  let last = ledger.last;
  for (const file of files) {
    const why = strange(file, store);
    if (why !== null) damages.push(nothingKnown(file.name, why, null));
    else if (isGone(ledger, file.id)) leftovers.push(file.name);
    else {
      const known = ledger.segments.get(file.id);
      const before = segments.at(-1)?.last ?? 0;
      const read = await segmentFrom(disk, folder, file, saltOf(store), known, before, ledger.last);
      last = Math.max(last, read.segment.last);
      damages.push(...read.damages);
      if (read.segment.open > 0) segments.push(read.segment);
      else if (file.fault === '' || file.size <= HEADER_BYTES) leftovers.push(file.name);
    }
  }
  damages.push(...missing(ledger, files));
  const lastSegment = Math.max(0, ...files.map(({ id }) => id), ...ledger.segments.keys(), ...ledger.gone);
  return { store, segments, leftovers, last, lastSegment, offsets: ledger.offsets, damages };
}

/** The ledger, or an empty one where it is that of another outbox than all segments. */
function readLedger(text: string, files: readonly SegmentFile[]): { ledger: LedgerState; damages: Damage[] } {
  const ledger = ledgerState(text);
  const stores = files.flatMap(({ header }) => header?.store ?? []);
  if (ledger.store !== null && stores.length > 0 && !stores.includes(ledger.store)) {
    const reason =
      'it belongs to another outbox than the segments; what it should have released is asked for again';
    return { ledger: ledgerState(''), damages: [nothingKnown(LEDGER, reason, 0)] };
  }
  if (ledger.damaged === 0) return { ledger, damages: [] };
  const reason = `damaged lines: ${ledger.damaged}; what they released is asked for again`;
  return { ledger, damages: [nothingKnown(LEDGER, reason, 0)] };
}

/** All of it was released, though its file is there yet. */
function isGone({ gone, segments, complete }: LedgerState, id: number): boolean {
  return gone.has(id) || (id <= complete && !segments.has(id));
}

/** Why a file is not ours to read or to touch; null: it is. */
function strange({ id, header, fault, newer }: SegmentFile, store: string): string | null {
  if (newer) return fault;
  if (header === null) return null;
  if (header.store !== store) return `it belongs to another outbox, of collector ${header.collector}`;
  return header.segment === id ? null : `it is a copy of ${segmentName(header.segment)}`;
}

/** A file is read whole; the ledger keeps itself small. */
async function textOf(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path);
  try {
    const bytes = Buffer.alloc(await file.size());
    let have = 0;
    while (have < bytes.length) {
      const read = await file.read(bytes.subarray(have), have);
      if (read === 0) break;
      have += read;
    }
    return bytes.toString('utf8', 0, have);
  } finally {
    file.close().catch(() => {});
  }
}

/** Whose folder it is where the ledger does not say. */
function mostCommon(files: readonly SegmentFile[]): string | null {
  const counts = new Map<string, number>();
  for (const { header } of files) if (header) counts.set(header.store, (counts.get(header.store) ?? 0) + 1);
  let best: string | null = null;
  for (const [store, count] of counts) if (best === null || count > (counts.get(best) ?? 0)) best = store;
  return best;
}

/** Segments that the ledger knows, and whose files are not there. */
function missing(ledger: LedgerState, files: readonly SegmentFile[]): Damage[] {
  const there = new Set(files.map(({ id }) => id));
  return [...ledger.segments].flatMap(([id, known]): Damage[] => {
    if (there.has(id)) return [];
    const { seal, first } = known;
    const reason = 'the file is missing';
    if (seal === null || first === null) return [nothingKnown(segmentName(id), reason, null)];
    const segment = Segment.sealed(id, first, seal);
    for (let i = 0; i + 1 < known.ranges.length; i += 2)
      segment.releases.addAll(known.ranges[i] as Place, Math.min(seal.last, known.ranges[i + 1] as Place));
    if (segment.open === 0) return [];
    return [
      {
        segment: segmentName(id),
        reason,
        messages: segment.open,
        rows: seal.rows,
        from: seal.from,
        to: seal.to,
        firstPlace: first,
        lastPlace: seal.last,
      },
    ];
  });
}
