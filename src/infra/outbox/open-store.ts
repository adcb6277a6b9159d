import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Cancel, Clock } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import { type FolderLock, LOCK } from './disk.ts';
import { recover } from './recovery.ts';
import { Room, type RoomParts } from './room.ts';
import type { Figures, Page, Place, Recovered, Store, Stored, StoreState } from './store.ts';

/** A folder that cannot be had is tried again so often. */
const RETRY_MS = 2_000;
/** A backlog whose ledger is gone is read whole, which takes seconds; what takes longer is the disk. */
const SLOW_OPEN_MS = 30_000;
const READ_DEADLINE_MS = 30_000;

const NOTHING: Figures = {
  state: 'opening',
  reason: '',
  messages: 0,
  bytes: 0,
  oldestAt: null,
  diskLeft: null,
  appended: 0,
  bytesWritten: 0,
  released: 0,
  notKept: 0,
  lost: 0,
  longestWriteMs: 0,
};

/**
 * Opens the outbox of a folder. It is there at once and takes nothing until the folder is ours and read: another process may
 * have it, the disk may refuse; both are waited for.
 */
export function openStore(parts: RoomParts): Store {
  return new OpeningStore(parts);
}

class OpeningStore implements Store {
  readonly #parts: RoomParts;
  #room: Room | null = null;
  #lock: FolderLock | null = null;
  #recovered: Recovered | null = null;
  #state: StoreState = 'opening';
  #reason = '';
  #notKept = 0;
  #closed = false;
  #cancelRetry: Cancel = () => {};
  #opening: Promise<void>;
  /** Of the latest reading: the next one waits for it. */
  #reads: Promise<unknown> = Promise.resolve();

  constructor(parts: RoomParts) {
    this.#parts = parts;
    this.#opening = this.#open();
  }

  append(message: Stored): Place | null {
    if (this.#room !== null && !this.#closed) return this.#room.append(message);
    this.#notKept++;
    return null;
  }

  commit(): void {
    this.#room?.commit();
  }

  release(place: Place): void {
    this.#room?.release(place);
  }

  read(from: Place, mostBytes: number): Promise<Page> {
    const page = this.#reads.then(() => {
      if (this.#room === null) throw new Error(this.#reason || 'the outbox is not open yet');
      return within(this.#parts.clock, READ_DEADLINE_MS, this.#room.read(from, mostBytes));
    });
    this.#reads = page.catch(() => {});
    return page;
  }

  get written(): Place {
    return this.#room?.written ?? 0;
  }

  get recovered(): Recovered | null {
    return this.#recovered;
  }

  acknowledged(topic: string, partition: number, offset: number): void {
    this.#room?.acknowledged(topic, partition, offset);
  }

  get figures(): Figures {
    const figures = this.#room?.figures ?? NOTHING;
    const notKept = figures.notKept + this.#notKept;
    if (this.#room !== null && !this.#closed) return { ...figures, notKept };
    return { ...figures, notKept, state: this.#state, reason: this.#reason };
  }

  async close(deadlineMs: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelRetry();
    this.#state = 'closed';
    this.#reason = '';
    try {
      await within(this.#parts.clock, deadlineMs, this.#end());
    } catch (error) {
      this.#reason = messageOf(error);
    }
    this.#lock?.release();
    this.#lock = null;
  }

  async #end(): Promise<void> {
    await this.#opening;
    await this.#room?.close();
  }

  async #open(): Promise<void> {
    const cancel = this.#parts.clock.after(SLOW_OPEN_MS, () => {
      this.#change('slow', `the folder has not been read within ${SLOW_OPEN_MS} ms`);
    });
    try {
      if (await this.#take()) return;
      this.#change('locked', 'another process uses the folder');
    } catch (error) {
      this.#change('broken', messageOf(error));
    } finally {
      cancel();
    }
    this.#lock?.release();
    this.#lock = null;
    if (this.#closed) return;
    this.#cancelRetry = this.#parts.clock.after(RETRY_MS, () => {
      this.#opening = this.#open();
    });
  }

  /** @returns false where another process has the folder */
  async #take(): Promise<boolean> {
    const { disk, folder, collector, clock, events } = this.#parts;
    await disk.makeFolder(folder);
    const words = JSON.stringify({ collector, host: hostname(), pid: process.pid, since: clock.micros() });
    this.#lock = disk.lock(join(folder, LOCK), words);
    if (this.#lock === null) return false;
    const found = await recover(disk, folder);
    const room = new Room(this.#parts, found);
    const { messages, oldestAt } = room.figures;
    const bytes = found.segments.reduce((sum, segment) => sum + segment.bytes, 0);
    await room.start(found.leftovers);
    this.#recovered = { messages, bytes, oldestAt, last: found.last, acknowledged: found.offsets };
    this.#room = room;
    if (room.figures.state === 'ok') this.#change('ok', '');
    events.opened(this.#recovered);
    for (const damage of found.damages) room.damaged(damage);
    return true;
  }

  #change(state: StoreState, reason: string): void {
    if (this.#closed || (state === this.#state && reason === this.#reason)) return;
    this.#state = state;
    this.#reason = reason;
    this.#parts.events.changed(state, reason);
  }
}

/** @throws {Error} where the promise is not settled in time */
async function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(ms, () => late.reject(new Error(`the disk did not answer within ${ms} ms`)));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    cancel();
  }
}
