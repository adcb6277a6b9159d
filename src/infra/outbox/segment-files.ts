import { join } from 'node:path';
import { type Disk, type DiskFile, writeAllInThread } from './disk.ts';
import { encodeHeader, type SegmentHeader, segmentName } from './segment-header.ts';

/** A file that is ready to take records. */
export interface ReadyFile {
  readonly id: number;
  readonly file: DiskFile;
}

/**
 * The open files of segments: one that takes records, one that is ready to follow it, so that no socket waits for the making
 * of a file, and those that are full and have to be synced.
 */
export class SegmentFiles {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #header: Omit<SegmentHeader, 'segment' | 'created'>;
  readonly #micros: () => number;
  #lastId: number;
  #ready: ReadyFile | null = null;
  #preparing: Promise<void> | null = null;
  #current: DiskFile | null = null;
  #full: DiskFile[] = [];

  constructor(
    disk: Disk,
    folder: string,
    header: Omit<SegmentHeader, 'segment' | 'created'>,
    lastId: number,
    micros: () => number,
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#header = header;
    this.#lastId = lastId;
    this.#micros = micros;
  }

  get isReady(): boolean {
    return this.#ready !== null;
  }

  /** Makes the next file where it is not there. @throws {Error} where the disk refuses */
  prepare(): Promise<void> {
    this.#preparing ??= this.#prepare().finally(() => {
      this.#preparing = null;
    });
    return this.#preparing;
  }

  async #prepare(): Promise<void> {
    if (this.#ready !== null) return;
    const id = ++this.#lastId;
    const path = join(this.#folder, segmentName(id));
    const file = await this.#disk.create(path);
    try {
      await writeAllInThread(file, encodeHeader({ ...this.#header, segment: id, created: this.#micros() }));
      await file.sync();
      await this.#disk.syncFolder(this.#folder);
    } catch (error) {
      file.close().catch(() => {});
      this.#disk.remove(path).catch(() => {});
      throw error;
    }
    this.#ready = { id, file };
  }

  /** The ready file takes the place of the current one; null: there is none. */
  next(): ReadyFile | null {
    const ready = this.#ready;
    if (ready === null) return null;
    this.#ready = null;
    this.retire();
    this.#current = ready.file;
    return ready;
  }

  /** The current file takes no more. */
  retire(): void {
    if (this.#current !== null) this.#full.push(this.#current);
    this.#current = null;
  }

  /**
   * Resolves when all that is written would outlive a power cut.
   * @throws {Error} where the disk refuses
   */
  async sync(): Promise<void> {
    const full = this.#full;
    this.#full = [];
    try {
      for (const file of full) await file.sync();
      await this.#current?.sync();
    } finally {
      for (const file of full) file.close().catch(() => {});
    }
  }

  /** Gives all files up; the one that no record was written to goes. */
  async close(): Promise<void> {
    this.retire();
    await this.#preparing?.catch(() => {});
    const ready = this.#ready;
    this.#ready = null;
    const files = [...this.#full, ...(ready ? [ready.file] : [])];
    this.#full = [];
    for (const file of files) await file.close().catch(() => {});
    if (ready) await this.#disk.remove(join(this.#folder, segmentName(ready.id))).catch(() => {});
  }
}
