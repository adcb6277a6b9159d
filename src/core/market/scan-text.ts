import type { Micros } from './market.ts';
import { timeOfIso } from './read-values.ts';

/**
 * Reading plain JSON text piece by piece, without making objects. What is not spelled the plain way is not read at all:
 * whoever scans goes back to `JSON.parse`. Plain is ASCII without escapes, and without blanks between the parts.
 */

/** Frames that are hot are far shorter; the others are parsed. */
const MOST_CHARS = 64 * 1024;
/** What types leave out of a Buffer: `write` as it is inside, without its options and what they cost. */
type Utf8Buffer = Buffer<ArrayBuffer> & { utf8Write(text: string, at: number, most: number): number };

/** The text, zero behind it: no digit, no quote, so that every loop ends there. */
const bytes = Buffer.alloc(3 * MOST_CHARS + 8) as Utf8Buffer;
const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

let length = 0;
/** The next byte to be read. */
let at = 0;

const SPACE = 32;
const QUOTE = 34;
const PLUS = 43;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const NINE = 57;
const BACKSLASH = 92;
const LAST = 126;
const UPPER_E = 69;
const LOWER_E = 101;

/** Powers of ten that a double holds: times one of them, or divided by it, an integer that one holds too is rounded once. */
const POWERS = Float64Array.from({ length: 23 }, (_, power) => 10 ** power);
/** Digits that 32 bits hold, and that a double holds exactly, of any number. */
const SMALL = 9;
const EXACT = 15;
/** Of each of four bytes the upper half. */
const UPPER = 0xf0f0f0f0 | 0;

/** Begins at the first character of a text, or of the bytes of one. @returns false where it cannot be scanned */
export function begin(wire: string | Uint8Array): boolean {
  at = 0;
  length = wire.length;
  if (length > MOST_CHARS) return false;
  if (typeof wire !== 'string') bytes.set(wire);
  // As many bytes as characters: ASCII.
  else if (bytes.utf8Write(wire, 0, bytes.length) !== length) return false;
  bytes[length] = 0;
  return true;
}

/** Where the next byte to be read stands. */
export function place(): number {
  return at;
}

/** The bytes of the text, for who knows its places; the same ones each time. */
export const textBytes: Uint8Array = bytes;

/** Whether everything was read. */
export function atEnd(): boolean {
  return at === length;
}

/** In memory of its own: cut out of the frame's text it would keep all of that for as long as it lives. */
function copy(from: number, to: number): string {
  return bytes.toString('latin1', from, to);
}

/**
 * Text that stands there as it is, prepared for comparison in the largest pieces that it has room for: eight bytes, as the double
 * that their bits make (of ASCII none is NaN or 0, so that equal doubles are equal bytes), four, or one. The last piece may
 * overlap the one before it. Two of the three lists are empty.
 */
export interface Literal {
  readonly eights: Float64Array;
  readonly fours: Int32Array;
  readonly ones: Uint8Array;
  /** Where each piece stands. */
  readonly places: Int32Array;
  readonly length: number;
}

export function literal(ascii: string): Literal {
  const ones = Uint8Array.from(ascii, (char) => char.charCodeAt(0));
  const { length } = ones;
  const read = new DataView(ones.buffer);
  const size = length >= 8 ? 8 : length >= 4 ? 4 : 1;
  const places = Int32Array.from({ length: Math.ceil(length / size) }, (_, nth) =>
    Math.min(size * nth, length - size),
  );
  return {
    eights: Float64Array.from(size === 8 ? places : [], (place) => read.getFloat64(place, true)),
    fours: Int32Array.from(size === 4 ? places : [], (place) => read.getInt32(place, true)),
    ones: size === 1 ? ones : new Uint8Array(0),
    places,
    length,
  };
}

/** Passes over the literal. @returns false where something else stands there */
export function pass({ eights, fours, ones, places, length: chars }: Literal): boolean {
  const first = at;
  for (let i = 0; i < eights.length; i++)
    if (view.getFloat64(first + (places[i] as number), true) !== eights[i]) return false;
  for (let i = 0; i < fours.length; i++)
    if (view.getInt32(first + (places[i] as number), true) !== fours[i]) return false;
  for (let i = 0; i < ones.length; i++) if (bytes[first + i] !== ones[i]) return false;
  at = first + chars;
  return true;
}

/** Passes over one character. @returns it, 0 at the end */
export function passOne(): number {
  return bytes[at++] ?? 0;
}

/** The character that comes next; 0 at the end. */
export function nextChar(): number {
  return bytes[at] ?? 0;
}

/** Words of frames are few and come again and again: those that came last, each where its hash says. */
const KNOWN = 2048;
const known: string[] = new Array<string>(KNOWN).fill('');
const LONGEST_WORD = 64;

/** The characters until the next quote, which is not passed; null where they are not plain, or too many for a word. */
export function word(): string | null {
  const first = at;
  let here = first;
  let hash = 0;
  for (let char = bytes[here] as number; char !== QUOTE; char = bytes[++here] as number) {
    if (char < SPACE || char > LAST || char === BACKSLASH) return null;
    hash = (Math.imul(hash, 31) + char) | 0;
  }
  at = here;
  const chars = here - first;
  if (chars > LONGEST_WORD) return null;
  const place = (hash ^ (hash >>> 11)) & (KNOWN - 1);
  const same = known[place] as string;
  if (same.length === chars && startsHere(same, first)) return same;
  const made = copy(first, here);
  known[place] = made;
  return made;
}

function startsHere(ascii: string, first: number): boolean {
  for (let i = 0; i < ascii.length; i++) if (ascii.charCodeAt(i) !== bytes[first + i]) return false;
  return true;
}

/** The UTC second that was read last, with its point, and its microseconds. */
let second = literal('\n');
let secondMicros = 0;
const SECOND = 20;
const ZULU = 90;

/** The time that stands there, see `timeOfIso`; NaN where there is none. */
export function isoTime(): Micros {
  const first = at;
  if (pass(second)) {
    let micros = 0;
    let unit = 100_000;
    const from = at;
    for (let char = bytes[at] as number; char >= ZERO && char <= NINE; char = bytes[++at] as number) {
      micros += (char - ZERO) * unit;
      unit = unit > 1 ? unit / 10 : 0;
    }
    const digits = at - from;
    if (digits > 0 && digits <= SMALL && bytes[at++] === ZULU) return secondMicros + micros;
    at = first;
  }
  const text = word() ?? '';
  const time = timeOfIso(text);
  if (text[SECOND - 1] === '.' && text.endsWith('Z') && !Number.isNaN(time)) {
    second = literal(text.slice(0, SECOND));
    secondMicros = time - (time % 1_000_000);
  }
  return time;
}

const TRUE = literal('true');
const FALSE = literal('false');

/** `true` or `false`; null where neither stands there. */
export function flag(): boolean | null {
  if (pass(TRUE)) return true;
  return pass(FALSE) ? false : null;
}

const NULL = literal('null');

/** Passes over a word, a number, `true`, `false` or `null`. @returns false where none of these stands there, or not plainly */
export function passAny(): boolean {
  const char = bytes[at] as number;
  if (char === QUOTE) {
    at++;
    return passWord();
  }
  if (char === MINUS || (char >= ZERO && char <= NINE)) return passNumber();
  return pass(NULL) || flag() !== null;
}

/** Passes over the characters until the next quote, and over that. */
function passWord(): boolean {
  let here = at;
  for (let char = bytes[here] as number; char !== QUOTE; char = bytes[++here] as number)
    if (char < SPACE || char > LAST || char === BACKSLASH) return false;
  at = here + 1;
  return true;
}

/** What is a number to JSON, whatever a double makes of it. */
function passNumber(): boolean {
  if (bytes[at] === MINUS) at++;
  if (!passWhole()) return false;
  if (bytes[at] === POINT) {
    at++;
    if (!passDigits()) return false;
  }
  const char = bytes[at] as number;
  return (char !== UPPER_E && char !== LOWER_E) || !Number.isNaN(exponent());
}

/** Passes over digits as JSON has them before a point: the first of several is no 0. */
function passWhole(): boolean {
  const first = at;
  return passDigits() && (bytes[first] !== ZERO || at === first + 1);
}

/** Passes over digits. @returns false where there is none */
function passDigits(): boolean {
  const first = at;
  while (areDigits(view.getInt32(at, true))) at += 4;
  for (let char = bytes[at] as number; char >= ZERO && char <= NINE; char = bytes[++at] as number);
  return at > first;
}

/** A number of digits alone, so few that a double holds any of them; NaN where none stands there. */
export function whole(): number {
  const first = at;
  let value = 0;
  for (let four = view.getInt32(at, true); areDigits(four); four = view.getInt32(at, true)) {
    value = value * 10_000 + ofDigits(four);
    at += 4;
  }
  for (let char = bytes[at] as number; char >= ZERO && char <= NINE; char = bytes[++at] as number)
    value = value * 10 + char - ZERO;
  const digits = at - first;
  if (digits === 0 || digits > EXACT || (digits > 1 && bytes[first] === ZERO)) return Number.NaN;
  return value;
}

/** More than ids have; a double of so many is finite. */
const MOST_DIGITS = 40;

/** The digits of a whole number as they are spelled, however many a double holds of them; null where none stands there. */
export function digits(): string | null {
  const first = at;
  return passWhole() && at - first <= MOST_DIGITS ? copy(first, at) : null;
}

/** A number that may be below 0, see `unsigned`. */
export function signed(): number {
  if (bytes[at] !== MINUS) return unsigned();
  at++;
  return -unsigned();
}

/**
 * The number that stands there, the very double that `JSON.parse` makes of it.
 * @returns NaN where there is none: what JSON does not take for a number, as `01`, `.5` and `1.`, is none
 */
export function unsigned(): number {
  const first = at;
  let here = first;
  let whole = 0;
  // A time has three of these and a digit, a price none.
  for (let four = view.getInt32(here, true); areDigits(four); four = view.getInt32(here, true)) {
    whole = whole * 10_000 + ofDigits(four);
    here += 4;
  }
  let char = bytes[here] as number;
  for (; char >= ZERO && char <= NINE; char = bytes[++here] as number) whole = whole * 10 + char - ZERO;
  const wholes = here - first;
  if (wholes === 0 || (wholes > 1 && bytes[first] === ZERO)) return Number.NaN;
  let part = 0;
  let parts = 0;
  if (char === POINT) {
    const point = ++here;
    let four = view.getInt32(here, true);
    if (areDigits(four)) {
      part = ofDigits(four);
      here += 4;
      four = view.getInt32(here, true);
      if (areDigits(four)) {
        part = (Math.imul(part, 10_000) + ofDigits(four)) | 0;
        here += 4;
      }
    }
    for (char = bytes[here] as number; char >= ZERO && char <= NINE; char = bytes[++here] as number)
      part = (Math.imul(part, 10) + char - ZERO) | 0;
    parts = here - point;
    if (parts === 0) return Number.NaN;
  }
  at = here;
  const power = char === UPPER_E || char === LOWER_E ? exponent() : 0;
  if (wholes > EXACT || parts > SMALL) return Number.isNaN(power) ? power : Number(copy(first, at));
  const digits = whole * (POWERS[parts] as number) + part;
  if (digits > Number.MAX_SAFE_INTEGER) return Number.isNaN(power) ? power : Number(copy(first, at));
  return power === 0 ? digits / (POWERS[parts] as number) : scaled(digits, power - parts, first);
}

/** What stands behind an e; NaN where that is none of two digits at most. */
function exponent(): number {
  let char = bytes[++at] as number;
  const below = char === MINUS;
  if (below || char === PLUS) char = bytes[++at] as number;
  const first = at;
  let power = 0;
  for (; char >= ZERO && char <= NINE; char = bytes[++at] as number) power = power * 10 + char - ZERO;
  if (at === first || at - first > 2) return Number.NaN;
  return below ? -power : power;
}

/** Digits times a power of ten; by way of the text where that would be rounded twice. */
function scaled(digits: number, power: number, first: number): number {
  if (power >= 0 && power < POWERS.length) return digits * (POWERS[power] as number);
  if (power < 0 && -power < POWERS.length) return digits / (POWERS[-power] as number);
  return Number.isNaN(power) ? power : Number(copy(first, at));
}

/** Whether each of the four bytes is a digit. */
function areDigits(four: number): boolean {
  return ((four & UPPER) | ((((four + 0x06060606) | 0) & UPPER) >>> 4)) === 0x33333333;
}

/** The number that four digits make, the first of them in the lowest byte. */
function ofDigits(four: number): number {
  const digits = four & 0x0f0f0f0f;
  const pairs = (Math.imul(digits, 10) + (digits >>> 8)) | 0;
  return Math.imul(pairs & 0xff, 100) + ((pairs >>> 16) & 0xff);
}
