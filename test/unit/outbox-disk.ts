import type { Disk, DiskFile } from '../../src/infra/outbox/disk.ts';

/** What a disk was asked for. */
export type Asked =
  | 'makeFolder'
  | 'list'
  | 'create'
  | 'append'
  | 'open'
  | 'rename'
  | 'remove'
  | 'syncFolder'
  | 'free'
  | 'lock'
  | 'write'
  | 'read'
  | 'sync';

/** What becomes of it: null, it is done; a number, a write takes so many bytes and the next one none; else it fails. */
export type Fate = null | number | Error;

interface MemoryFile {
  bytes: Buffer;
  length: number;
  /** So much of it would outlive a power cut. */
  synced: number;
}

export function systemError(code: string, words: string): Error {
  return Object.assign(new Error(`${code}: ${words}`), { code });
}

/**
 * A file system in memory, which can fail, and which can be left as a process or a machine leaves it that ends at once. Names are safe as
 * soon as they are made; bytes are when they are synced.
 */
export class MemoryDisk {
  readonly files = new Map<string, MemoryFile>();
  /** Decides about everything that is asked for. */
  fate: (asked: Asked, path: string, bytes: number) => Fate = () => null;
  /** How many writes were made. */
  writes = 0;
  left = 1_000_000_000;
  readonly #locks = new Set<string>();
  #life = 0;

  /** The disk as one process sees it, until `kill`. */
  forProcess(): Disk {
    const life = this.#life;
    const alive = (): void => {
      if (life !== this.#life) throw systemError('EDEAD', 'the process is dead');
    };
    const ask = (asked: Asked, path: string): void => {
      alive();
      const fate = this.fate(asked, path, 0);
      if (fate instanceof Error) throw fate;
    };
    const file = (path: string): MemoryFile => {
      const found = this.files.get(path);
      if (!found) throw systemError('ENOENT', `no such file, open '${path}'`);
      return found;
    };
    const handle = (path: string, one: MemoryFile): DiskFile => ({
      write: (bytes) => {
        alive();
        return this.#write(path, one, bytes);
      },
      writeInThread: async (bytes) => {
        alive();
        return this.#write(path, one, bytes);
      },
      read: async (into, position) => {
        ask('read', path);
        return one.bytes.copy(
          into,
          0,
          position,
          Math.max(position, Math.min(one.length, position + into.length)),
        );
      },
      size: async () => one.length,
      sync: async () => {
        const { length } = one;
        ask('sync', path);
        one.synced = Math.max(one.synced, length);
      },
      close: async () => {},
    });
    return {
      makeFolder: async (folder) => ask('makeFolder', folder),
      list: async (folder) => {
        ask('list', folder);
        return [...this.files.keys()].map((path) => path.slice(folder.length + 1));
      },
      create: async (path) => {
        ask('create', path);
        const one = { bytes: Buffer.alloc(0), length: 0, synced: 0 };
        this.files.set(path, one);
        return handle(path, one);
      },
      append: async (path) => {
        ask('append', path);
        return handle(path, file(path));
      },
      open: async (path) => {
        ask('open', path);
        return handle(path, file(path));
      },
      rename: async (from, to) => {
        ask('rename', to);
        this.files.set(to, file(from));
        this.files.delete(from);
      },
      remove: async (path) => {
        ask('remove', path);
        file(path);
        this.files.delete(path);
      },
      syncFolder: async (folder) => ask('syncFolder', folder),
      free: async (folder) => {
        ask('free', folder);
        return this.left;
      },
      lockedBy: (path) => (this.#locks.has(path) ? '{}' : null),
      lock: (path) => {
        ask('lock', path);
        if (this.#locks.has(path)) return null;
        this.#locks.add(path);
        return {
          release: () => {
            if (life === this.#life) this.#locks.delete(path);
          },
        };
      },
    };
  }

  /** The process ends at once: what it wrote is there, what it still does is not done. */
  kill(): void {
    this.#life++;
    this.#locks.clear();
  }

  /** The machine loses its power: of what was not synced a part is there. @param random uniform in [0, 1) */
  cutPower(random: () => number): void {
    this.kill();
    for (const one of this.files.values())
      one.length = one.synced + Math.floor((one.length - one.synced) * random());
  }

  /** Another disk with the same files. */
  copy(): MemoryDisk {
    const disk = new MemoryDisk();
    for (const path of this.files.keys()) disk.put(path, this.read(path));
    return disk;
  }

  /** The bytes of a file. */
  read(path: string): Buffer {
    const one = this.files.get(path);
    if (!one) throw new Error(`there is no ${path}`);
    return Buffer.from(one.bytes.subarray(0, one.length));
  }

  /** Puts a file there, synced. */
  put(path: string, bytes: Buffer): void {
    this.files.set(path, { bytes: Buffer.from(bytes), length: bytes.length, synced: bytes.length });
  }

  #write(path: string, one: MemoryFile, bytes: Uint8Array): number {
    this.writes++;
    const fate = this.fate('write', path, bytes.length);
    if (fate instanceof Error) throw fate;
    const taken = fate === null ? bytes.length : Math.min(fate, bytes.length);
    const end = one.length + taken;
    if (end > one.bytes.length) {
      const larger = Buffer.alloc(Math.max(end, one.bytes.length * 2));
      one.bytes.copy(larger, 0, 0, one.length);
      one.bytes = larger;
    }
    one.bytes.set(bytes.subarray(0, taken), one.length);
    one.length = end;
    return taken;
  }
}
