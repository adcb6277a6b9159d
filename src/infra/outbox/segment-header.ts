import { crc32 } from 'node:zlib';

/** Of segments and of the ledger. */
export const FORMAT = 1;

const MAGIC = Buffer.from('KCSOUTBX', 'latin1');
/** Magic, CRC-32 of what follows, format, length of the JSON. In every format these stand here. */
const FIXED = MAGIC.length + 12;
const CHECKED_FROM = MAGIC.length + 4;
/** A header has a fixed place, so that a damaged one does not hide where the records begin. */
export const HEADER_BYTES = 4096;

/** What stands at the beginning of a segment, as JSON, padded with blanks. */
export interface SegmentHeader {
  /** UUID of the folder's store. What another one wrote is not ours. */
  readonly store: string;
  readonly collector: string;
  /** Ids of the schema registry at that time, by topic family: values bear them. */
  readonly schemas: Readonly<Record<string, number>>;
  /** Number of the segment. Those of later ones are higher, and so are the numbers of their records. */
  readonly segment: number;
  /** Epoch µs. */
  readonly created: number;
  /** Released records were left out. */
  readonly compacted: boolean;
}

export interface HeaderFault {
  readonly fault: string;
  /** A sound header of a format that we do not know: not ours to touch. */
  readonly newer: boolean;
}

export function encodeHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES, ' ');
  const room = HEADER_BYTES - FIXED;
  let json = Buffer.from(JSON.stringify(header));
  if (json.length > room) json = Buffer.from(JSON.stringify({ ...header, schemas: {} }));
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(FORMAT, CHECKED_FROM);
  bytes.writeUInt32LE(json.length, CHECKED_FROM + 4);
  json.copy(bytes, FIXED);
  bytes.writeUInt32LE(crc32(bytes.subarray(CHECKED_FROM, FIXED + json.length)), MAGIC.length);
  return bytes;
}

/** @param bytes the first `HEADER_BYTES` of a file, or all there is */
export function decodeHeader(bytes: Buffer): SegmentHeader | HeaderFault {
  const fault = (words: string, newer = false): HeaderFault => ({ fault: words, newer });
  if (bytes.length === 0) return fault('the file is empty');
  if (bytes.length < HEADER_BYTES) return fault(`the header is cut after ${bytes.length} bytes`);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return fault('it has no header of an outbox');
  const format = bytes.readUInt32LE(CHECKED_FROM);
  const end = FIXED + bytes.readUInt32LE(CHECKED_FROM + 4);
  if (crc32(bytes.subarray(CHECKED_FROM, end)) !== bytes.readUInt32LE(MAGIC.length))
    return fault('the header is damaged');
  if (format !== FORMAT) return fault(`its format is ${format}, this program knows ${FORMAT}`, true);
  return JSON.parse(bytes.toString('utf8', FIXED, end)) as SegmentHeader;
}

/** The number that every CRC of a store begins with, so that no record of another one passes for ours. */
export function saltOf(store: string): number {
  return crc32(Buffer.from(store));
}

/** `0000000042.segment` */
export function segmentName(id: number): string {
  return `${String(id).padStart(10, '0')}.segment`;
}

/** The number in the name of a segment; null: it is none. */
export function segmentOf(name: string): number | null {
  const [, digits] = name.match(/^(\d{10})\.segment$/) ?? [];
  return digits === undefined ? null : Number(digits);
}
