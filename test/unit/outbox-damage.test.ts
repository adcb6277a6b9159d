import { describe, expect, test } from 'bun:test';
import { RECORD_HEAD, roomFor } from '../../src/infra/outbox/record.ts';
import { HEADER_BYTES } from '../../src/infra/outbox/segment-header.ts';
import type { Damage, Kept } from '../../src/infra/outbox/store.ts';
import { MemoryDisk } from './outbox-disk.ts';
import { close, FOLDER, live, message, put, readAll, segmentPath } from './outbox-parts.ts';

const LEDGER = `${FOLDER}/ledger`;
/** Small enough for segments of a few records each. */
const SMALL = 16 * 6_000;

/** Where each record of a segment begins, and behind the last one. */
function starts(segment: Buffer): number[] {
  const found = [HEADER_BYTES];
  for (let at = HEADER_BYTES; at < segment.length; ) {
    at += segment.readUInt32LE(at + 4);
    found.push(at);
  }
  return found;
}

/** A folder whose process was killed behind ten records in one segment; 2 and 5 are released. */
async function killed(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { store, clock } = await live(disk);
  put(store, 1, 10);
  store.release(2);
  store.release(5);
  await clock.advance(1_000);
  disk.kill();
  return disk;
}

/** A folder that was given up in order, with several sealed segments; every fourth is released. */
async function closed(messages = 40): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { store, clock } = await live(disk, SMALL);
  for (let n = 1; n <= messages; n++) {
    put(store, n, n);
    await clock.advance(1_000);
  }
  for (let n = 4; n <= messages; n += 4) store.release(n);
  await close(store);
  return disk;
}

function placesOf(records: readonly Kept[]): number[] {
  return records.map(({ place }) => place);
}

/** Every record that is read is the one that was written under its number. */
function expectSound(records: readonly Kept[]): void {
  for (const { place, message: read } of records) expect(read).toEqual(message(place));
}

/** What the next life reads, and is told. */
async function next(
  disk: MemoryDisk,
): Promise<{ places: number[]; damages: Damage[]; first: number | null }> {
  const { store, told } = await live(disk, SMALL);
  const records = await readAll(store);
  expectSound(records);
  const [first = null] = put(store, 999, 999);
  store.release(first ?? 0);
  await close(store);
  return { places: placesOf(records), damages: told.damages, first };
}

const OPEN = [1, 3, 4, 6, 7, 8, 9, 10];

function lostMessages(damages: readonly Damage[]): number {
  return damages.reduce((sum, damage) => sum + (damage.messages ?? 0), 0);
}

describe('a segment that took records when its process ended', () => {
  test('cut at each byte of its last record: that one is lost and told, the others are there', async () => {
    const disk = await killed();
    const whole = disk.read(segmentPath(1));
    const last = starts(whole).at(-2) ?? 0;
    for (let length = last; length < whole.length; length++) {
      const cut = disk.copy();
      cut.put(segmentPath(1), whole.subarray(0, length));
      const { places, damages, first } = await next(cut);
      expect(places).toEqual(OPEN.slice(0, -1));
      expect(damages).toHaveLength(length === last ? 0 : 1);
      if (length > last)
        expect(damages[0]).toMatchObject({ messages: 1, firstPlace: 10, from: message(9).at });
      if (length >= last + RECORD_HEAD) expect(damages[0]).toMatchObject({ rows: message(10).rows });
      expect(first).toBeGreaterThan(9);
    }
  });

  test('a bit flipped in each byte of a record in its middle: that one is lost, with its rows and between its times', async () => {
    const disk = await killed();
    const whole = disk.read(segmentPath(1));
    const [from = 0, to = 0] = starts(whole).slice(6, 8);
    for (let at = from; at < to; at++) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at & 7));
      const one = disk.copy();
      one.put(segmentPath(1), flipped);
      const { places, damages } = await next(one);
      expect(places).toEqual(OPEN.filter((place) => place !== 7));
      expect(damages).toEqual([
        expect.objectContaining({
          messages: 1,
          rows: message(7).rows,
          firstPlace: 7,
          lastPlace: 7,
          from: message(6).at,
          to: message(8).at,
        }),
      ]);
    }
  });

  test('a bit flipped in each byte of its header: nothing is lost', async () => {
    const disk = await killed();
    const whole = disk.read(segmentPath(1));
    for (let at = 0; at < 200; at++) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at & 7));
      const one = disk.copy();
      one.put(segmentPath(1), flipped);
      const { places, damages } = await next(one);
      expect(places).toEqual(OPEN);
      expect(lostMessages(damages)).toBe(0);
    }
  });

  test('zeros behind its last record, as a power cut leaves them, are told and cost nothing', async () => {
    const disk = await killed();
    disk.put(segmentPath(1), Buffer.concat([disk.read(segmentPath(1)), Buffer.alloc(9_000)]));
    const { places, damages } = await next(disk);
    expect(places).toEqual(OPEN);
    expect(damages).toEqual([expect.objectContaining({ messages: null, firstPlace: 11 })]);
  });

  test('two damaged records next to each other and one apart are counted as three', async () => {
    const disk = await killed();
    const bytes = disk.read(segmentPath(1));
    const at = starts(bytes);
    for (const nth of [3, 6, 7]) bytes[(at[nth - 1] ?? 0) + 20] = 0xff;
    disk.put(segmentPath(1), bytes);
    const { places, damages } = await next(disk);
    expect(places).toEqual([1, 4, 8, 9, 10]);
    expect(damages.map(({ messages }) => messages)).toEqual([1, 2]);
    expect(damages[1]?.rows).toBe(message(6).rows + message(7).rows);
  });

  test('a damaged record that was released is no loss', async () => {
    const disk = await killed();
    const bytes = disk.read(segmentPath(1));
    bytes[(starts(bytes)[4] ?? 0) + 30] = 0xee;
    disk.put(segmentPath(1), bytes);
    expect(await next(disk)).toMatchObject({ places: OPEN, damages: [] });
  });
});

describe('segments that are not as they were', () => {
  const open = Array.from({ length: 40 }, (_, i) => i + 1).filter((place) => place % 4 !== 0);

  test('as they were, they are read, and what is released is not', async () => {
    const disk = await closed();
    expect([...disk.files.keys()].length).toBeGreaterThan(5);
    expect(await next(disk)).toEqual({ places: open, damages: [], first: 41 });
  });

  test('a missing one is told with its messages, rows and times; the others are read', async () => {
    const disk = await closed();
    disk.files.delete(segmentPath(3));
    const { places, damages, first } = await next(disk);
    const lost = open.filter((place) => !places.includes(place));
    expect(lost.length).toBeGreaterThan(0);
    const rows = lost.reduce((sum, place) => sum + message(place).rows, 0);
    expect(damages).toEqual([
      expect.objectContaining({ segment: '0000000003.segment', messages: lost.length }),
    ]);
    expect(damages[0]?.rows).toBeGreaterThanOrEqual(rows);
    expect(damages[0]?.from).toBeLessThanOrEqual(message(lost[0] ?? 0).at);
    expect(damages[0]?.to).toBeGreaterThanOrEqual(message(lost.at(-1) ?? 0).at);
    expect(first).toBe(41);
  });

  test('a missing one is told once: the life behind does not hear of it', async () => {
    const disk = await closed();
    disk.files.delete(segmentPath(3));
    expect((await next(disk)).damages).toHaveLength(1);
    expect((await next(disk)).damages).toHaveLength(0);
  });

  test('the one that took records is missing: told, though nobody knows how many', async () => {
    const disk = await killed();
    disk.files.delete(segmentPath(1));
    const { places, damages } = await next(disk);
    expect(places).toEqual([]);
    expect(damages).toEqual([expect.objectContaining({ segment: '0000000001.segment', messages: null })]);
  });

  test('one that is cut short costs what stood behind the cut', async () => {
    const disk = await closed();
    const bytes = disk.read(segmentPath(2));
    disk.put(segmentPath(2), bytes.subarray(0, (starts(bytes)[1] ?? 0) + 10));
    const { places, damages } = await next(disk);
    expect(lostMessages(damages)).toBe(open.length - places.length);
    expect(damages).toHaveLength(1);
  });

  test('one of another outbox is told, left alone, and none of its records is read', async () => {
    const disk = await closed();
    const stranger = (await closed()).read(segmentPath(2));
    disk.put(segmentPath(90), stranger);
    const { places, damages } = await next(disk);
    expect(places).toEqual(open);
    expect(damages).toEqual([expect.objectContaining({ segment: '0000000090.segment', messages: null })]);
    expect(damages[0]?.reason).toContain('another outbox');
    expect(disk.read(segmentPath(90)).equals(stranger)).toBe(true);
  });

  test('one of another outbox in the place of ours: its records are not read, ours are counted', async () => {
    const disk = await closed();
    disk.put(segmentPath(2), (await closed()).read(segmentPath(2)));
    const { places, damages } = await next(disk);
    expect(places.length).toBeLessThan(open.length);
    expect(damages[0]?.reason).toContain('another outbox');
  });

  test('a copy of one under another number is told and read once', async () => {
    const disk = await closed();
    disk.put(segmentPath(77), disk.read(segmentPath(2)));
    const { places, damages, first } = await next(disk);
    expect(places).toEqual(open);
    expect(damages[0]?.reason).toContain('a copy of 0000000002.segment');
    expect(first).toBe(41);
  });

  test('one of a newer program is told and left alone', async () => {
    const disk = await closed();
    const { encodeHeader } = await import('../../src/infra/outbox/segment-header.ts');
    const { crc32 } = await import('node:zlib');
    const header = { store: 'x', collector: 'b', schemas: {}, segment: 50, created: 1, compacted: false };
    const bytes = encodeHeader(header);
    bytes.writeUInt32LE(2, 12);
    bytes.writeUInt32LE(crc32(bytes.subarray(12, 20 + bytes.readUInt32LE(16))), 8);
    disk.put(segmentPath(50), bytes);
    const { places, damages } = await next(disk);
    expect(places).toEqual(open);
    expect(damages[0]?.reason).toContain('format is 2');
    expect(disk.read(segmentPath(50)).equals(bytes)).toBe(true);
  });

  test.each([
    ['an empty file', Buffer.alloc(0)],
    ['half a header', Buffer.from('KCSOUTBX')],
    ['something else', Buffer.alloc(20_000, 'no segment ')],
  ])('%s with the name of a segment costs nothing', async (_, bytes) => {
    const disk = await closed();
    disk.put(segmentPath(60), bytes);
    const { places, first } = await next(disk);
    expect(places).toEqual(open);
    expect(first).toBe(41);
    expect(disk.files.has(segmentPath(60))).toBe(bytes.length > HEADER_BYTES);
  });

  test('a part that the disk cannot read costs what stands in it, and no life ends of it', async () => {
    const disk = await killed();
    const { store, told } = await live(disk);
    const bad = (starts(disk.read(segmentPath(1)))[2] ?? 0) + 8;
    disk.fate = (asked) => (asked === 'read' ? Object.assign(new Error('EIO'), { code: 'EIO' }) : null);
    await readAll(store);
    expect(lostMessages(told.damages)).toBe(OPEN.length);
    expect(bad).toBeGreaterThan(HEADER_BYTES);
    disk.fate = () => null;
    expect(store.append(message(11))).toBe(11);
  });
});

describe('a ledger that is not as it was', () => {
  const all = Array.from({ length: 40 }, (_, i) => i + 1);
  const open = all.filter((place) => place % 4 !== 0);

  test('missing: all is read, nothing is lost', async () => {
    const disk = await closed();
    disk.files.delete(LEDGER);
    const { places, damages, first } = await next(disk);
    expect(places).toEqual(
      all.filter((place) => open.includes(place) || place % 4 === 0).slice(0, places.length),
    );
    expect(open.filter((place) => !places.includes(place))).toEqual([]);
    expect(damages).toEqual([]);
    expect(first).toBe(41);
  });

  test('a bit flipped in each byte, and cut at each byte: nothing is lost, no number is given twice', async () => {
    const left = await closed(12);
    const whole = left.read(LEDGER);
    for (let at = 0; at < whole.length; at++) {
      for (const how of ['flip', 'cut'] as const) {
        const disk = left.copy();
        const ledger = disk.read(LEDGER);
        if (how === 'flip') ledger[at] = (ledger[at] ?? 0) ^ (1 << (at & 7));
        disk.put(LEDGER, how === 'flip' ? ledger : ledger.subarray(0, at));
        const { places, damages, first } = await next(disk);
        expect(open.filter((place) => place <= 12 && !places.includes(place))).toEqual([]);
        expect(lostMessages(damages)).toBe(0);
        expect(first).toBeGreaterThan(11);
      }
    }
  });

  test('older than the segments: more is read, nothing is lost', async () => {
    const disk = new MemoryDisk();
    const { store, clock } = await live(disk, SMALL);
    put(store, 1, 5);
    await clock.advance(1_000);
    const old = disk.read(LEDGER);
    put(store, 6, 20);
    for (let place = 1; place <= 18; place++) store.release(place);
    await clock.advance(1_000);
    await close(store);
    disk.put(LEDGER, old);
    const { places, damages, first } = await next(disk);
    expect(places).toContain(19);
    expect(places).toContain(20);
    expect(damages.filter(({ messages }) => messages !== null && messages > 0 && messages > 5)).toEqual([]);
    expect(first).toBe(21);
  });

  test('newer than the segments: what they lack is told, and no number is given twice', async () => {
    const disk = await closed();
    const bytes = disk.read(segmentPath(2));
    disk.put(segmentPath(2), bytes.subarray(0, HEADER_BYTES));
    const { places, damages, first } = await next(disk);
    expect(lostMessages(damages)).toBe(open.length - places.length);
    expect(first).toBe(41);
  });

  test.each([
    ['empty', Buffer.alloc(0)],
    ['something else', Buffer.from('hello\n{"is":"store"}\n\n00000000 {}\n')],
  ])('%s: all is read', async (_, bytes) => {
    const disk = await closed();
    disk.put(LEDGER, bytes);
    const { places, first } = await next(disk);
    expect(open.filter((place) => !places.includes(place))).toEqual([]);
    expect(first).toBe(41);
  });

  test('that of another outbox: it is told and not believed', async () => {
    const disk = await closed();
    disk.put(LEDGER, (await closed(12)).read(LEDGER));
    const { places, damages } = await next(disk);
    expect(open.filter((place) => !places.includes(place))).toEqual([]);
    expect(damages[0]).toMatchObject({ segment: 'ledger', messages: 0 });
  });
});

test('records are not larger than what is reserved for them', () => {
  for (let n = 1; n < 50; n++)
    expect(roomFor(message(n))).toBeGreaterThan(message(n).value.length + RECORD_HEAD);
});
