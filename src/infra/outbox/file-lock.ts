import { dlopen, FFIType } from 'bun:ffi';
import fs from 'node:fs';
import type { FolderLock } from './disk.ts';

const LOCK_SHARED = 1;
const LOCK_EXCLUSIVE = 2;
const LOCK_NOT_BLOCKING = 4;

/** Names of the C library: of glibc, of musl on the two processors that it is built for, of macOS. */
const LIBRARIES = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1', 'libSystem.B.dylib'];

type Flock = (file: number, operation: number) => number;

let flock: Flock | null = null;

/**
 * Locks a file for this process. It is the kernel's own lock (flock), which ends with the process, holds between
 * containers that share a folder, and asks no clock and no process id; neither Node nor Bun has a call for it.
 * @param words written into the file: who has it
 * @returns null where another process has it
 * @throws {Error} where the file cannot be made, or this system has no such lock
 */
export function lockFile(path: string, words: string): FolderLock | null {
  flock ??= systemFlock();
  const file = fs.openSync(path, 'a', 0o600);
  if (flock(file, LOCK_EXCLUSIVE | LOCK_NOT_BLOCKING) !== 0) {
    fs.closeSync(file);
    return null;
  }
  try {
    fs.ftruncateSync(file, 0);
    fs.writeSync(file, `${words}\n`);
  } catch {
    // The words are for people; a full disk does not make the lock a worse one.
  }
  return { release: () => fs.closeSync(file) };
}

function systemFlock(): Flock {
  for (const library of LIBRARIES) {
    try {
      const { symbols } = dlopen(library, {
        flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
      });
      return symbols.flock;
    } catch {
      // Not this C library.
    }
  }
  throw new Error('the C library of this system has no flock');
}

/** The words of whoever has the lock now; null: nobody has. @throws {Error} where this cannot be told */
export function lockedBy(path: string): string | null {
  flock ??= systemFlock();
  const file = fs.openSync(path, 'r');
  try {
    if (flock(file, LOCK_SHARED | LOCK_NOT_BLOCKING) === 0) return null;
    return fs.readFileSync(path, 'utf8').trim();
  } finally {
    fs.closeSync(file);
  }
}
