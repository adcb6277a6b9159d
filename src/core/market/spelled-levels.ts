import type { LevelTexts } from './book.ts';
import { digitsOf } from './checksum.ts';
import { type BookSide, bestOrder, type Levels, objectLevels } from './levels.ts';
import { type Cursor, isBlankOrColon, isObject, type JsonObject, number, ownCopy } from './read-values.ts';

const POINT = 46;
const ZERO = 48;

/** Where in a frame's text the prices and sizes that follow stand; one for all sides and rows of the frame. */
export interface LevelCursors {
  readonly price: Cursor;
  readonly size: Cursor;
}

export function levelCursors(): LevelCursors {
  return { price: { at: 0 }, size: { at: 0 } };
}

/** Both sides of a book, and of each level what a checksum reads. */
export interface SpelledSides {
  readonly bids: Levels;
  readonly asks: Levels;
  readonly texts: LevelTexts;
}

/**
 * The members `bids` and `asks` of a row: lists of objects with JSON numbers. Of each level also the digits of price and
 * size as the text spells them, for checksums that count zeros which `JSON.parse` drops.
 */
export function spelledSides(
  row: JsonObject,
  priceKey: string,
  sizeKey: string,
  text: string,
  cursors: LevelCursors,
): SpelledSides {
  const read = (side: BookSide) => spelledSide(row[side], side, priceKey, sizeKey, text, cursors);
  // The side that stands first in the text is to be read first.
  const asksFirst = Object.keys(row).find((key) => key === 'bids' || key === 'asks') === 'asks';
  const early = asksFirst ? read('asks') : null;
  const bids = read('bids');
  const asks = early ?? read('asks');
  return { bids: bids.levels, asks: asks.levels, texts: { bids: bids.texts, asks: asks.texts } };
}

function spelledSide(
  list: unknown,
  side: BookSide,
  priceKey: string,
  sizeKey: string,
  text: string,
  cursors: LevelCursors,
): { readonly levels: Levels; readonly texts: readonly string[] } {
  const levels = objectLevels(list, side, priceKey, sizeKey, number);
  if (!Array.isArray(list)) return { levels, texts: [] };
  const price = `"${priceKey}"`;
  const size = `"${sizeKey}"`;
  const raw = new Float64Array(2 * list.length);
  const texts = list.map((level: unknown, at) => {
    const one = isObject(level) ? number(level[priceKey]) : Number.NaN;
    const other = isObject(level) ? number(level[sizeKey]) : Number.NaN;
    raw[2 * at] = one;
    raw[2 * at + 1] = other;
    const spelling = spellingOf(text, price, one, cursors.price);
    return digitsOfBoth(spelling, spellingOf(text, size, other, cursors.size));
  });
  const moved = raw.some((value, at) => !Object.is(value, levels[at]));
  return { levels, texts: moved ? bestOrder(raw, side).map((at) => texts[at] ?? '') : texts };
}

/** Room for the digits of one level. */
const digits = Buffer.allocUnsafeSlow(128);

/** The digits of price and size, in memory of their own. */
function digitsOfBoth(price: string, size: string): string {
  if (price.length + size.length > digits.length) return ownCopy(digitsOf(price) + digitsOf(size));
  return digits.toString('latin1', 0, putDigits(size, putDigits(price, 0)));
}

/** As `digitsOf`, as bytes. @returns where they end */
function putDigits(spelling: string, from: number): number {
  let end = from;
  for (let at = 0; at < spelling.length; at++) {
    const char = spelling.charCodeAt(at);
    if (char !== POINT && (char !== ZERO || end > from)) digits[end++] = char;
  }
  return end;
}

/** The next number of that name in the text which reads as `value`, as it is spelled there; '' where there is none. */
function spellingOf(text: string, name: string, value: number, cursor: Cursor): string {
  for (let at = text.indexOf(name, cursor.at); at !== -1; at = text.indexOf(name, at + name.length)) {
    let from = at + name.length;
    while (isBlankOrColon(text.charCodeAt(from))) from++;
    let to = from;
    while (isOfNumber(text.charCodeAt(to))) to++;
    const spelling = text.slice(from, to);
    if (spelling === '' || Number(spelling) !== value) continue;
    cursor.at = to;
    return spelling;
  }
  return '';
}

/** Whether it is one of `-+.0123456789eE`. */
function isOfNumber(char: number): boolean {
  const isDigit = char >= 48 && char <= 57;
  return isDigit || char === 46 || char === 45 || char === 43 || char === 101 || char === 69;
}
