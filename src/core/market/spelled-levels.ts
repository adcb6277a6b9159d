import type { LevelMarks } from './book.ts';
import { type BookSide, bestOrder, type Levels, NO_LEVELS, objectLevels } from './levels.ts';
import { digitMark, type Mark } from './marks.ts';
import { type Cursor, isBlankOrColon, isObject, type JsonObject, number } from './read-values.ts';
import { ScannedList } from './scanned-list.ts';

/** Where in a frame's text the prices and sizes that follow stand; one for all sides and rows of the frame. */
export interface Spelling {
  readonly text: string;
  readonly price: Cursor;
  readonly size: Cursor;
}

/** @param text of the frame */
export function spelling(text: string): Spelling {
  return { text, price: { at: 0 }, size: { at: 0 } };
}

/** Both sides of a book, and of each level what a checksum reads. */
export interface SpelledSides {
  readonly bids: Levels;
  readonly asks: Levels;
  readonly marks: LevelMarks;
}

/**
 * The members `bids` and `asks` of a row: lists of objects with JSON numbers. Of each level also the mark of the digits of
 * price and size as the text spells them, for checksums that count zeros which `JSON.parse` drops.
 */
export function spelledSides(
  row: JsonObject,
  priceKey: string,
  sizeKey: string,
  spelled: Spelling,
): SpelledSides {
  const { bids: someBids, asks: someAsks } = row;
  if (someBids instanceof ScannedList && someAsks instanceof ScannedList) {
    const bids = scannedSide(someBids, 'bids', priceKey, sizeKey);
    const asks = scannedSide(someAsks, 'asks', priceKey, sizeKey);
    return { bids: bids.levels, asks: asks.levels, marks: { bids: bids.marks, asks: asks.marks } };
  }
  const read = (side: BookSide) => spelledSide(row[side], side, priceKey, sizeKey, spelled);
  // The side that stands first in the text is to be read first.
  const asksFirst = Object.keys(row).find((key) => key === 'bids' || key === 'asks') === 'asks';
  const early = asksFirst ? read('asks') : null;
  const bids = read('bids');
  const asks = early ?? read('asks');
  return { bids: bids.levels, asks: asks.levels, marks: { bids: bids.marks, asks: asks.marks } };
}

interface SpelledSide {
  readonly levels: Levels;
  readonly marks: Float64Array;
}

const NONE = new Float64Array(0);
const EMPTY: SpelledSide = { levels: NO_LEVELS, marks: NONE };

function scannedSide(list: ScannedList, side: BookSide, priceKey: string, sizeKey: string): SpelledSide {
  const { count, width, values, marks } = list;
  if (count === 0) return EMPTY;
  const levels = objectLevels(list, side, priceKey, sizeKey, number);
  const price = list.column(priceKey);
  const own = new Float64Array(count);
  let isMoved = false;
  for (let at = 0; at < count; at++) {
    own[at] = marks?.[at] ?? 0;
    if (values[at * width + price] !== levels[2 * at]) isMoved = true;
  }
  if (!isMoved) return { levels, marks: own };
  const size = list.column(sizeKey);
  const raw = levels.map((_, at) => values[(at >> 1) * width + (at & 1 ? size : price)] as number);
  return { levels, marks: inOrder(own, raw, side) };
}

function spelledSide(
  list: unknown,
  side: BookSide,
  priceKey: string,
  sizeKey: string,
  spelled: Spelling,
): SpelledSide {
  const levels = objectLevels(list, side, priceKey, sizeKey, number);
  if (!Array.isArray(list)) return { levels, marks: NONE };
  const price = `"${priceKey}"`;
  const size = `"${sizeKey}"`;
  const raw = new Float64Array(2 * list.length);
  const marks = Float64Array.from(list, (level: unknown, at) => {
    const one = isObject(level) ? number(level[priceKey]) : Number.NaN;
    const other = isObject(level) ? number(level[sizeKey]) : Number.NaN;
    raw[2 * at] = one;
    raw[2 * at + 1] = other;
    const of = spellingOf(spelled.text, price, one, spelled.price);
    return markOf(of, spellingOf(spelled.text, size, other, spelled.size));
  });
  const isMoved = raw.some((value, at) => !Object.is(value, levels[at]));
  return { levels, marks: isMoved ? inOrder(marks, raw, side) : marks };
}

/** Marks of levels in the order in which `bestFirst` has these. */
function inOrder(marks: Float64Array, raw: Levels, side: BookSide): Float64Array {
  return Float64Array.from(bestOrder(raw, side), (from) => marks[from] as number);
}

function markOf(price: string, size: string): Mark {
  const bytes = Buffer.from(price + size, 'latin1');
  return digitMark(bytes, { from: 0, to: price.length }, { from: price.length, to: bytes.length });
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
