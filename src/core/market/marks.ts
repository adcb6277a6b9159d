/**
 * What a checksum reads of a level, as a number: the CRC-32 of its text, and how long the text is. A checksum over many
 * levels is put together out of these, and no text is kept.
 */
export type Mark = number;

/** A mark is the length times this and the CRC, signed: a double holds both. */
const LENGTH = 2 ** 32;
const POLYNOMIAL = 0xedb88320;
const POINT = 46;
const ZERO = 48;
/** Behind how many bytes a CRC is looked up at once; texts that are put together are shorter. */
const MOST = 256;

/** CRC-32 of each byte. */
const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/** By how many bytes follow: what each of the four bytes of a CRC becomes behind them. */
const BEHIND: (Int32Array | undefined)[] = [];

/** A number in a text: where it begins and ends. */
export interface Span {
  from: number;
  to: number;
}

/** The mark of the digits of a level's price and size, one behind the other, without their points and the zeros in front. */
export function digitMark(bytes: Uint8Array, price: Span, size: Span): Mark {
  let crc = -1;
  let length = 0;
  for (let nth = 0; nth < 2; nth++) {
    const { from, to } = nth === 0 ? price : size;
    let at = from;
    while (at < to && (bytes[at] === ZERO || bytes[at] === POINT)) at++;
    for (; at < to; at++) {
      const byte = bytes[at] as number;
      if (byte === POINT) continue;
      crc = (TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
      length++;
    }
  }
  return length * LENGTH + ~crc;
}

/** The mark of two texts, one behind the other. */
export function joined(mark: Mark, next: Mark): Mark {
  const nextLength = lengthOf(next);
  const length = lengthOf(mark);
  let moved = mark - length * LENGTH;
  let left = nextLength;
  for (; left > MOST; left -= MOST) moved = behind(moved, MOST);
  return (length + nextLength) * LENGTH + (behind(moved, left) ^ (next - nextLength * LENGTH));
}

/** The CRC-32 of the text, unsigned. */
export function crcOf(mark: Mark): number {
  return (mark - lengthOf(mark) * LENGTH) >>> 0;
}

function lengthOf(mark: Mark): number {
  return Math.floor(mark / LENGTH + 0.5);
}

function behind(crc: number, bytes: number): number {
  const table = BEHIND[bytes] ?? tableBehind(bytes);
  return (
    (table[crc & 0xff] as number) ^
    (table[256 + ((crc >>> 8) & 0xff)] as number) ^
    (table[512 + ((crc >>> 16) & 0xff)] as number) ^
    (table[768 + (crc >>> 24)] as number)
  );
}

function tableBehind(bytes: number): Int32Array {
  const table = Int32Array.from({ length: 1024 }, (_, place) => {
    let crc = (place & 0xff) << (8 * (place >> 8));
    for (let n = 0; n < bytes; n++) crc = (TABLE[crc & 0xff] as number) ^ (crc >>> 8);
    return crc;
  });
  BEHIND[bytes] = table;
  return table;
}
