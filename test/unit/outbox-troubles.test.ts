import { afterEach, describe, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/common/clock.ts';
import { systemDisk } from '../../src/infra/outbox/disk.ts';
import { openStore } from '../../src/infra/outbox/open-store.ts';
import { type Asked, MemoryDisk, systemError } from './outbox-disk.ts';
import { close, eventsOf, live, message, put, readAll, segmentPath } from './outbox-parts.ts';
import { QuickClock, settled } from './quick-clock.ts';

const SMALL = 16 * 6_000;
const noSpace = systemError('ENOSPC', 'no space left on device, write');

/** What one life keeps, does not keep, and releases while the disk fails at times; and what the next one finds. */
async function work(disk: MemoryDisk): Promise<{ kept: Set<number>; released: Set<number> }> {
  const kept = new Set<number>();
  const released = new Set<number>();
  const { store, told, clock } = await live(disk, SMALL);
  for (let n = 1; n <= 24; n++) {
    const [place] = put(store, n, n);
    if (place !== null && place !== undefined) kept.add(place);
    if (n % 5 === 0) for (const one of [...kept].slice(0, 3)) if (kept.delete(one)) released.add(one);
    for (const one of released) store.release(one);
    await clock.advance(1_000);
  }
  // Opening is tried again every two seconds, and each round asks for a few things only.
  let taken = store.append(message(99));
  for (let rounds = 0; taken === null && rounds < 20; rounds++) {
    await clock.advance(2_000);
    taken = store.append(message(99));
  }
  for (const { first, last } of told.lost) for (let place = first; place <= last; place++) kept.delete(place);
  if (taken === null) throw new Error(`nothing is taken: ${JSON.stringify(store.figures)}`);
  store.commit();
  store.release(taken);
  await close(store);
  return { kept, released };
}

describe('at each thing that the disk is asked for', () => {
  test.each([
    ['it is full', noSpace],
    ['it refuses', systemError('EIO', 'i/o error')],
    ['it may not be written', systemError('EROFS', 'read-only file system')],
  ])(
    '%s, once and for a while: what was kept is there in the next life, and taken is again',
    async (_, error) => {
      const count = { asked: 0 };
      const counting = new MemoryDisk();
      counting.fate = () => {
        count.asked++;
        return null;
      };
      await work(counting);
      for (const length of [1, 8]) {
        for (let nth = 0; nth < count.asked; nth += length === 1 ? 1 : 3) {
          const disk = new MemoryDisk();
          let at = 0;
          disk.fate = (asked) => {
            const fails = at >= nth && at < nth + length;
            at++;
            if (!fails || asked === 'read') return null;
            // A write that fails has taken a part before.
            return asked === 'write' && at % 2 === 0 ? 7 : error;
          };
          const { kept } = await work(disk);
          disk.fate = () => null;
          const { store } = await live(disk, SMALL);
          const places = new Set((await readAll(store)).map(({ place }) => place));
          const lost = [...kept].filter((place) => !places.has(place));
          if (lost.length > 0) throw new Error(`failing ${length} from ${nth} on lost ${lost}`);
        }
      }
    },
  );
});

describe('a full disk', () => {
  test('a write that fails is told, nothing is taken until there is room, and numbers go on', async () => {
    const disk = new MemoryDisk();
    const { store, told, clock } = await live(disk);
    put(store, 1, 3);
    disk.fate = (asked) => (asked === 'write' ? noSpace : null);
    expect(put(store, 4, 6)).toEqual([4, 5, 6]);
    expect(told.lost).toEqual([{ first: 4, last: 6 }]);
    expect(store.figures).toMatchObject({ state: 'full', messages: 3, notKept: 3 });
    expect(store.figures.reason).toContain('no space left');
    expect(put(store, 7, 7)).toEqual([null]);
    await clock.advance(1_000);
    expect(store.figures.state).toBe('full');
    disk.fate = () => null;
    await clock.advance(1_000);
    expect(told.states.map(({ state }) => state)).toEqual(['ok', 'full', 'ok']);
    expect(put(store, 7, 8)).toEqual([7, 8]);
    expect((await readAll(store)).map(({ place }) => place)).toEqual([1, 2, 3, 7, 8]);
  });

  test('outbox.max_bytes: the store says so and takes again when a segment has gone', async () => {
    const disk = new MemoryDisk();
    const { store, told, clock } = await live(disk, SMALL);
    const places: number[] = [];
    for (let n = 1; n < 500; n++) {
      const [place] = put(store, n, n);
      if (place === null || place === undefined) break;
      places.push(place);
      await clock.advance(1_000);
    }
    expect(places.length).toBeGreaterThan(50);
    expect(places.length).toBeLessThan(400);
    expect(store.figures.bytes).toBeLessThanOrEqual(SMALL);
    expect(told.states.at(-1)).toEqual({ state: 'full', reason: 'outbox.max_bytes is reached' });
    for (const place of places.slice(0, 40)) store.release(place);
    await clock.advance(1_000);
    await clock.advance(1_000);
    expect(store.figures.state).toBe('ok');
    expect(put(store, 500, 500)).not.toEqual([null]);
  });

  const mounts = process.getuid?.() === 0 && spawnSync('mount', ['--version']).status === 0;
  test.skipIf(!mounts)(
    'a real one: all that it took is read back, and room makes it take again',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'outbox-full-'));
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]).status !== 0) return;
      try {
        const told = eventsOf();
        const store = openStore({
          folder: join(folder, 'outbox'),
          maxBytes: 2 ** 30,
          fsyncMs: 20,
          collector: 'a',
          schemas: {},
          clock: systemClock,
          disk: systemDisk,
          events: told,
        });
        await told.whenOpen;
        const kept: number[] = [];
        for (let n = 1; n < 20_000 && store.figures.state === 'ok'; n++)
          kept.push(...put(store, n, n).filter((one) => one !== null));
        expect(store.figures.state).toBe('full');
        const failed = new Set(
          told.lost.flatMap(({ first, last }) =>
            Array.from({ length: last - first + 1 }, (_, i) => first + i),
          ),
        );
        const expected = kept.filter((place) => !failed.has(place));
        expect(expected.length).toBeGreaterThan(1_000);
        expect((await readAll(store, 100_000)).map(({ place }) => place)).toEqual(expected);
        for (const place of expected) store.release(place);
        for (let i = 0; i < 500 && store.figures.state !== 'ok'; i++) await Bun.sleep(20);
        expect(store.figures.state).toBe('ok');
        expect(put(store, 1, 1)).not.toEqual([null]);
        await store.close(5_000);
      } finally {
        spawnSync('umount', ['-l', folder]);
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});

describe('a folder that cannot be had', () => {
  test('another process has it: that is said, and it is taken over when that ends', async () => {
    const disk = new MemoryDisk();
    const first = await live(disk);
    put(first.store, 1, 2);
    const second = await live(disk);
    expect(second.store.figures.state).toBe('locked');
    expect(second.store.append(message(1))).toBeNull();
    await close(first.store);
    await second.clock.advance(2_000);
    expect(second.store.figures.state).toBe('ok');
    expect(second.store.recovered).toMatchObject({ messages: 2 });
  });

  test.each(['makeFolder', 'lock', 'list', 'create', 'sync'] as Asked[])(
    'it refuses at %s: waited for',
    async (which) => {
      const disk = new MemoryDisk();
      disk.fate = (asked) => (asked === which ? systemError('EACCES', 'permission denied') : null);
      const { store, clock } = await live(disk);
      expect(store.append(message(1))).toBeNull();
      expect(store.figures).toMatchObject({ state: 'broken' });
      expect(store.figures.reason).toContain('permission denied');
      disk.fate = () => null;
      await clock.advance(2_000);
      expect(store.figures.state).toBe('ok');
      expect(put(store, 1, 1)).toEqual([1]);
    },
  );

  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  test("the lock is the kernel's: another process has it until it is killed", async () => {
    const folder = mkdtempSync(join(tmpdir(), 'outbox-lock-'));
    folders.push(folder);
    const file = join(folder, 'lock');
    const program = `
      import { lockFile } from '${join(import.meta.dir, '../../src/infra/outbox/file-lock.ts')}';
      console.log(lockFile('${file}', 'the other one') ? 'locked' : 'not');
      setInterval(() => {}, 1000);`;
    const child = Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe' });
    const { value } = await child.stdout.getReader().read();
    expect(new TextDecoder().decode(value)).toBe('locked\n');
    expect(systemDisk.lock(file, 'we')).toBeNull();
    expect(systemDisk.lockedBy(file)).toBe('the other one');
    child.kill('SIGKILL');
    await child.exited;
    expect(systemDisk.lockedBy(file)).toBeNull();
    const lock = systemDisk.lock(file, 'we');
    expect(lock).not.toBeNull();
    lock?.release();
  });
});

describe('a slow disk', () => {
  /** A disk whose syncs and writes in threads end when they are let go. */
  function hanging(disk: MemoryDisk): {
    hang: boolean;
    go(): void;
    real: ReturnType<MemoryDisk['forProcess']>;
  } {
    const inner = disk.forProcess();
    const waiting: (() => void)[] = [];
    const state = {
      hang: false,
      go() {
        state.hang = false;
        for (const one of waiting.splice(0)) one();
      },
      real: {
        ...inner,
        create: async (path: string) => {
          const file = await inner.create(path);
          const wait = () => (state.hang ? new Promise<void>((resolve) => waiting.push(resolve)) : undefined);
          return {
            ...file,
            sync: async () => {
              await wait();
              await file.sync();
            },
            writeInThread: async (bytes: Uint8Array) => {
              await wait();
              return file.writeInThread(bytes);
            },
          };
        },
      },
    };
    return state;
  }

  test('while a sync hangs writes are made in a thread; while those hang nothing is taken; then all is as before', async () => {
    const disk = new MemoryDisk();
    const slow = hanging(disk);
    const told = eventsOf();
    const clock = new QuickClock();
    const store = openStore({
      folder: '/outbox',
      maxBytes: 2 ** 30,
      fsyncMs: 1_000,
      collector: 'a',
      schemas: {},
      clock,
      disk: slow.real,
      events: told,
    });
    await settled();
    expect(put(store, 1, 2)).toEqual([1, 2]);
    expect(store.written).toBe(2);
    slow.hang = true;
    await clock.advance(1_000);
    await clock.advance(300);
    expect(put(store, 3, 4)).toEqual([3, 4]);
    expect(store.written).toBe(2);
    expect(store.figures.state).toBe('ok');
    await clock.advance(1_500);
    await clock.advance(1_500);
    // The write began 3,000 ms ago, when messages came 1,300 ms after the start.
    const since = new Date(1_790_000_000_000 + 1_300).toISOString();
    const reason = `the disk does not answer since ${since}: a write is not done`;
    expect(store.figures).toMatchObject({ state: 'slow', reason });
    expect(told.states.at(-1)).toEqual({ state: 'slow', reason });
    expect(put(store, 5, 5)).toEqual([null]);
    slow.go();
    await settled();
    expect(store.written).toBe(4);
    await clock.advance(1_000);
    expect(store.figures.state).toBe('ok');
    expect(put(store, 5, 6)).toEqual([5, 6]);
    await clock.advance(1_000);
    expect((await readAll(store)).map(({ place }) => place)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(told.lost).toEqual([]);
  });

  test('a write that held the event loop is told when it is done, once, and the next ones go to a thread', async () => {
    const disk = new MemoryDisk();
    const { store, told, clock } = await live(disk);
    put(store, 1, 2);
    // The file system is frozen from one moment to the next: nothing else of this process runs until it answers.
    disk.fate = (asked) => {
      if (asked === 'write') clock.stand(5_000);
      return null;
    };
    put(store, 3, 4);
    expect(store.written).toBe(4);
    disk.fate = () => null;
    await clock.advance(250);
    expect([told.held, told.states.map(({ state }) => state)]).toEqual([[5_000], ['ok']]);
    expect(store.figures).toMatchObject({ state: 'ok', longestWriteMs: 5_000 });
    put(store, 5, 5);
    // It is on its way in a thread.
    expect(store.written).toBe(4);
    await settled();
    expect(store.written).toBe(5);
    put(store, 6, 6);
    expect(store.written).toBe(6);
    await clock.advance(1_000);
    expect(told.held).toEqual([5_000]);
  });

  test('a write that took a moment is not told', async () => {
    const disk = new MemoryDisk();
    const { store, told, clock } = await live(disk);
    disk.fate = (asked) => {
      if (asked === 'write') clock.stand(1_900);
      return null;
    };
    put(store, 1, 2);
    await clock.advance(1_000);
    expect(told.held).toEqual([]);
  });

  test('a folder that does not get read is told of, and taken when it is', async () => {
    const slow = hanging(new MemoryDisk());
    slow.hang = true;
    const clock = new QuickClock();
    const parts = { folder: '/outbox', maxBytes: 2 ** 30, fsyncMs: 1_000, collector: 'a', schemas: {} };
    const store = openStore({ ...parts, clock, disk: slow.real, events: eventsOf() });
    await settled();
    expect(store.figures.state).toBe('opening');
    await clock.advance(30_000);
    expect(store.figures).toMatchObject({ state: 'slow' });
    expect(store.append(message(1))).toBeNull();
    slow.go();
    await settled();
    expect(store.figures.state).toBe('ok');
    expect(put(store, 1, 1)).toEqual([1]);
  });

  test('a folder that is never given up does not hold the end up', async () => {
    const disk = new MemoryDisk();
    const slow = hanging(disk);
    const clock = new QuickClock();
    const parts = { folder: '/outbox', maxBytes: 2 ** 30, fsyncMs: 1_000, collector: 'a', schemas: {} };
    const store = openStore({ ...parts, clock, disk: slow.real, events: eventsOf() });
    await settled();
    put(store, 1, 2);
    slow.hang = true;
    const closing = store.close(500);
    await clock.advance(500);
    await closing;
    expect(store.figures).toMatchObject({ state: 'closed' });
  });
});

describe('what stays on the disk', () => {
  test('messages that nobody takes for hours hold themselves, not what stood around them', async () => {
    const disk = new MemoryDisk();
    const { store, clock } = await live(disk, 200_000);
    const stuck: number[] = [];
    for (let n = 1; n <= 2_000; n++) {
      const [place] = put(store, n, n);
      if (n % 100 === 0) stuck.push(place ?? 0);
      else store.release(place ?? 0);
      if (n % 10 === 0) await clock.advance(1_000);
    }
    for (let i = 0; i < 120; i++) await clock.advance(1_000);
    expect(store.figures.messages).toBe(20);
    expect(store.figures.bytes).toBeLessThan(120_000);
    expect((await readAll(store)).map(({ place }) => place)).toEqual(stuck);
    disk.kill();
    const next = await live(disk, 200_000);
    expect((await readAll(next.store)).map(({ place, message: read }) => [place, read])).toEqual(
      stuck.map((place, i) => [place, message((i + 1) * 100)]),
    );
    expect(next.told.damages).toEqual([]);
  });

  test('at a low load the last segment goes too, a minute after all of it is released', async () => {
    const disk = new MemoryDisk();
    const { store, clock } = await live(disk);
    for (let n = 1; n <= 200; n++) {
      const [place] = put(store, n, n);
      store.release(place ?? 0);
      await clock.advance(1_000);
    }
    expect(disk.files.has(segmentPath(1))).toBe(false);
    expect(store.figures.bytes).toBeLessThan(100_000);
  });

  test('segments that are released and whose files cannot be removed stay released, life after life', async () => {
    const disk = new MemoryDisk();
    disk.fate = (asked) => (asked === 'remove' ? systemError('EPERM', 'operation not permitted') : null);
    for (let life = 0; life < 4; life++) {
      const { store, clock, told } = await live(disk, SMALL);
      expect((await readAll(store)).map(({ place }) => place)).toEqual([]);
      for (const place of put(store, 1, 10)) store.release(place ?? 0);
      await clock.advance(1_000);
      expect(told.damages).toEqual([]);
      disk.kill();
    }
    expect([...disk.files.keys()].filter((path) => path.endsWith('.segment')).length).toBeGreaterThan(3);
    disk.fate = () => null;
    const { store } = await live(disk, SMALL);
    await close(store);
    expect([...disk.files.keys()].sort()).toEqual(['/outbox/ledger']);
  });

  test('a wall clock that is set back or forward changes no order and loses nothing', async () => {
    const disk = new MemoryDisk();
    const { store, clock } = await live(disk, SMALL);
    put(store, 1, 20);
    clock.step(-86_400_000_000);
    await clock.advance(1_000);
    put(store, 21, 40);
    clock.step(3 * 86_400_000_000);
    await clock.advance(1_000);
    put(store, 41, 60);
    disk.kill();
    const next = await live(disk, SMALL);
    const places = (await readAll(next.store)).map(({ place }) => place);
    expect(places).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  });
});
