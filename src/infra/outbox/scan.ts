import type { DiskFile } from './disk.ts';
import { headAt, MAGIC, RECORD_HEAD, type RecordHead } from './record.ts';

/** How often a part that the disk cannot read is asked for, before it counts as damaged. */
const TRIES = 3;

/** Sound records of a stretch of a segment. */
export interface Scan {
  readonly records: readonly RecordHead[];
  /** Bytes that are looked at for good. */
  readonly used: number;
  /** Bytes among them that are no sound record. */
  readonly bad: number;
  /** So many bytes are needed to say more; 0 where those that there are will do. */
  readonly wanted: number;
}

/**
 * Finds the sound records in bytes of a segment. What is none is passed over to the next one: a record is known by its first
 * four bytes and its CRC, so that a damaged length hides nothing that stands behind it.
 * @param complete nothing follows these bytes
 */
export function scan(bytes: Buffer, salt: number, complete: boolean): Scan {
  const records: RecordHead[] = [];
  let at = 0;
  let bad = 0;
  while (at < bytes.length) {
    const head = headAt(bytes, at, salt);
    if (head === 'short' && !complete) return { records, used: at, bad, wanted: lengthAt(bytes, at) };
    if (head !== null && head !== 'short') {
      records.push(head);
      at += head.length;
      continue;
    }
    const next = bytes.indexOf(MAGIC, at + 1);
    const to = next >= 0 ? next : complete ? bytes.length : Math.max(at + 1, bytes.length - MAGIC.length + 1);
    bad += to - at;
    at = to;
  }
  return { records, used: at, bad, wanted: 0 };
}

function lengthAt(bytes: Buffer, at: number): number {
  return bytes.length - at < RECORD_HEAD ? RECORD_HEAD : bytes.readUInt32LE(at + 4);
}

/** A stretch of a segment. */
export interface Stretch {
  readonly bytes: Buffer;
  readonly records: readonly RecordHead[];
  /** Where in the file the stretch begins, and where what follows it does. */
  readonly offset: number;
  readonly next: number;
  readonly bad: number;
}

/** Reads a segment from `offset` to `end`, in stretches of about this size, or of one record where that is larger. */
export async function* stretches(
  file: DiskFile,
  offset: number,
  end: number,
  salt: number,
  size: number,
): AsyncGenerator<Stretch> {
  let at = offset;
  let wanted = size;
  while (at < end) {
    const want = Math.min(wanted, end - at);
    const bytes = await readAll(file, at, want);
    if (bytes.length === 0) return;
    const complete = at + want >= end || bytes.length < want;
    const found = scan(bytes, salt, complete);
    if (found.used === 0) {
      wanted = Math.max(found.wanted, want + 1);
      continue;
    }
    wanted = size;
    yield { bytes, records: found.records, offset: at, next: at + found.used, bad: found.bad };
    at += found.used;
    if (bytes.length < want) return;
  }
}

/** What there is; what the disk cannot read is zeros. */
async function readAll(file: DiskFile, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let have = 0;
  while (have < length) {
    const read = await readOrSkip(file, bytes.subarray(have), position + have);
    if (read === 0) break;
    have += read;
  }
  return bytes.subarray(0, have);
}

const SECTOR = 4096;

async function readOrSkip(file: DiskFile, into: Buffer, position: number): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return await file.read(into, position);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
      if (tries >= TRIES) return readSectors(file, into, position);
    }
  }
}

/** Of a stretch with a bad spot all that can be read, a sector at a time. */
async function readSectors(file: DiskFile, into: Buffer, position: number): Promise<number> {
  for (let at = 0; at < into.length; at += SECTOR) {
    const sector = into.subarray(at, at + SECTOR);
    const read = await file.read(sector, position + at).catch(() => sector.fill(0).length);
    if (read < sector.length) return at + read;
  }
  return into.length;
}
