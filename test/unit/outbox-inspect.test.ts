import { afterEach, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/common/clock.ts';
import { systemDisk } from '../../src/infra/outbox/disk.ts';
import { inspect, messagesIn } from '../../src/infra/outbox/inspect.ts';
import { openStore } from '../../src/infra/outbox/open-store.ts';
import type { Damage } from '../../src/infra/outbox/store.ts';
import { eventsOf, message, put } from './outbox-parts.ts';

const program = join(import.meta.dir, '../../index.ts');
let folder = '';

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function opened() {
  folder = mkdtempSync(join(tmpdir(), 'outbox-inspect-'));
  const told = eventsOf();
  const store = openStore({
    folder,
    maxBytes: 2 ** 30,
    fsyncMs: 20,
    collector: 'collector-7',
    schemas: { 'trade-data': 7 },
    clock: systemClock,
    disk: systemDisk,
    events: told,
  });
  await told.whenOpen;
  return store;
}

async function run(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  const child = Bun.spawn([process.execPath, program, 'outbox', ...args], { stdout: 'pipe', stderr: 'pipe' });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exit: await child.exited, out, err };
}

function contents(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString('base64')]),
  );
}

test('a folder in use: what is in it is printed, and whose it is; nothing is changed, and the collector goes on', async () => {
  const store = await opened();
  put(store, 1, 20);
  store.release(4);
  store.acknowledged('trade-data.korea', 2, 99);
  for (let tries = 0; tries < 500; tries++) {
    const { offsets } = await inspect(systemDisk, folder);
    if (offsets['trade-data.korea'] !== undefined) break;
    await Bun.sleep(20);
  }
  const shown = await inspect(systemDisk, folder);
  expect(shown).toMatchObject({
    unreleased: 19,
    last: 20,
    damages: [],
    offsets: { 'trade-data.korea': { '2': 99 } },
  });
  expect(JSON.parse(shown.used_by ?? '')).toMatchObject({ collector: 'collector-7', pid: process.pid });
  expect(shown.segments).toEqual([
    expect.objectContaining({
      collector: 'collector-7',
      schemas: { 'trade-data': 7 },
      first: 1,
      last: 20,
      messages: 20,
      unreleased: 19,
      from: message(1).at,
      to: message(20).at,
    }),
  ]);
  const before = contents();
  const damages: Damage[] = [];
  const found: number[] = [];
  for await (const { place, message: read } of messagesIn(systemDisk, folder, (one) => damages.push(one))) {
    expect(read).toEqual(message(place));
    found.push(place);
  }
  expect(found).toEqual([1, 2, 3, ...Array.from({ length: 16 }, (_, i) => i + 5)]);
  expect(contents()).toEqual(before);
  expect(put(store, 21, 21)).toEqual([21]);
  await store.close(5_000);
});

test('the command prints it for people and for programs, and says what is damaged', async () => {
  const store = await opened();
  put(store, 1, 5);
  await store.close(5_000);
  const people = await run('inspect', folder);
  expect(people).toMatchObject({ exit: 0, err: '' });
  expect(people.out).toContain('5 messages are not acknowledged; 1 segments hold them');
  expect(people.out).toContain('not in use');
  const json = await run('inspect', '--json', '--set', `outbox.dir=${folder}`);
  expect(JSON.parse(json.out)).toMatchObject({ unreleased: 5, used_by: null, damages: [] });
  const messages = await run('inspect', folder, '--messages', '--json');
  const lines = messages.out.trim().split('\n');
  expect(lines).toHaveLength(5);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    place: 1,
    topic: 'trade-data.korea',
    rows: 2,
    bytes: message(1).value.length,
  });

  const [segment = ''] = readdirSync(folder).filter((name) => name.endsWith('.segment'));
  const bytes = readFileSync(join(folder, segment));
  bytes[4_096 + 60] = 0xff;
  writeFileSync(join(folder, segment), bytes);
  const damaged = await run('inspect', folder, '--messages');
  expect(damaged.exit).toBe(1);
  expect(damaged.err).toContain('lost: 1 messages');
  expect(damaged.out.trim().split('\n')).toHaveLength(4);
}, 60_000);

test('what is no outbox, and what is no command, is said', async () => {
  folder = mkdtempSync(join(tmpdir(), 'outbox-inspect-'));
  const none = await run('inspect', folder);
  expect(none.exit).toBe(64);
  expect(none.err).toContain('there is no outbox in this folder');
  expect((await run('inspect', join(folder, 'nowhere'))).err).toContain('ENOENT');
  expect((await run('look', folder)).exit).toBe(64);
  expect((await run('inspect')).err).toContain('outbox.dir is not set');
}, 60_000);
