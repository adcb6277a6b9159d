import { afterEach, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/common/clock.ts';
import { systemDisk } from '../../src/infra/outbox/disk.ts';
import { openStore } from '../../src/infra/outbox/open-store.ts';
import type { Kept, Store, Stored } from '../../src/infra/outbox/store.ts';
import { MemoryDisk } from './outbox-disk.ts';
import { eventsOf, live, message, put, readAll } from './outbox-parts.ts';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-'));
  folders.push(folder);
  return folder;
}

async function opened(folder: string): Promise<{ store: Store; told: ReturnType<typeof eventsOf> }> {
  const told = eventsOf();
  const store = openStore({
    folder,
    maxBytes: 2 ** 30,
    fsyncMs: 50,
    collector: 'a',
    schemas: { 'trade-data': 7 },
    clock: systemClock,
    disk: systemDisk,
    events: told,
  });
  await told.whenOpen;
  return { store, told };
}

async function all(store: Store, from = 0): Promise<Kept[]> {
  const found: Kept[] = [];
  for (let next: number | null = from; next !== null; ) {
    const page = await store.read(next, 4_000);
    found.push(...page.records);
    next = page.next;
  }
  return found;
}

test.each([70_000.4, 131_072.5, 200_001.7])(
  'a page of a size that is no whole number costs nothing: %d bytes of several stretches',
  async (size) => {
    const { store, told } = await opened(newFolder());
    for (let i = 1; i <= 200; i++) store.append(message(i, 4_000));
    store.commit();
    const places: number[] = [];
    for (let next: number | null = 1; next !== null; ) {
      const page = await store.read(next, size);
      places.push(...page.records.map(({ place }) => place));
      next = page.next;
    }
    expect(places).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    expect(told.damages).toEqual([]);
    await store.close(1_000);
  },
);

test('what is appended and not released is there in the next life, byte for byte and in order', async () => {
  const folder = newFolder();
  const first = await opened(folder);
  expect(first.store.recovered).toMatchObject({ messages: 0, last: 0 });
  const sent: Stored[] = [];
  for (let i = 1; i <= 50; i++) {
    sent.push(message(i));
    expect(first.store.append(message(i))).toBe(i);
    if (i % 7 === 0) first.store.commit();
  }
  first.store.commit();
  for (let i = 1; i <= 50; i += 3) first.store.release(i);
  first.store.acknowledged('trade-data.korea', 3, 41);
  expect(await all(first.store)).toHaveLength(33);
  await first.store.close(5_000);

  const second = await opened(folder);
  expect(second.store.recovered).toMatchObject({ messages: 33, last: 50 });
  expect(second.store.recovered?.acknowledged.get('trade-data.korea')?.get(3)).toBe(41);
  const found = await all(second.store);
  expect(found.map(({ place }) => place)).toEqual(
    sent.map((_, i) => i + 1).filter((place) => place % 3 !== 1),
  );
  for (const { place, message: read } of found) expect(read).toEqual(sent[place - 1] as Stored);
  for (const { place } of found) second.store.release(place);
  expect(second.store.append(message(51))).toBe(51);
  second.store.commit();
  second.store.release(51);
  await second.store.close(5_000);
  expect(readdirSync(folder).sort()).toEqual(['ledger', 'lock']);
  expect([...first.told.damages, ...second.told.damages]).toEqual([]);
});

test('a process that ends without a word loses nothing of what was written', async () => {
  const folder = newFolder();
  const program = `
    import { openStore } from '${join(import.meta.dir, '../../src/infra/outbox/open-store.ts')}';
    import { systemDisk } from '${join(import.meta.dir, '../../src/infra/outbox/disk.ts')}';
    import { systemClock } from '${join(import.meta.dir, '../../src/common/clock.ts')}';
    import { eventsOf, message } from '${join(import.meta.dir, 'outbox-parts.ts')}';
    const told = eventsOf();
    const store = openStore({ folder: '${folder}', maxBytes: 2 ** 30, fsyncMs: 60_000, collector: 'a', schemas: {},
      clock: systemClock, disk: systemDisk, events: told });
    await told.whenOpen;
    for (let i = 1; i <= 500; i++) store.append(message(i));
    store.commit();
    store.append(message(501));
    process.kill(process.pid, 'SIGKILL');`;
  const child = Bun.spawn([process.execPath, '-e', program], { stdout: 'inherit', stderr: 'inherit' });
  await child.exited;
  expect(child.signalCode).toBe('SIGKILL');
  const { store, told } = await opened(folder);
  expect(store.recovered).toMatchObject({ messages: 500, last: 500 });
  expect((await all(store)).map(({ message: read }) => read)).toEqual(
    Array.from({ length: 500 }, (_, i) => message(i + 1)),
  );
  expect(told.damages).toEqual([]);
  await store.close(5_000);
});

test('whoever reads again what lies a little back does not read the segment from its beginning', async () => {
  const disk = new MemoryDisk();
  const { store } = await live(disk);
  put(store, 1, 3_000);
  let reads = 0;
  disk.fate = (asked) => {
    if (asked === 'read') reads++;
    return null;
  };
  expect(await readAll(store, 100_000)).toHaveLength(3_000);
  expect(reads).toBeGreaterThan(10);
  for (const from of [2_900, 1_500, 2_900, 10, 1]) {
    reads = 0;
    const page = await store.read(from, 2_000);
    expect(page.records[0]).toEqual({ place: from, message: message(from) });
    expect(reads).toBeLessThan(4);
  }
});
