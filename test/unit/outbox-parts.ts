import type { Header } from '../../src/infra/kafka/produce/outgoing.ts';
import { openStore } from '../../src/infra/outbox/open-store.ts';
import type {
  Damage,
  Kept,
  Recovered,
  Store,
  Stored,
  StoreEvents,
  StoreState,
} from '../../src/infra/outbox/store.ts';
import type { MemoryDisk } from './outbox-disk.ts';
import { QuickClock, settled } from './quick-clock.ts';

/** What a store told, in order. */
export interface Told extends StoreEvents {
  readonly damages: Damage[];
  readonly states: { state: StoreState; reason: string }[];
  readonly lost: { first: number; last: number }[];
  /** Writes that held the event loop, ms. */
  readonly held: number[];
  readonly whenOpen: Promise<Recovered>;
}

export function eventsOf(): Told {
  const open = Promise.withResolvers<Recovered>();
  const told: Told = {
    damages: [],
    states: [],
    lost: [],
    held: [],
    whenOpen: open.promise,
    opened: open.resolve,
    notKept: (first, last) => told.lost.push({ first, last }),
    damaged: (damage) => told.damages.push(damage),
    stood: (ms) => told.held.push(ms),
    changed: (state, reason) => told.states.push({ state, reason }),
  };
  return told;
}

const HEADERS: readonly Header[] = [{ 'content-type': 'avro/binary' }, { fence: '3' }];

/** A message that its number tells apart; every third is about the data, every fifth has no key. */
export function message(n: number, size = 20 + ((n * 37) % 400)): Stored {
  const value = Buffer.alloc(size, n & 0xff);
  value.writeUInt32LE(n);
  return {
    topic: n % 3 === 0 ? 'ws.event' : 'trade-data.korea',
    key: n % 5 === 0 ? null : `upbit|KRW-BTC-${n}`,
    headers: HEADERS,
    value,
    ticketId: n % 3 === 0 ? '' : `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
    fence: n % 2 === 0 ? null : 3,
    rows: n % 3 === 0 ? 0 : 1 + (n % 4),
    at: 1_790_000_000_000_000 + n * 1000,
  };
}

export const FOLDER = '/outbox';

/** A store on a disk in memory, as one process has it. */
export interface Life {
  readonly store: Store;
  readonly told: Told;
  readonly clock: QuickClock;
}

/** Opens the outbox of a disk; whatever is on it, a store is there. */
export async function live(disk: MemoryDisk, maxBytes = 2 ** 30): Promise<Life> {
  const told = eventsOf();
  const clock = new QuickClock();
  const store = openStore({
    folder: FOLDER,
    maxBytes,
    fsyncMs: 1_000,
    collector: 'a',
    schemas: { 'trade-data': 7 },
    clock,
    disk: disk.forProcess(),
    events: told,
  });
  await settled();
  return { store, told, clock };
}

/** Appends messages with these numbers and commits them. @returns their places */
export function put(store: Store, from: number, to: number): (number | null)[] {
  const places = [];
  for (let n = from; n <= to; n++) places.push(store.append(message(n)));
  store.commit();
  return places;
}

export async function readAll(store: Store, mostBytes = 5_000): Promise<Kept[]> {
  const found: Kept[] = [];
  for (let next: number | null = 0; next !== null; ) {
    const page = await store.read(next, mostBytes);
    found.push(...page.records);
    next = page.next;
  }
  return found;
}

export async function close(store: Store): Promise<void> {
  const closing = store.close(1_000);
  await settled();
  await closing;
}

/** `0000000003.segment` in the folder. */
export function segmentPath(id: number): string {
  return `${FOLDER}/${String(id).padStart(10, '0')}.segment`;
}
