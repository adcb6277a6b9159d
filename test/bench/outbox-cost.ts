import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/common/clock.ts';
import { systemDisk } from '../../src/infra/outbox/disk.ts';
import { openStore } from '../../src/infra/outbox/open-store.ts';
import type { Store, Stored } from '../../src/infra/outbox/store.ts';

/** What a message costs that is appended, written, released and told acknowledged. */
export interface OutboxCost {
  readonly load: string;
  /** Messages a loop turn, and rows and bytes of a message. */
  readonly messagesATurn: number;
  readonly rowsAMessage: number;
  readonly valueBytes: number;
  /** CPU of all threads, µs. */
  readonly usAMessage: number;
  readonly usARow: number;
  readonly bytesAMessage: number;
  readonly bytesARow: number;
  /** Of one append, without the write. */
  readonly appendUs: number;
  readonly longestWriteMs: number;
}

const LOADS = [
  { load: 'steady', messagesATurn: 8, rowsAMessage: 3.3, valueBytes: 400 },
  { load: 'steady, one a turn', messagesATurn: 1, rowsAMessage: 3.3, valueBytes: 400 },
  { load: 'burst', messagesATurn: 100, rowsAMessage: 3.3, valueBytes: 400 },
  { load: 'saturation', messagesATurn: 8, rowsAMessage: 500, valueBytes: 40_000 },
] as const;
const BYTES = 64_000_000;
/** Above it the disk is waited for. */
const MOST_BYTES = 48_000_000;
/** Messages under way before their acknowledgement. */
const UNDER_WAY = 500;
const ROUNDS = 3;
const READ_BACK = 100_000;

/** The best of a few rounds of each load, on a folder of the machine's temporary disk. */
export async function outboxCost(): Promise<OutboxCost[]> {
  const costs: OutboxCost[] = [];
  for (const load of LOADS) {
    let best: OutboxCost | null = null;
    for (let round = 0; round < ROUNDS; round++) {
      const one = await costOf(load);
      if (best === null || one.usAMessage < best.usAMessage) best = one;
    }
    if (best) costs.push(best);
  }
  return costs;
}

async function costOf(load: (typeof LOADS)[number]): Promise<OutboxCost> {
  const { store, folder } = await openEmpty();
  const message = messageOf(load.rowsAMessage, load.valueBytes);
  const turns = Math.ceil(BYTES / (load.valueBytes + 250) / load.messagesATurn);
  const cpu = process.cpuUsage();
  let appending = 0;
  let place = 0;
  for (let turn = 0; turn < turns; turn++) {
    const began = performance.now();
    for (let i = 0; i < load.messagesATurn; i++) place = store.append(message) ?? fail();
    appending += performance.now() - began;
    store.commit();
    for (let i = place - load.messagesATurn - UNDER_WAY; i < place - UNDER_WAY; i++) {
      store.release(i + 1);
      store.acknowledged(message.topic, i & 3, i);
    }
    // Rounds run between turns, and the disk has to follow.
    if (turn % 64 === 0) await Bun.sleep(store.figures.bytes > MOST_BYTES ? 200 : 0);
  }
  const { user, system } = process.cpuUsage(cpu);
  const messages = turns * load.messagesATurn;
  const { bytesWritten, longestWriteMs } = store.figures;
  await store.close(10_000);
  rmSync(folder, { recursive: true, force: true });
  const usAMessage = (user + system) / messages;
  const bytesAMessage = bytesWritten / messages;
  return {
    ...load,
    usAMessage,
    usARow: usAMessage / load.rowsAMessage,
    bytesAMessage,
    bytesARow: bytesAMessage / load.rowsAMessage,
    appendUs: (appending * 1000) / messages,
    longestWriteMs,
  };
}

async function openEmpty(): Promise<{ store: Store; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-cost-'));
  const open = Promise.withResolvers<unknown>();
  const store = openStore({
    folder,
    maxBytes: 4 * 1024 ** 3,
    fsyncMs: 1_000,
    collector: 'bench',
    schemas: {},
    clock: systemClock,
    disk: systemDisk,
    events: { opened: open.resolve, notKept: fail, damaged: fail, stood() {}, changed() {} },
  });
  await open.promise;
  return { store, folder };
}

function messageOf(rows: number, bytes: number): Stored {
  return {
    topic: 'trade-data.korea',
    key: 'upbit|KRW-BTC',
    headers: [
      { 'content-type': 'avro/binary' },
      { 'schema-version': '7' },
      { 'correlation-id': '2f6c4b1a-9b0e-4c0e-8f4e-0d9a7b1c2d3e' },
      { fence: '12' },
    ],
    value: Buffer.alloc(bytes, 'value '),
    ticketId: '6fa1c1de-5cf5-4b0c-9d0a-2f1f2e3d4c5b',
    fence: 12,
    rows: Math.round(rows),
    at: systemClock.micros(),
  };
}

function fail(): never {
  throw new Error('the outbox took something not, or lost it');
}

/** Messages a second that are read back, of the steady load; of one core. */
export async function readBackRate(): Promise<number> {
  const { store, folder } = await openEmpty();
  const message = messageOf(3.3, 400);
  for (let n = 0; n < READ_BACK; n++) {
    store.append(message);
    if (n % 100 === 99) store.commit();
    if (n % 6_400 === 0) await Bun.sleep(0);
  }
  const cpu = process.cpuUsage();
  let read = 0;
  for (let next: number | null = 0; next !== null; ) {
    const page = await store.read(next, 1_048_576);
    for (const { place } of page.records) store.release(place);
    read += page.records.length;
    next = page.next;
  }
  const { user, system } = process.cpuUsage(cpu);
  await store.close(10_000);
  rmSync(folder, { recursive: true, force: true });
  if (read !== READ_BACK) fail();
  return Math.round((read / (user + system)) * 1e6);
}

if (import.meta.main) {
  console.table(await outboxCost());
  console.log(`read back: ${await readBackRate()} messages a second of CPU`);
}
