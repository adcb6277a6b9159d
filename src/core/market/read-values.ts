import type { Micros } from './market.ts';
import type { Side } from './rows.ts';
import { ScannedTime } from './scanned-time.ts';

/**
 * Readers of single wire values. All are total: what is not what it should be becomes NaN (or ''), which
 * `flaw` turns into a rejected row; none throws.
 */

export type JsonObject = Readonly<Record<string, unknown>>;

/** True for a JSON object: not null, not an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What stands at a place of a parsed document: names of members and indices; undefined where it has no such place. */
export function inside(value: unknown, ...path: readonly (string | number)[]): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

/** A required JSON number. */
export function number(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN;
}

/** An optional JSON number: absent and null are null. */
export function optionalNumber(value: unknown): number | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'number' ? value : Number.NaN;
}

const MINUS = 45;
const POINT = 46;
const ZERO = 48;

// Linear: no two parts of it can match the same digits.
const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Powers of ten that a double holds: an integer that one holds too, divided by one of them, is rounded only once. */
const POWERS = Array.from({ length: 23 }, (_, power) => 10 ** power);

/**
 * A required decimal string: `"0.0010"`. `Number` alone would read null, "", " " and booleans as 0 or 1, and
 * "0x10" as 16.
 */
export function decimal(value: unknown): number {
  if (typeof value !== 'string') return Number.NaN;
  const { length } = value;
  const first = value.charCodeAt(0) === MINUS ? 1 : 0;
  let digits = 0;
  let point = -1;
  for (let at = first; at < length; at++) {
    const char = value.charCodeAt(at);
    if (isDigit(char)) digits = digits * 10 + char - ZERO;
    else if (char === POINT && point === -1) point = at;
    else return strictDecimal(value);
  }
  if (length === first + (point === -1 ? 0 : 1)) return Number.NaN;
  const unit = point === -1 ? 1 : POWERS[length - 1 - point];
  if (digits > Number.MAX_SAFE_INTEGER || unit === undefined) return Number(value);
  const read = digits / unit;
  return first === 1 ? -read : read;
}

/** An optional decimal string: absent, null and "" are null, never 0. */
export function optionalDecimal(value: unknown): number | null {
  if (value === undefined || value === null || value === '') return null;
  return decimal(value);
}

function strictDecimal(value: string): number {
  return DECIMAL.test(value) ? Number(value) : Number.NaN;
}

/** An exchange time given as a number: milliseconds, or microseconds where it is 1e15 or more. */
export function timeOf(value: unknown): Micros {
  if (typeof value !== 'number') return Number.NaN;
  return value >= 1e15 ? Math.round(value) : Math.round(value * 1000);
}

/** Microseconds have as many until the year 2286. */
const MAX_TIME_DIGITS = 16;

/** An exchange time given as a string of digits in milliseconds (or microseconds from 1e15 on). */
export function timeOfDigits(value: unknown): Micros {
  if (typeof value !== 'string' || value === '' || value.length > MAX_TIME_DIGITS) return Number.NaN;
  let time = 0;
  for (let at = 0; at < value.length; at++) {
    const char = value.charCodeAt(at);
    if (!isDigit(char)) return Number.NaN;
    time = time * 10 + char - ZERO;
  }
  return timeOf(time);
}

const SECONDS = /^(\d{1,10})(?:\.(\d{1,9}))?$/;

/** Seconds as digits, kept to the microsecond (further digits are cut): `1762795433.9717445`. */
export function timeOfSeconds(value: unknown): Micros {
  const parts = SECONDS.exec(typeof value === 'number' ? String(value) : words(value));
  if (!parts) return Number.NaN;
  const [, seconds = '', fraction = ''] = parts;
  return Number(seconds) * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}

const ISO = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** The last UTC second read, with its point: frames of a busy feed share it, and reading it again costs a comparison. */
let knownSecond = '\n';
let knownMicros = 0;

/** An RFC 3339 time, kept to the microsecond (further digits are cut): `2026-09-02T07:46:20.123456789Z`. */
export function timeOfIso(value: unknown): Micros {
  if (typeof value !== 'string') return value instanceof ScannedTime ? value.micros : Number.NaN;
  return value.startsWith(knownSecond) && value.endsWith('Z')
    ? knownMicros + fractionOf(value)
    : anyIso(value);
}

/** The digits between the point and the closing `Z`, as microseconds; NaN where they are none. */
function fractionOf(value: string): number {
  const end = value.length - 1;
  if (end < 21 || end > 29) return Number.NaN;
  let micros = 0;
  let unit = 100_000;
  for (let at = 20; at < end; at++) {
    const digit = value.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    micros += digit * unit;
    unit = unit > 1 ? unit / 10 : 0;
  }
  return micros;
}

function anyIso(value: string): Micros {
  const parts = ISO.exec(value);
  if (!parts) return Number.NaN;
  const [, second = '', fraction = '', zone = ''] = parts;
  const millis = Date.parse(`${second}${zone}`);
  // Date.parse takes 31 February for 3 March.
  const day = Date.parse(`${second}Z`);
  if (Number.isNaN(millis) || !new Date(day).toISOString().startsWith(second)) return Number.NaN;
  if (zone === 'Z') {
    knownSecond = `${second}.`;
    knownMicros = millis * 1000;
  }
  return millis * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}

/** A trade id: a string as it is, an integer as its digits; '' for all else and for integers a double cannot hold. */
export function idOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return Number.isSafeInteger(value) ? String(value) : '';
}

/** An exchange's own words in a control frame; '' for what is no text. Template strings throw for some objects. */
export function words(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 500) : typeof value === 'number' ? String(value) : '';
}

/** What an exchange says in several members of a control frame, as one line; one that says nothing leaves no trace. */
export function saying(...members: readonly unknown[]): string {
  return members
    .map(words)
    .filter((text) => text !== '')
    .join(': ');
}

/** The taker's side from the exchange's two words for it. */
export function sideOf(value: unknown, buy: unknown, sell: unknown): Side {
  return value === buy ? 'BUY' : value === sell ? 'SELL' : 'UNKNOWN';
}

/**
 * The digits of integer property `key`, exactly as the text has them, for ids beyond 2^53 that `JSON.parse` rounds.
 * @param parsed what JSON.parse made of the same property: the digits found must round to it, so that the same key
 *   elsewhere in the text is never taken for it.
 * @param cursor for one object after another of an array, whose ids may round to the same double. Without one there is
 *   a single id, and two in the text that round to it are none: nothing tells which of them is meant.
 * @returns '' where `parsed` is no id, or its digits are not in the text
 */
export function exactDigits(text: string, key: string, parsed: unknown, cursor?: Cursor): string {
  if (typeof parsed === 'string') return /^\d+$/.test(parsed) ? parsed : '';
  if (typeof parsed !== 'number' || !Number.isInteger(parsed) || parsed < 0) return '';
  if (parsed <= Number.MAX_SAFE_INTEGER) return String(parsed);
  const name = `"${key}"`;
  let found = '';
  for (let at = text.indexOf(name, cursor?.at); at !== -1; at = text.indexOf(name, at + name.length)) {
    let from = at + name.length;
    while (isBlankOrColon(text.charCodeAt(from))) from++;
    let to = from;
    while (isDigit(text.charCodeAt(to))) to++;
    const digits = text.slice(from, to);
    if (digits === '' || Number(digits) !== parsed) continue;
    if (cursor) {
      cursor.at = to;
      return ownCopy(digits);
    }
    if (found !== '' && found !== digits) return '';
    found = digits;
  }
  return ownCopy(found);
}

/** Room for what is copied, which nearly always is an id or a few digits. */
const MOST_COPIED = 64;
const COPIED = Buffer.allocUnsafeSlow(4 * MOST_COPIED);

/** The same text in memory of its own: a string cut out of a frame keeps the whole frame for as long as it lives. */
export function ownCopy(text: string): string {
  if (text.length > MOST_COPIED) return Buffer.from(text).toString();
  return COPIED.toString('utf8', 0, COPIED.write(text, 0, 'utf8'));
}

/** Where in a text to look from; moved behind what was found. */
export interface Cursor {
  at: number;
}

function isDigit(char: number): boolean {
  return char >= 48 && char <= 57;
}

/** What may stand between a key and its value. */
export function isBlankOrColon(char: number): boolean {
  return char === 58 || char === 32 || char === 9 || char === 10 || char === 13;
}

/** Signed change from close to its reference: previous close where there is one, else the open. */
export function changeOf(close: number, prevClose: number | null, open: number | null): number | null {
  const reference = prevClose ?? open;
  return reference === null ? null : close - reference;
}

/** `change` as a fraction of its reference; null where there is none or it is 0. */
export function rateOf(change: number | null, prevClose: number | null, open: number | null): number | null {
  const reference = prevClose ?? open;
  return change === null || reference === null || reference === 0 ? null : change / reference;
}
