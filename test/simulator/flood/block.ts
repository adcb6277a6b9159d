import type { DataType, Tick } from '../protocol.ts';
import type { SimExchange } from '../sim-exchange.ts';
import { type SimSocket, splitKey } from '../sim-socket.ts';
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
  /** Offset and length of a trade's id; null in a ticker. */
  readonly id: { readonly at: number; readonly length: number; readonly timed: boolean } | null;
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
  readonly #rounds: number;
  /** Milliseconds of the last life, and the next free id within them. */
  #ms = 0;
  #counter = 0;

  constructor(exchange: SimExchange, socket: SimSocket, lastIds: ReadonlyMap<string, string>) {
    const one = round(exchange, socket, new Map(lastIds), 1);
    const size = one.reduce((sum, { payload }) => sum + payload.length, 0);
    this.#rounds = Math.max(2, Math.ceil(BLOCK_BYTES / Math.max(1, size)));
    const frames = round(exchange, socket, new Map(lastIds), this.#rounds);
    const total = frames.reduce((sum, { payload }) => sum + headerLength(payload.length) + payload.length, 0);
    this.bytes = Buffer.alloc(total);
    const rows = new Map<DataType, { frames: number; bytes: number }>();
    let at = 0;
    for (const { payload, opcode, type, symbol, times, id } of frames) {
      const start = writeHeader(this.bytes, at, opcode, payload.length);
      this.bytes.set(payload, start);
      at = start + payload.length;
      for (const time of times) this.#times.push(start + time);
      if (id?.timed) this.#timedIds.push({ at: start + id.at, length: id.length });
      else if (id) this.#countedIds.push({ at: start + id.at, length: id.length, symbol });
      const sums = rows.get(type) ?? { frames: 0, bytes: 0 };
      rows.set(type, { frames: sums.frames + 1, bytes: sums.bytes + payload.length });
    }
    this.rows = rows;
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
): Frame[] {
  const frames: Frame[] = [];
  const nowMs = Date.now();
  for (let i = 0; i < rounds; i++) {
    for (const key of socket.subscriptions) {
      const [type, symbol] = splitKey(key);
      const walk = exchange.walk(symbol);
      const moved = walk.trade(nowMs);
      const id = exchange.protocol.nextId(lastIds.get(symbol) ?? moved.id, nowMs);
      if (type === 'trade') lastIds.set(symbol, id);
      const tick: Tick = {
        ...walk.tick(nowMs, false),
        timeMs: nowMs,
        trades: [{ ...moved, id, timeMs: nowMs }],
      };
      for (const text of socket.conversation.data(type, tick)) {
        frames.push(marked(exchange.protocol.encode(text), type, symbol, nowMs, id));
      }
    }
  }
  return frames;
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
