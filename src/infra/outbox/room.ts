import { join } from 'node:path';
import type { Cancel, Clock } from '../../common/clock.ts';
import { compact, worthCompacting } from './compaction.ts';
import type { Disk } from './disk.ts';
import { Health, SLOW_WRITE_MS, unanswered } from './health.ts';
import { Ledger } from './ledger.ts';
import type { LedgerLine } from './ledger-lines.ts';
import { Offsets } from './offsets.ts';
import { fitsRecord } from './record.ts';
import type { Found } from './recovery.ts';
import { removeReleased } from './removal.ts';
import { Rounds } from './rounds.ts';
import { Segment } from './segment.ts';
import { SegmentFiles } from './segment-files.ts';
import { HEADER_BYTES, type SegmentHeader, saltOf } from './segment-header.ts';
import { SegmentReader } from './segment-reader.ts';
import { Segments } from './segments.ts';
import type { Damage, Figures, Page, Place, Stored, StoreEvents } from './store.ts';
import { TurnWriter } from './turn-writer.ts';

export interface RoomParts {
  readonly folder: string;
  /** `outbox.max_bytes` */
  readonly maxBytes: number;
  /** `outbox.fsync_ms` */
  readonly fsyncMs: number;
  /** Who writes, for the headers of segments. */
  readonly collector: string;
  /** Ids of the schema registry by topic family, for the same. */
  readonly schemas: Readonly<Record<string, number>>;
  readonly clock: Clock;
  readonly disk: Disk;
  readonly events: StoreEvents;
}

/** A segment is full at this size, or at a part of `outbox.max_bytes`. */
const SEGMENT_BYTES = 16_777_216;
const SEGMENTS_AT_LEAST = 16;
/** Where no file is ready, or writes never pause, a segment goes on to so many times its size. */
const LARGEST_TIMES = 4;
/** A segment of which nothing is left to send goes after this time, however little is in it. */
const LONGEST_OPEN_MS = 60_000;
/** After `outbox.max_bytes` was reached so much of it has to be free again. */
const FREE_AGAIN = 0.95;
/** What the disk has not done for so long makes the next writes go to a thread. */
const DOUBT_MS = 200;
/** How often is looked for what the disk does not do. */
const WATCH_MS = 250;
/** What a message takes at most beside its value: its names, and the header of a new segment. */
const MARGIN_BYTES = HEADER_BYTES + 2_048;

/** A folder that is ours and read: its segments, its ledger, and what is done with them all the time. */
export class Room {
  readonly #parts: RoomParts;
  readonly #header: Omit<SegmentHeader, 'segment' | 'created'>;
  readonly #segments: Segments;
  readonly #files: SegmentFiles;
  readonly #writer: TurnWriter;
  readonly #reader: SegmentReader;
  readonly #ledger: Ledger;
  readonly #offsets: Offsets;
  readonly #rounds: Rounds;
  readonly #health: Health;
  readonly #lines: LedgerLine[] = [];
  readonly #segmentBytes: number;
  #active: Segment | null = null;
  #activeSince = 0;
  #place: Place;
  /** Up to this one records are on disk, or failed. */
  #writtenTo: Place;
  /** The last one that took a record. */
  #lastSegment: number;
  /** Size of all our files. */
  #bytes: number;
  #unsynced = false;
  #ledgerFails = false;
  #closing = false;
  #cancelWatch: Cancel = () => {};
  #diskLeft: number | null = null;
  #appended = 0;
  #bytesWritten = 0;
  #released = 0;
  #notKept = 0;
  #lost = 0;

  constructor(parts: RoomParts, found: Found) {
    const { disk, folder, clock, collector, schemas, maxBytes, fsyncMs } = parts;
    const salt = saltOf(found.store);
    this.#parts = parts;
    this.#header = { store: found.store, collector, schemas, compacted: false };
    this.#segments = new Segments(found.segments);
    this.#files = new SegmentFiles(disk, folder, this.#header, found.lastSegment, () => clock.micros());
    this.#writer = new TurnWriter(
      clock,
      salt,
      {
        written: (last, bytes) => this.#written(last, bytes),
        failed: (first, last, error) => this.#failed(first, last, error),
      },
      () => this.#rounds.stepMs > DOUBT_MS,
    );
    this.#reader = new SegmentReader(disk, folder, salt, this.#segments, (damage) => this.damaged(damage));
    this.#ledger = new Ledger(disk, folder);
    this.#offsets = new Offsets(found.offsets);
    this.#segmentBytes = Math.min(SEGMENT_BYTES, Math.floor(maxBytes / SEGMENTS_AT_LEAST));
    this.#place = found.last;
    this.#writtenTo = found.last;
    this.#lastSegment = found.lastSegment;
    this.#bytes = this.#segments.bytes();
    this.#health = new Health((state, reason) => parts.events.changed(state, reason));
    const steps = [
      () => this.#sync(),
      () => this.#writeLedger(),
      () => this.#removeReleased(),
      () => this.#compactOne(),
      () => this.#prepare(),
      async () => {
        this.#diskLeft = await disk.free(folder).catch(() => null);
      },
    ];
    this.#rounds = new Rounds(clock, fsyncMs, steps, (failures) => this.#roundEnded(failures));
  }

  /** The first round, then more of them by the clock. @param leftovers files that nothing is left to read of */
  async start(leftovers: readonly string[]): Promise<void> {
    const { disk, folder } = this.#parts;
    await this.#rounds.run();
    for (const name of leftovers) await disk.remove(join(folder, name)).catch(() => {});
    this.#rounds.start();
    this.#watch();
  }

  append(message: Stored): Place | null {
    const place = this.#place + 1;
    const active = this.#activeFor(message);
    if (active === null || !this.#writer.append(place, message)) {
      this.#notKept++;
      return null;
    }
    this.#place = place;
    active.add(place, message.rows, message.at);
    this.#appended++;
    return place;
  }

  commit(): void {
    this.#writer.commit();
    this.#health.tell();
  }

  release(place: Place): void {
    if (this.#segments.of(place)?.releases.add(place)) this.#released++;
  }

  read(from: Place, mostBytes: number): Promise<Page> {
    return this.#reader.page(from, mostBytes);
  }

  acknowledged(topic: string, partition: number, offset: number): void {
    this.#offsets.note(topic, partition, offset);
  }

  damaged(damage: Damage): void {
    this.#lost += damage.messages ?? 0;
    this.#parts.events.damaged(damage);
  }

  get written(): Place {
    return this.#writtenTo;
  }

  get figures(): Figures {
    return {
      state: this.#health.state,
      reason: this.#health.reason,
      messages: this.#segments.messages(),
      bytes: this.#bytes,
      oldestAt: this.#segments.oldestAt(),
      diskLeft: this.#diskLeft,
      appended: this.#appended,
      bytesWritten: this.#bytesWritten,
      released: this.#released,
      notKept: this.#notKept,
      lost: this.#lost,
      longestWriteMs: this.#writer.longestMs,
    };
  }

  /** The last round: what is left to write is written, what is released is removed. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#rounds.stop();
    this.#cancelWatch();
    this.#writer.commit();
    await this.#writer.settled();
    this.#seal();
    await this.#rounds.run();
    await this.#files.close();
    await this.#reader.close();
    await this.#ledger.close();
  }

  /** The segment that takes a record; null: none does. */
  #activeFor(message: Stored): Segment | null {
    if (this.#health.state !== 'ok' || !fitsRecord(message)) return null;
    if (this.#bytes + this.#writer.buffered + message.value.length + MARGIN_BYTES > this.#parts.maxBytes) {
      this.#health.set('full', 'outbox.max_bytes is reached');
      return null;
    }
    const active = this.#active;
    if (active !== null && active.bytes < this.#segmentBytes) return active;
    if (this.#writer.idle) this.#roll();
    const { bytes = 0 } = this.#active ?? {};
    return bytes < this.#segmentBytes * LARGEST_TIMES ? this.#active : null;
  }

  /** The file that is ready takes the records from now on; where none is, the old one goes on. */
  #roll(): void {
    if (!this.#files.isReady) return;
    this.#seal();
    const next = this.#files.next();
    if (next === null) return;
    const segment = new Segment(next.id, this.#place + 1, HEADER_BYTES);
    this.#segments.add(segment);
    this.#lines.push({ is: 'segment', id: segment.id, first: segment.first });
    this.#bytes += HEADER_BYTES;
    this.#active = segment;
    this.#lastSegment = segment.id;
    this.#activeSince = this.#parts.clock.now();
    this.#writer.use(next.file);
    // At a high load the next one is needed before the next round.
    this.#prepare().catch((error) => this.#health.trouble(error));
  }

  #seal(): void {
    const active = this.#active;
    if (active === null) return;
    this.#active = null;
    this.#writer.use(null);
    this.#files.retire();
    active.sealed = true;
    active.sealedAt = this.#parts.clock.now();
    this.#lines.push({ is: 'seal', id: active.id, ...active.seal() });
  }

  #written(last: Place, bytes: number): void {
    this.#writtenTo = last;
    if (this.#active === null) return;
    this.#active.written = last;
    this.#active.bytes += bytes;
    this.#bytes += bytes;
    this.#bytesWritten += bytes;
    this.#unsynced = true;
  }

  /** What stands behind the last whole write does not count, and the next record goes to another file. */
  #failed(first: Place, last: Place, error: unknown): void {
    this.#writtenTo = last;
    this.#active?.releases.addAll(first, last);
    this.#notKept += last - first + 1;
    this.#seal();
    this.#health.trouble(error);
    this.#parts.events.notKept(first, last);
  }

  async #sync(): Promise<void> {
    if (!this.#unsynced) return;
    this.#unsynced = false;
    try {
      await this.#files.sync();
    } catch (error) {
      // What the kernel could not write it may have dropped: nothing more is put behind it.
      if (this.#writer.idle) this.#seal();
      throw error;
    }
  }

  async #writeLedger(): Promise<void> {
    const sealed = this.#segments.all.filter((segment) => segment.sealed);
    const lines = [
      ...this.#lines.splice(0),
      ...this.#segments.takeReleases(),
      ...this.#offsets.takeChanged(),
    ];
    this.#ledgerFails = true;
    if (this.#ledger.due) {
      const { store: id, collector } = this.#header;
      const store = { id, collector, last: this.#place, lastSegment: this.#lastSegment };
      const all = this.#segments.snapshot(store);
      await this.#ledger.rewrite([...all, ...this.#offsets.all()]);
    } else if (lines.length > 0) await this.#ledger.add(lines);
    this.#ledgerFails = false;
    for (const segment of sealed) segment.noted = true;
  }

  async #removeReleased(): Promise<void> {
    const { disk, folder, clock } = this.#parts;
    const active = this.#active;
    const old = clock.now() - this.#activeSince > LONGEST_OPEN_MS;
    if (active !== null && active.records > 0 && active.open === 0 && old && this.#writer.idle) this.#roll();
    await removeReleased(disk, folder, this.#segments, this.#reader, this.#ledgerFails, (segment) => {
      this.#bytes -= segment.bytes;
      this.#lines.push({ is: 'gone', id: segment.id });
    });
  }

  async #compactOne(): Promise<void> {
    const { disk, folder, clock } = this.#parts;
    const segment = worthCompacting(this.#segments.all, clock.now());
    if (segment === null || !this.#reader.letGo(segment)) return;
    const created = clock.micros();
    const before = segment.bytes;
    const { bytes, records } = await compact(disk, folder, segment, {
      ...this.#header,
      segment: segment.id,
      created,
    });
    segment.replaced(bytes, records);
    this.#bytes += bytes - before;
  }

  async #prepare(): Promise<void> {
    if (!this.#closing) await this.#files.prepare();
  }

  #roundEnded(failures: readonly unknown[]): void {
    if (failures.length > 0) this.#health.trouble(failures[0]);
    else if (this.#health.state === 'broken') this.#health.well();
    else if (this.#health.state === 'full' && this.#bytes <= this.#parts.maxBytes * FREE_AGAIN)
      this.#health.well();
    this.#health.tell();
  }

  /** Looks after what should have been done by now. */
  #watch(): void {
    const { clock, events } = this.#parts;
    const why = unanswered(clock, this.#writer.waitingMs, this.#rounds.stepMs);
    if (why !== null && this.#health.state === 'ok') this.#health.set('slow', why);
    else if (why === null && this.#health.state === 'slow') this.#health.well();
    this.#health.tell();
    const heldMs = this.#writer.takeHeldMs();
    if (heldMs > SLOW_WRITE_MS) events.stood(heldMs);
    this.#cancelWatch = clock.after(WATCH_MS, () => this.#watch());
  }
}
