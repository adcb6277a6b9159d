/** WebSocket frames by hand (RFC 6455): the flood writes many of them at once, which no server's API does. */

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** Bytes of the header in front of a payload. */
export function headerLength(payload: number): number {
  return payload < 126 ? 2 : payload < 65_536 ? 4 : 10;
}

/** Writes the header of a final, unmasked frame; returns the offset of its payload. */
export function writeHeader(into: Buffer, at: number, opcode: number, payload: number): number {
  into[at] = 0x80 | opcode;
  if (payload < 126) {
    into[at + 1] = payload;
  } else if (payload < 65_536) {
    into[at + 1] = 126;
    into.writeUInt16BE(payload, at + 2);
  } else {
    into[at + 1] = 127;
    into.writeBigUInt64BE(BigInt(payload), at + 2);
  }
  return at + headerLength(payload);
}

/** One final, unmasked frame. A string becomes a text frame unless told otherwise. */
export function frame(
  payload: string | Uint8Array,
  opcode = typeof payload === 'string' ? TEXT : BINARY,
): Buffer {
  const bytes = Buffer.from(payload);
  const whole = Buffer.alloc(headerLength(bytes.length) + bytes.length);
  whole.set(bytes, writeHeader(whole, 0, opcode, bytes.length));
  return whole;
}

/** Reads a client's masked frames out of the chunks of a connection. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);
  #fragments: Buffer[] = [];

  /** Whole messages and control frames that this chunk completes. */
  *read(chunk: Uint8Array): Generator<{ opcode: number; payload: Buffer }> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const next = this.#next();
      if (!next) return;
      const { final, opcode, payload } = next;
      if (opcode >= CLOSE) {
        yield { opcode, payload };
        continue;
      }
      this.#fragments.push(payload);
      if (!final) continue;
      yield { opcode: TEXT, payload: Buffer.concat(this.#fragments) };
      this.#fragments = [];
    }
  }

  #next(): { final: boolean; opcode: number; payload: Buffer } | null {
    const from = this.#rest;
    const [first, second] = from;
    if (first === undefined || second === undefined) return null;
    let length = second & 127;
    let at = 2;
    if (length === 126) {
      if (from.length < 4) return null;
      length = from.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (from.length < 10) return null;
      length = Number(from.readBigUInt64BE(2));
      at = 10;
    }
    const end = at + 4 + length;
    if (from.length < end) return null;
    const payload = Buffer.alloc(length);
    for (let i = 0; i < length; i++) payload[i] = (from[at + 4 + i] ?? 0) ^ (from[at + (i & 3)] ?? 0);
    this.#rest = from.subarray(end);
    return { final: (first & 0x80) !== 0, opcode: first & 15, payload };
  }
}
