import fs from 'node:fs';
import { lockedBy, lockFile } from './file-lock.ts';

/** An open file. All but `write` happens in a thread. */
export interface DiskFile {
  /**
   * Appends, and holds the event loop until the kernel has taken it.
   * @returns how much of it was taken; less than all where the disk is full
   */
  write(bytes: Uint8Array): number;
  /** The same in a thread. */
  writeInThread(bytes: Uint8Array): Promise<number>;
  /** @returns how much there was, 0 at the end */
  read(into: Uint8Array, position: number): Promise<number>;
  size(): Promise<number>;
  /** Resolves when what was written would outlive a power cut. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The file in a folder that stands for its lock. */
export const LOCK = 'lock';

/** A lock on a folder; it ends with the process, however that ends. */
export interface FolderLock {
  release(): void;
}

/** The file system as the outbox uses it, so that tests can have one that fails. Every method may reject with the system's words. */
export interface Disk {
  makeFolder(folder: string): Promise<void>;
  /** Names of the files in a folder. */
  list(folder: string): Promise<string[]>;
  /** Opens a new file for appending; what stood there is gone. */
  create(path: string): Promise<DiskFile>;
  /** Opens for appending what is there. */
  append(path: string): Promise<DiskFile>;
  /** Opens for reading. */
  open(path: string): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Resolves when names that were made, changed and removed in a folder would outlive a power cut. */
  syncFolder(folder: string): Promise<void>;
  /** What the file system of a folder has left for this user, bytes. */
  free(folder: string): Promise<number>;
  /** Null where another process has it. @param words left in the file for whoever looks, as who has it */
  lock(path: string, words: string): FolderLock | null;
  /** The words of who has the lock; null: nobody has. */
  lockedBy(path: string): string | null;
}

export const systemDisk: Disk = {
  makeFolder: async (folder) => {
    await fs.promises.mkdir(folder, { recursive: true, mode: 0o700 });
  },
  list: (folder) => fs.promises.readdir(folder),
  create: (path) => opened(path, 'w'),
  append: (path) => opened(path, 'a'),
  open: (path) => opened(path, 'r'),
  rename: (from, to) => fs.promises.rename(from, to),
  remove: (path) => fs.promises.unlink(path),
  async syncFolder(folder) {
    const handle = await open(folder, 'r');
    try {
      await called((done) => fs.fsync(handle, done));
    } finally {
      fs.close(handle, () => {});
    }
  },
  async free(folder) {
    const { bavail, bsize } = await fs.promises.statfs(folder);
    return Number(bavail) * Number(bsize);
  },
  lock: lockFile,
  lockedBy,
};

async function opened(path: string, flags: 'w' | 'a' | 'r'): Promise<DiskFile> {
  const handle = await open(path, flags);
  return {
    write: (bytes) => fs.writeSync(handle, bytes),
    writeInThread: (bytes) => called((done) => fs.write(handle, bytes, 0, bytes.length, null, done)),
    read: (into, position) => called((done) => fs.read(handle, into, 0, into.length, position, done)),
    size: async () => (await called<fs.Stats>((done) => fs.fstat(handle, done))).size,
    sync: () => called((done) => fs.fdatasync(handle, done)),
    close: () => called((done) => fs.close(handle, done)),
  };
}

/** @throws {Error} where the disk takes less than all */
export function writeAll(file: DiskFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += some(file.write(at === 0 ? bytes : bytes.subarray(at)));
}

/** @throws {Error} where the disk takes less than all */
export async function writeAllInThread(file: DiskFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += some(await file.writeInThread(bytes.subarray(at)));
}

function some(taken: number): number {
  if (taken === 0) throw new Error('the disk took nothing of a write');
  return taken;
}

/** What is in an outbox is market data, but where it was going is nobody's business. */
function open(path: string, flags: string): Promise<number> {
  return called((done) => fs.open(path, flags, 0o600, done));
}

function called<T>(call: (done: (error: Error | null, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => (error ? reject(error) : resolve(result as T)));
  });
}
