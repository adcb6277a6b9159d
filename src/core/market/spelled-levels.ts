import type { LevelTexts } from './book.ts';
import { digitsOf } from './checksum.ts';
import { type BookSide, bestOrder, type Levels, objectLevels } from './levels.ts';
import { type Cursor, isObject, type JsonObject, number, ownCopy } from './read-values.ts';

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
    const digits = digitsOf(spellingOf(text, price, one, cursors.price));
    return ownCopy(digits + digitsOf(spellingOf(text, size, other, cursors.size)));
  });
  const moved = raw.some((value, at) => !Object.is(value, levels[at]));
  return { levels, texts: moved ? bestOrder(raw, side).map((at) => texts[at] ?? '') : texts };
}

const NUMBER_END = /[^-+.0-9eE]/g;

/** The next number of that name in the text which reads as `value`, as it is spelled there; '' where there is none. */
function spellingOf(text: string, name: string, value: number, cursor: Cursor): string {
  for (let at = text.indexOf(name, cursor.at); at !== -1; at = text.indexOf(name, at + name.length)) {
    let from = at + name.length;
    while (' \t\r\n:'.includes(text.charAt(from)) && from < text.length) from++;
    NUMBER_END.lastIndex = from;
    const to = NUMBER_END.exec(text)?.index ?? text.length;
    const spelling = text.slice(from, to);
    if (Number(spelling) !== value || spelling === '') continue;
    cursor.at = to;
    return spelling;
  }
  return '';
}
