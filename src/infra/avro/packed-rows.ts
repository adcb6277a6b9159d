import type { Type } from 'avsc';
import type { Market, RequestType } from '../../core/market/market.ts';
import type { Row } from '../../core/market/rows.ts';
import type { PackedRows } from '../../core/ports.ts';
import { withFlatLevels } from './flat-levels.ts';

/** Memory for rows that wait, bytes; it grows with them. */
const FIRST_BYTES = 512;
/** Memory that is kept for rows to come, bytes. */
const MOST_SPARE_BYTES = 4 * 1024 * 1024;

/** Memory of rows whose message was made, for rows to come. */
export class SpareMemory {
  readonly #buffers: Buffer[] = [];
  #bytes = 0;

  take(): Buffer {
    const buffer = this.#buffers.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.#bytes -= buffer.length;
    return buffer;
  }

  give(buffer: Buffer): void {
    if (this.#bytes + buffer.length > MOST_SPARE_BYTES) return;
    this.#bytes += buffer.length;
    this.#buffers.push(buffer);
  }
}

/** Rows as the items of their message's array, one behind the other, as avsc writes them. */
export class AvroRows implements PackedRows {
  readonly #item: Type;
  readonly #spare: SpareMemory;
  readonly #kind: RequestType;
  readonly #market: Market;
  #bytes: Buffer;
  /** The bytes are those of a message, which is never written again. */
  #sent = false;
  /** Where they stand in the bytes. */
  #start = 0;
  #end = 0;
  length = 0;

  constructor(item: Type, spare: SpareMemory, kind: RequestType, market: Market) {
    this.#item = item;
    this.#spare = spare;
    this.#kind = kind;
    this.#market = market;
    this.#bytes = spare.take();
  }

  get byteLength(): number {
    return this.#end - this.#start;
  }

  add(row: Row): boolean {
    if (this.#sent) return false;
    try {
      let end = this.#item.encode(row, this.#bytes, this.#end);
      if (end < 0) {
        this.#grow(this.#bytes.length - end);
        end = this.#item.encode(row, this.#bytes, this.#end);
      }
      this.#end = end;
    } catch {
      return false;
    }
    this.length++;
    return true;
  }

  read(): Row[] {
    const rows: Row[] = [];
    let at = this.#start;
    for (let nth = 0; nth < this.length; nth++) {
      const { value, offset } = this.#item.decode(this.#bytes, at);
      rows.push(withFlatLevels({ kind: this.#kind, market: this.#market, fills: 1, ...value }));
      at = offset;
    }
    return rows;
  }

  /** Copies them into a message; from now on they are read there, as long as anybody has to. */
  moveTo(message: Buffer, at: number): void {
    this.#bytes.copy(message, at, this.#start, this.#end);
    if (!this.#sent) this.#spare.give(this.#bytes);
    this.#sent = true;
    this.#bytes = message;
    this.#end = at + this.byteLength;
    this.#start = at;
  }

  #grow(needed: number): void {
    const before = this.#bytes;
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(needed, before.length * 2));
    before.copy(this.#bytes, 0, 0, this.#end);
    this.#spare.give(before);
  }
}
