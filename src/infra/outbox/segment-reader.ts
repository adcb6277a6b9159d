import { join } from 'node:path';
import { messageOf } from '../../common/errors.ts';
import type { Disk, DiskFile } from './disk.ts';
import { messageAt, type RecordHead, rowsBetween } from './record.ts';
import { stretches } from './scan.ts';
import type { Segment } from './segment.ts';
import { HEADER_BYTES, segmentName } from './segment-header.ts';
import type { Segments } from './segments.ts';
import type { Damage, Kept, Page, Place } from './store.ts';

/** Read at a time, at most; a page may want less. */
const LARGEST_STRETCH = 1_048_576;
const SMALLEST_STRETCH = 65_536;

/** How far the reader is in a segment. */
interface Cursor {
  readonly segment: Segment;
  readonly file: DiskFile;
  /** Of the segment, when its file was opened. */
  readonly version: number;
  /** Of the record behind those that were read. */
  offset: number;
  /** The last sound record; null: none yet. */
  before: RecordHead | null;
  /** Where it was before, rising: whoever wants to go back has not to begin at the beginning. */
  readonly marks: Mark[];
}

interface Mark {
  readonly offset: number;
  readonly before: RecordHead | null;
}

/**
 * Reads unreleased records in order. It goes through a segment once, and counts what it does not find of the records that
 * have to be there.
 */
export class SegmentReader {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #salt: number;
  readonly #segments: Segments;
  readonly #damaged: (damage: Damage) => void;
  #cursor: Cursor | null = null;
  #reading = false;

  constructor(
    disk: Disk,
    folder: string,
    salt: number,
    segments: Segments,
    damaged: (damage: Damage) => void,
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#salt = salt;
    this.#segments = segments;
    this.#damaged = damaged;
  }

  /** @throws {Error} where the disk refuses */
  async page(from: Place, mostBytes: number): Promise<Page> {
    if (this.#reading) throw new Error('the read before it is not done');
    this.#reading = true;
    try {
      return await this.#page(from, mostBytes);
    } finally {
      this.#reading = false;
    }
  }

  async #page(from: Place, mostBytes: number): Promise<Page> {
    const records: Kept[] = [];
    let bytes = 0;
    let place = from;
    for (;;) {
      const next = this.#segments.nextOpen(place);
      if (next === null) return { records, next: null };
      const take = (record: Kept, size: number): boolean => {
        if (records.length > 0 && bytes + size > mostBytes) return false;
        records.push(record);
        bytes += size;
        return true;
      };
      const { written } = next.segment;
      const full = await this.#readSegment(next.segment, next.place, written, take, mostBytes);
      if (full !== null) return { records, next: full };
      place = written + 1;
    }
  }

  /** Lets go of a segment's file, so that it can be replaced or removed; false: it is being read just now. */
  letGo(segment: Segment): boolean {
    if (this.#cursor?.segment !== segment) return true;
    if (this.#reading) return false;
    this.close();
    return true;
  }

  async close(): Promise<void> {
    const cursor = this.#cursor;
    this.#cursor = null;
    if (cursor === null) return;
    await cursor.file.close().catch(() => {});
  }

  /**
   * Hands over open records of a segment from one number to another.
   * @param take false: it has no room for this one
   * @returns the number that had no room; null: the segment is at its end
   */
  async #readSegment(
    segment: Segment,
    from: Place,
    written: Place,
    take: (record: Kept, size: number) => boolean,
    mostBytes: number,
  ): Promise<Place | null> {
    const cursor = await this.#at(segment, from);
    if (cursor === null) return null;
    const { bytes: end } = segment;
    const size = Math.floor(Math.min(LARGEST_STRETCH, Math.max(SMALLEST_STRETCH, mostBytes)));
    for await (const stretch of stretches(cursor.file, cursor.offset, end, this.#salt, size)) {
      if (stretch.offset > (cursor.marks.at(-1)?.offset ?? 0))
        cursor.marks.push({ offset: stretch.offset, before: cursor.before });
      for (const head of stretch.records) {
        if (head.place < from || head.place > written || head.place <= (cursor.before?.place ?? 0)) {
          if (cursor.before === null || head.place > cursor.before.place) cursor.before = head;
          continue;
        }
        if (!segment.releases.has(head.place)) {
          const message = messageAt(stretch.bytes, head);
          if (!take({ place: head.place, message }, head.length)) {
            this.#lost(segment, cursor.before, head, from, head.place - 1);
            cursor.offset = stretch.offset + head.start;
            return head.place;
          }
        }
        this.#lost(segment, cursor.before, head, from, head.place - 1);
        cursor.before = head;
      }
      cursor.offset = stretch.next;
    }
    this.#lost(segment, cursor.before, null, from, written);
    return null;
  }

  /** Open records that have to stand between two sound ones and do not. */
  #lost(
    segment: Segment,
    before: RecordHead | null,
    behind: RecordHead | null,
    from: Place,
    to: Place,
  ): void {
    const start = Math.max(from, before === null ? segment.first : before.place + 1);
    let first: Place | null = null;
    let messages = 0;
    for (let place = start; place <= to; place++) {
      if (!segment.releases.add(place)) continue;
      first ??= place;
      messages++;
    }
    if (first === null) return;
    const exact = before !== null && behind !== null && !segment.compacted;
    this.#damaged({
      segment: segmentName(segment.id),
      reason: 'records are damaged or not there',
      messages,
      rows: exact ? rowsBetween(before, behind) : null,
      from: before?.at ?? segment.from,
      to: behind?.at ?? segment.to,
      firstPlace: first,
      lastPlace: to,
    });
  }

  /** The cursor at or before a record; null where the file is gone. */
  async #at(segment: Segment, from: Place): Promise<Cursor | null> {
    const cursor = this.#cursor;
    const { version } = segment;
    if (cursor?.segment === segment && cursor.version === version) return movedTo(cursor, from);
    await this.close();
    try {
      const file = await this.#disk.open(join(this.#folder, segmentName(segment.id)));
      this.#cursor = { segment, file, version, offset: HEADER_BYTES, before: null, marks: [] };
      return segment.version === version ? this.#cursor : await this.#at(segment, from);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.#gone(segment, messageOf(error));
      return null;
    }
  }

  #gone(segment: Segment, reason: string): void {
    const messages = segment.open;
    segment.releases.addAll(segment.first, segment.written);
    this.#damaged({
      segment: segmentName(segment.id),
      reason,
      messages,
      rows: segment.rows,
      from: segment.from,
      to: segment.to,
      firstPlace: segment.first,
      lastPlace: segment.written,
    });
  }
}

/** The cursor before a record: where it is, or at the last mark before it where that is nearer, or where it is too far. */
function movedTo(cursor: Cursor, from: Place): Cursor {
  const isBefore = ({ before }: Mark): boolean => (before?.place ?? 0) < from;
  const mark = cursor.marks.findLast(isBefore) ?? { offset: HEADER_BYTES, before: null };
  if (isBefore(cursor) && cursor.offset >= mark.offset) return cursor;
  cursor.offset = mark.offset;
  cursor.before = mark.before;
  return cursor;
}
