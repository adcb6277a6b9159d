import { crc32 } from 'node:zlib';
import type { Header } from '../kafka/produce/outgoing.ts';
import type { Place, Stored } from './store.ts';

/**
 * A record, little-endian:
 *
 * |  at | size | what |
 * |----:|-----:|---|
 * |   0 | 4 | "KSR1" |
 * |   4 | 4 | length of the record, all of it |
 * |   8 | 4 | CRC-32 of what follows, begun with the salt of the store |
 * |  12 | 4 | rows in the message |
 * |  16 | 8 | number of the record, a double |
 * |  24 | 8 | when, epoch µs, a double |
 * |  32 | 8 | fence, a double; NaN: none |
 * |  40 | 4 | rows of this life of the program before it, modulo 2^32 |
 * |  44 | 2 | length of the topic |
 * |  46 | 2 | length of the key; 65535: none |
 * |  48 | 4 | length of the headers |
 * |  52 | 2 | length of the ticket id |
 * |  54 | 2 | 0 |
 * |  56 |   | topic, key, headers as JSON, ticket id, value |
 */
export const RECORD_HEAD = 56;
export const MAGIC = Buffer.from('KSR1', 'latin1');
const MAGIC_NUMBER = MAGIC.readUInt32LE(0);
const CHECKED_FROM = 12;
const NO_KEY = 0xffff;
/** Longer names than Kafka takes (topics 249) or anybody wants (keys); what is longer goes without the outbox. */
const LONGEST_NAME = 0xfffe;
const ROWS_MODULO = 2 ** 32;

/** Headers are few and shared by many messages, so that each list is written as JSON once. */
const encodedHeaders = new WeakMap<readonly Header[], Buffer>();

/** Lists of headers kept, as they are read back; then it is begun anew. */
const MAX_LISTS = 2_000;
const decodedHeaders = new Map<string, readonly Header[]>();

/** The list that JSON stands for: the same one for all messages that have it. */
function headersFrom(json: string): readonly Header[] {
  const known = decodedHeaders.get(json);
  if (known !== undefined) return known;
  const headers = JSON.parse(json) as Header[];
  if (decodedHeaders.size >= MAX_LISTS) decodedHeaders.clear();
  decodedHeaders.set(json, headers);
  return headers;
}

function headersOf(message: Stored): Buffer {
  const { headers } = message;
  let encoded = encodedHeaders.get(headers);
  if (encoded === undefined) {
    encoded = Buffer.from(JSON.stringify(headers));
    encodedHeaders.set(headers, encoded);
  }
  return encoded;
}

/** No smaller than the record will be, bytes: a character may take three. */
export function roomFor(message: Stored): number {
  const names = message.topic.length + (message.key?.length ?? 0) + message.ticketId.length;
  return RECORD_HEAD + 3 * names + headersOf(message).length + message.value.length;
}

/** Whether the lengths of its names have room in a record. */
export function fitsRecord(message: Stored): boolean {
  const { topic, key, ticketId } = message;
  return 3 * Math.max(topic.length, key?.length ?? 0, ticketId.length) <= LONGEST_NAME;
}

/**
 * Writes a record at `at`, where `roomFor` has to be.
 * @param rowsBefore rows of this life before it
 * @returns its length
 */
export function writeRecord(
  into: Buffer,
  at: number,
  salt: number,
  place: Place,
  rowsBefore: number,
  message: Stored,
): number {
  const { topic, key, value, ticketId, fence } = message;
  const headers = headersOf(message);
  let end = at + RECORD_HEAD;
  const topicBytes = into.write(topic, end);
  end += topicBytes;
  const keyBytes = key === null ? 0 : into.write(key, end);
  end += keyBytes;
  into.set(headers, end);
  end += headers.length;
  const ticketBytes = ticketId === '' ? 0 : into.write(ticketId, end);
  end += ticketBytes;
  into.set(value, end);
  end += value.length;
  into.writeUInt32LE(MAGIC_NUMBER, at);
  into.writeUInt32LE(end - at, at + 4);
  into.writeUInt32LE(message.rows, at + 12);
  into.writeDoubleLE(place, at + 16);
  into.writeDoubleLE(message.at, at + 24);
  into.writeDoubleLE(fence ?? Number.NaN, at + 32);
  into.writeUInt32LE(rowsBefore % ROWS_MODULO, at + 40);
  into.writeUInt16LE(topicBytes, at + 44);
  into.writeUInt16LE(key === null ? NO_KEY : keyBytes, at + 46);
  into.writeUInt32LE(headers.length, at + 48);
  into.writeUInt16LE(ticketBytes, at + 52);
  into.writeUInt16LE(0, at + 54);
  into.writeUInt32LE(crc32(into.subarray(at + CHECKED_FROM, end), salt), at + 8);
  return end - at;
}

/** Where a record stands, and what its head says. */
export interface RecordHead {
  readonly start: number;
  readonly length: number;
  readonly place: Place;
  readonly rows: number;
  readonly rowsBefore: number;
  readonly at: number;
}

/** The record at `start`: `short` where it goes on behind the end of the bytes, null where there is no sound one. */
export function headAt(bytes: Buffer, start: number, salt: number): RecordHead | 'short' | null {
  const left = bytes.length - start;
  const magic = Math.min(4, left);
  if (MAGIC.compare(bytes, start, start + magic, 0, magic) !== 0) return null;
  if (left < RECORD_HEAD) return 'short';
  const length = bytes.readUInt32LE(start + 4);
  if (length < RECORD_HEAD) return null;
  if (length > left) return 'short';
  const sum = crc32(bytes.subarray(start + CHECKED_FROM, start + length), salt);
  if (sum !== bytes.readUInt32LE(start + 8)) return null;
  return {
    start,
    length,
    rows: bytes.readUInt32LE(start + 12),
    place: bytes.readDoubleLE(start + 16),
    at: bytes.readDoubleLE(start + 24),
    rowsBefore: bytes.readUInt32LE(start + 40),
  };
}

/** How many rows stand between two records that have lost what was between them. */
export function rowsBetween(before: RecordHead, behind: RecordHead): number {
  const counted = behind.rowsBefore - before.rowsBefore - before.rows;
  return ((counted % ROWS_MODULO) + ROWS_MODULO) % ROWS_MODULO;
}

/** The message of a sound record; its value is a copy. */
export function messageAt(bytes: Buffer, head: RecordHead): Stored {
  const { start } = head;
  const fence = bytes.readDoubleLE(start + 32);
  const keyLength = bytes.readUInt16LE(start + 46);
  let at = start + RECORD_HEAD;
  const text = (length: number): string => {
    at += length;
    return bytes.toString('utf8', at - length, at);
  };
  const topic = text(bytes.readUInt16LE(start + 44));
  const key = keyLength === NO_KEY ? null : text(keyLength);
  const headers = headersFrom(text(bytes.readUInt32LE(start + 48)));
  const ticketId = text(bytes.readUInt16LE(start + 52));
  return {
    topic,
    key,
    headers,
    ticketId,
    value: Buffer.from(bytes.subarray(at, start + head.length)),
    fence: Number.isNaN(fence) ? null : fence,
    rows: head.rows,
    at: head.at,
  };
}
