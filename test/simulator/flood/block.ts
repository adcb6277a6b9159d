import type { DataType, Tick } from '../protocol.ts';
import type { SimExchange } from '../sim-exchange.ts';
import { type SimSocket, splitKey } from '../sim-socket.ts';
import { advance, answerAhead, bookFrames, numbersIn } from './book-frames.ts';
import { BINARY, headerLength, TEXT, writeHeader } from './frames.ts';

/** Bytes of a block, about; more where every code's frame takes more. */
const BLOCK_BYTES = 512 * 1024;
const TIME_DIGITS = 13;
const ZERO = 48;

interface Frame {
  readonly payload: Buffer;
  readonly opcode: number;
  readonly type: DataType;
  readonly symbol: string;
  /** Offsets in the payload of epoch milliseconds. */
  readonly times: readonly number[];
  /** Numbers of an order book. */
  readonly numbers: readonly { readonly at: number; readonly length: number }[];
  /** Offset and length of a trade's id; null in what is none. */
  readonly id: { readonly at: number; readonly length: number; readonly timed: boolean } | null;
}

/** How far the numbers of a book go in one life of a block. */
interface Shift {
  readonly symbol: string;
  readonly channel: string;
  readonly by: number;
}

/**
 * Ready WebSocket frames of a socket's subscriptions, one after the other, as they go to the connection. `renew` makes
 * them new ones in place: present times, ids that go on where they were. So sending costs a fraction of reading.
 * Only for exchanges that write times as epoch milliseconds, and one socket per code: ids are the socket's own.
 */
export class Block {
  readonly bytes: Buffer;
  readonly rows: ReadonlyMap<DataType, { readonly frames: number; readonly bytes: number }>;
  readonly #times: number[] = [];
  readonly #countedIds: { readonly at: number; readonly length: number; readonly symbol: string }[] = [];
  readonly #timedIds: { readonly at: number; readonly length: number }[] = [];
  readonly #bookNumbers: { readonly at: number; readonly length: number; readonly by: number }[] = [];
  readonly #shifts: readonly Shift[];
  readonly #exchange: SimExchange;
  readonly #rounds: number;
  #lives = 0;
  /** Milliseconds of the last life, and the next free id within them. */
  #ms = 0;
  #counter = 0;

  constructor(exchange: SimExchange, socket: SimSocket, lastIds: ReadonlyMap<string, string>) {
    this.#exchange = exchange;
    const { frames: one } = round(exchange, socket, new Map(lastIds), 1);
    const size = one.reduce((sum, { payload }) => sum + payload.length, 0);
    this.#rounds = Math.max(2, Math.ceil(BLOCK_BYTES / Math.max(1, size)));
    const { frames, shifts } = round(exchange, socket, new Map(lastIds), this.#rounds);
    this.#shifts = shifts;
    const shiftOf = new Map(shifts.map(({ symbol, by }) => [symbol, by]));
    const total = frames.reduce((sum, { payload }) => sum + headerLength(payload.length) + payload.length, 0);
    this.bytes = Buffer.alloc(total);
    const rows = new Map<DataType, { frames: number; bytes: number }>();
    let at = 0;
    for (const { payload, opcode, type, symbol, times, numbers, id } of frames) {
      const start = writeHeader(this.bytes, at, opcode, payload.length);
      this.bytes.set(payload, start);
      at = start + payload.length;
      for (const time of times) this.#times.push(start + time);
      for (const { at: from, length } of numbers)
        this.#bookNumbers.push({ at: start + from, length, by: shiftOf.get(symbol) ?? 0 });
      if (id?.timed) this.#timedIds.push({ at: start + id.at, length: id.length });
      else if (id) this.#countedIds.push({ at: start + id.at, length: id.length, symbol });
      const sums = rows.get(type) ?? { frames: 0, bytes: 0 };
      rows.set(type, { frames: sums.frames + 1, bytes: sums.bytes + payload.length });
    }
    this.rows = rows;
    for (const { symbol, channel, by } of shifts)
      answerAhead(exchange, symbol, channel, by, () => this.#lives);
  }

  /** The frames' next life. Only when the whole block was handed over, and never for an earlier time. */
  renew(nowMs: number): void {
    const { bytes } = this;
    const now = Buffer.from(String(nowMs));
    if (nowMs > this.#ms) this.#counter = 0;
    this.#ms = nowMs;
    for (const at of this.#times) bytes.set(now, at);
    for (const { at, length } of this.#countedIds) addDecimal(bytes, at + length - 1, this.#rounds);
    for (const { at, length } of this.#timedIds) {
      bytes.set(now, at);
      writeDecimal(bytes, at + TIME_DIGITS, at + length, this.#counter++);
    }
    // The first life follows the book that its subscription was answered with.
    if (this.#lives++ === 0) return;
    for (const { at, length, by } of this.#bookNumbers) addDecimal(bytes, at + length - 1, by);
  }

  /** It will not be sent again: its books stand behind its last life. */
  end(): void {
    for (const { symbol, channel, by } of this.#shifts)
      advance(this.#exchange, symbol, channel, by, this.#lives);
  }

  /** The last id of each code whose ids count up. */
  lastIds(): Map<string, string> {
    return new Map(
      this.#countedIds.map(({ at, length, symbol }) => [
        symbol,
        this.bytes.toString('latin1', at, at + length),
      ]),
    );
  }
}

/** `rounds` events of every subscription of a socket, turn by turn. */
function round(
  exchange: SimExchange,
  socket: SimSocket,
  lastIds: Map<string, string>,
  rounds: number,
): { frames: Frame[]; shifts: Shift[] } {
  const frames: Frame[] = [];
  const shifts: Shift[] = [];
  const nowMs = Date.now();
  const add = (texts: readonly string[], type: DataType, symbol: string, id: string) => {
    for (const text of texts) frames.push(marked(exchange.protocol.encode(text), type, symbol, nowMs, id));
  };
  const keys = [...socket.subscriptions].map(splitKey);
  const books = keys.map(([, symbol, channel]) =>
    channel === undefined ? null : bookFrames(exchange, socket, symbol, channel, rounds, nowMs),
  );
  // A book's last frame leads back to its beginning.
  for (let i = 0; i <= rounds; i++) {
    for (const [nth, [type, symbol]] of keys.entries()) {
      const book = books[nth];
      if (book) add(book.rounds[i] ?? [], type, symbol, '');
      else if (i < rounds) {
        const { tick, id } = next(exchange, symbol, lastIds.get(symbol), nowMs);
        if (type === 'trade') lastIds.set(symbol, id);
        add(socket.conversation.data(type, tick), type, symbol, id);
      }
    }
  }
  for (const [nth, [, symbol, channel = '']] of keys.entries()) {
    const book = books[nth];
    if (book) shifts.push({ symbol, channel, by: book.shift });
  }
  return { frames, shifts };
}

/** The next event of a code, with an id that follows the last one of this socket. */
function next(
  exchange: SimExchange,
  symbol: string,
  lastId: string | undefined,
  nowMs: number,
): { tick: Tick; id: string } {
  const walk = exchange.walk(symbol);
  const moved = walk.trade(nowMs);
  const id = exchange.protocol.nextId(lastId ?? moved.id, nowMs);
  const tick = { ...walk.tick(nowMs, false), timeMs: nowMs };
  return { tick: { ...tick, trades: [{ ...moved, id, timeMs: nowMs }] }, id };
}

function marked(wire: string | Uint8Array, type: DataType, symbol: string, nowMs: number, id: string): Frame {
  const payload = Buffer.from(wire);
  const text = payload.toString('latin1');
  const time = String(nowMs);
  const idAt = type === 'trade' ? text.indexOf(id) : -1;
  const times: number[] = [];
  for (let at = text.indexOf(time); at >= 0; at = text.indexOf(time, at + 1)) if (at !== idAt) times.push(at);
  return {
    payload,
    opcode: typeof wire === 'string' ? TEXT : BINARY,
    type,
    symbol,
    times,
    numbers: type === 'orderbook' ? numbersIn(text) : [],
    id: idAt < 0 ? null : { at: idAt, length: id.length, timed: id.startsWith(time) },
  };
}

/** Adds `n` to the decimal digits that end at `last`. */
function addDecimal(bytes: Buffer, last: number, n: number): void {
  let carry = n;
  for (let at = last; carry > 0; at--) {
    const sum = (bytes[at] ?? ZERO) - ZERO + carry;
    bytes[at] = ZERO + (sum % 10);
    carry = Math.floor(sum / 10);
  }
}

/** Writes the last digits of `n` into [from, to). */
function writeDecimal(bytes: Buffer, from: number, to: number, n: number): void {
  let rest = n;
  for (let at = to - 1; at >= from; at--) {
    bytes[at] = ZERO + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}
