import type { BookState } from './books/exchange-books.ts';
import type { BookFault } from './books/faults.ts';
import type { DataType, Tick, Trade } from './protocol.ts';
import type { PastTrade } from './rest/service.ts';
import type { Between, Tapes } from './rest/tape.ts';

/** A row that went out, or a trade that happened and went to nobody. Times are epoch milliseconds. */
export interface Row {
  readonly exchange: string;
  readonly type: DataType;
  readonly symbol: string;
  /** When it was sent, or happened. */
  readonly at: number;
  /** The socket it went to; null where no open, subscribed, unmuted socket was there. */
  readonly socket: number | null;
  /** Trades only. */
  readonly id: string | null;
  /** A trade's price, a ticker's close. */
  readonly price: number;
  /** A trade's size, a ticker's 24 h volume. */
  readonly size: number;
  readonly side: 'BUY' | 'SELL' | null;
  /** The exchange's time in the frame. */
  readonly timeMs: number;
  readonly snapshot: boolean;
  /** Where a misbehaviour was asked for. */
  readonly fault: 'duplicate' | 'reorder' | null;
}

export type Happening =
  | { readonly what: 'open'; readonly address: string; readonly path: string }
  | { readonly what: 'open-refused'; readonly address: string; readonly status: number }
  | {
      readonly what: 'close';
      readonly by: 'client' | 'server';
      readonly code: number;
      readonly abrupt: boolean;
    }
  | { readonly what: 'received'; readonly text: string }
  | { readonly what: 'subscribe' | 'unsubscribe'; readonly type: DataType; readonly symbol: string }
  | { readonly what: 'refused'; readonly detail: string }
  | { readonly what: 'violation'; readonly limit: string; readonly detail: string }
  | { readonly what: 'fault'; readonly detail: string; readonly bytes: number }
  | { readonly what: 'hole'; readonly symbol: string; readonly first: string; readonly last: string }
  | { readonly what: 'rest'; readonly path: string; readonly status: number }
  /** A book that somebody asked for, as its subscribers had it then. */
  | { readonly what: 'book'; readonly state: BookState }
  /** A fault of a book, when it happened; `timeMs` is the exchange's time of the frame. */
  | {
      readonly what: 'book-fault';
      readonly symbol: string;
      readonly fault: BookFault;
      readonly sequence: number | null;
      readonly timeMs: number;
    };

/** Everything beside rows, in the order it happened. */
export type Entry = Happening & {
  readonly exchange: string;
  readonly at: number;
  readonly socket: number | null;
};

type Of<W extends Happening['what']> = Entry & Extract<Happening, { what: W }>;

/** Data frames of one stream in one minute (epoch minutes). Acks, heartbeats and faulty frames are not in it. */
export interface Minute {
  readonly exchange: string;
  readonly type: DataType;
  readonly minute: number;
  frames: number;
  bytes: number;
  rows: number;
}

/** Every frame that went out on one socket in one minute: data, acks, heartbeats and faulty ones. */
export interface SocketMinute {
  readonly exchange: string;
  readonly socket: number;
  readonly minute: number;
  frames: number;
  bytes: number;
}

export class Ledger {
  readonly rows: Row[] = [];
  readonly entries: Entry[] = [];
  /** Trades of the past by exchange. They are bounded, and `clear` leaves them: the market does not forget. */
  readonly tapes = new Map<string, Tapes>();
  readonly #minutes = new Map<string, Minute>();
  readonly #socketMinutes = new Map<string, SocketMinute>();

  /** @param keepRows false for long runs: rows are counted and not kept */
  constructor(readonly keepRows = true) {}

  note(exchange: string, socket: number | null, happening: Happening): void {
    this.entries.push({ exchange, at: Date.now(), socket, ...happening });
  }

  trade(exchange: string, socket: number | null, tick: Tick, trade: Trade, fault: Row['fault'] = null): void {
    if (!this.keepRows) return;
    const { id, price, size, takerBuys, timeMs } = trade;
    const side = takerBuys ? 'BUY' : 'SELL';
    const { symbol } = tick.listing;
    const { snapshot } = tick;
    const at = Date.now();
    this.rows.push({
      exchange,
      type: 'trade',
      symbol,
      at,
      socket,
      id,
      price,
      size,
      side,
      timeMs,
      snapshot,
      fault,
    });
  }

  /** A ticker or an order book. */
  state(exchange: string, socket: number, type: DataType, tick: Tick): void {
    if (!this.keepRows) return;
    const { timeMs, snapshot, close: price, volume: size } = tick;
    const { symbol } = tick.listing;
    const at = Date.now();
    const trade = { id: null, side: null, fault: null };
    this.rows.push({ exchange, type, symbol, at, socket, price, size, timeMs, snapshot, ...trade });
  }

  /** Counts frames of one event that went out. */
  count(exchange: string, type: DataType, frames: number, bytes: number, rows: number): void {
    const minute = Math.floor(Date.now() / 60_000);
    const key = `${exchange} ${type} ${minute}`;
    let entry = this.#minutes.get(key);
    if (!entry) {
      entry = { exchange, type, minute, frames: 0, bytes: 0, rows: 0 };
      this.#minutes.set(key, entry);
    }
    entry.frames += frames;
    entry.bytes += bytes;
    entry.rows += rows;
  }

  /** Counts a frame that a socket took. */
  frame(exchange: string, socket: number, bytes: number): void {
    const minute = Math.floor(Date.now() / 60_000);
    const key = `${socket} ${minute}`;
    let entry = this.#socketMinutes.get(key);
    if (!entry) {
      entry = { exchange, socket, minute, frames: 0, bytes: 0 };
      this.#socketMinutes.set(key, entry);
    }
    entry.frames++;
    entry.bytes += bytes;
  }

  /** Rows that went to an open, subscribed socket, in the order of sending: repeats and snapshots included. */
  sent(exchange: string, type: DataType, symbol?: string): Row[] {
    return this.#rows(exchange, type, symbol).filter(({ socket }) => socket !== null);
  }

  /** Each trade that went to at least one open subscription, once, in the market's order. */
  trades(exchange: string, symbol?: string): Row[] {
    const seen = new Map<string, Row>();
    for (const row of this.sent(exchange, 'trade', symbol)) {
      const key = `${row.symbol} ${row.id}`;
      if (!seen.has(key)) seen.set(key, row);
    }
    return [...seen.values()].sort(byId);
  }

  /** Trades that happened and went to nobody: what cuts, stalls and mutes swallowed, once, in the market's order. */
  unsent(exchange: string, symbol?: string): Row[] {
    const sent = new Set(this.trades(exchange, symbol).map((row) => `${row.symbol} ${row.id}`));
    return this.#rows(exchange, 'trade', symbol)
      .filter((row) => row.socket === null && !sent.has(`${row.symbol} ${row.id}`))
      .sort(byId);
  }

  /**
   * Every trade that happened on a code, as REST has it or would have it, in the market's order, whoever heard of it.
   * @param between part of its past; without any, all that is kept
   */
  past(exchange: string, symbol: string, between: Between = {}): PastTrade[] {
    return this.tapes.get(exchange)?.find(symbol)?.between(between) ?? [];
  }

  #rows(exchange: string, type: DataType, symbol: string | undefined): Row[] {
    return this.rows.filter(
      (row) =>
        row.exchange === exchange && row.type === type && (symbol === undefined || row.symbol === symbol),
    );
  }

  /** Entries of one kind. */
  of<W extends Happening['what']>(what: W, exchange?: string): Of<W>[] {
    const is = (entry: Entry): entry is Of<W> =>
      entry.what === what && (exchange === undefined || entry.exchange === exchange);
    return this.entries.filter(is);
  }

  minutes(): Minute[] {
    return [...this.#minutes.values()];
  }

  socketMinutes(): SocketMinute[] {
    return [...this.#socketMinutes.values()];
  }

  violations(): Of<'violation'>[] {
    return this.of('violation');
  }

  /** Throws an Error naming every breach of a published limit. */
  assertNoViolations(): void {
    const found = this.violations();
    if (found.length === 0) return;
    const lines = found.map(
      ({ exchange, socket, limit, detail }) => `${exchange} socket ${socket}: ${limit}: ${detail}`,
    );
    throw new Error(`${found.length} limits broken:\n${lines.join('\n')}`);
  }

  /** Forgets all, for the next part of a run; open sockets stay. */
  clear(): void {
    this.rows.length = 0;
    this.entries.length = 0;
    this.#minutes.clear();
    this.#socketMinutes.clear();
  }

  /** Figures of a run. */
  summary(): Record<string, unknown> {
    const counts: Record<string, number> = {};
    for (const { exchange, what } of this.entries) {
      const key = `${exchange} ${what}`;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    const total = { frames: 0, bytes: 0, rows: 0 };
    for (const { frames, bytes, rows } of this.#minutes.values()) {
      total.frames += frames;
      total.bytes += bytes;
      total.rows += rows;
    }
    return { ...total, counts, violations: this.violations().length };
  }

  /** One JSON object a line: rows (with `"kind":"row"`), entries, minutes. */
  *ndjson(rows = true): Generator<string> {
    if (rows) for (const row of this.rows) yield `${JSON.stringify({ kind: 'row', ...row })}\n`;
    for (const entry of this.entries) yield `${JSON.stringify({ kind: 'entry', ...entry })}\n`;
    for (const minute of this.#minutes.values()) yield `${JSON.stringify({ kind: 'minute', ...minute })}\n`;
  }
}

/** Order of the market within a code; codes keep their order of first appearance only where sort is stable. */
function byId(a: Row, b: Row): number {
  if (a.symbol !== b.symbol) return a.symbol < b.symbol ? -1 : 1;
  const [x, y] = [a.id ?? '', b.id ?? ''];
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}
