import { join } from 'node:path';
import { type Disk, type DiskFile, writeAllInThread } from './disk.ts';
import { type LedgerLine, ledgerText } from './ledger-lines.ts';

export const LEDGER = 'ledger';
const LEDGER_NEW = 'ledger.new';

/** A ledger is written anew when it has grown by so much, and to a multiple of what it has to say. */
const GROWN_BYTES = 1_048_576;
const GROWN_TIMES = 4;

/**
 * The file that says what is released: it is appended to, and written anew where it has grown, or where a line of it
 * could not be written. What is lost of it is looked for in the topics again, so that it may always be behind.
 */
export class Ledger {
  readonly #disk: Disk;
  readonly #folder: string;
  #file: DiskFile | null = null;
  #bytes = 0;
  /** Size when it was last written anew. */
  #fresh = 0;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the next lines have to be all there is to say. */
  get due(): boolean {
    return this.#file === null || this.#bytes > GROWN_BYTES + GROWN_TIMES * this.#fresh;
  }

  /** Adds lines; resolves when they would outlive a power cut. Where it rejects, it is `due`. */
  async add(lines: readonly LedgerLine[]): Promise<void> {
    const file = this.#file;
    if (file === null) throw new Error('the ledger is not open');
    try {
      this.#bytes += await writeLines(file, lines);
      await file.sync();
    } catch (error) {
      this.#file = null;
      file.close().catch(() => {});
      throw error;
    }
  }

  /** Puts a new ledger in the place of the old one. */
  async rewrite(lines: readonly LedgerLine[]): Promise<void> {
    const path = join(this.#folder, LEDGER_NEW);
    const file = await this.#disk.create(path);
    let bytes: number;
    try {
      bytes = await writeLines(file, lines);
      await file.sync();
      await this.#disk.rename(path, join(this.#folder, LEDGER));
      await this.#disk.syncFolder(this.#folder);
    } catch (error) {
      file.close().catch(() => {});
      throw error;
    }
    this.#file?.close().catch(() => {});
    this.#file = file;
    this.#bytes = bytes;
    this.#fresh = bytes;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }
}

async function writeLines(file: DiskFile, lines: readonly LedgerLine[]): Promise<number> {
  const bytes = Buffer.from(lines.map(ledgerText).join(''));
  await writeAllInThread(file, bytes);
  return bytes.length;
}
