import { doubled } from './doubled.ts';
import { digitMark, type Span } from './marks.ts';
import { type Literal, nextChar, pass, passOne, place, textBytes, unsigned } from './scan-text.ts';

const OPEN = 91;
const CLOSE = 93;
const COMMA = 44;
const FIRST_ROOM = 256;

/** A list of rows of numbers that was scanned, in place of what `JSON.parse` makes of it: no row is an object. */
export class ScannedList {
  /** Rows of the frame that was scanned last. */
  count = 0;
  /** Row by row; behind the last row stands what was there before. */
  values = new Float64Array(FIRST_ROOM);
  /** The mark of each row of a price and a size; null where none is asked for. */
  marks: Float64Array<ArrayBuffer> | null;
  readonly #columns: readonly string[];
  /** What stands before each number of a row, and behind the last one. */
  readonly #between: readonly Literal[];

  readonly #spans: readonly [Span, Span] = [
    { from: 0, to: 0 },
    { from: 0, to: 0 },
  ];

  /**
   * @param columns names of the numbers of a row: keys, or indices in a list
   * @param marked whether a checksum reads the digits of its two columns
   */
  constructor(columns: readonly string[], between: readonly Literal[], marked = false) {
    this.#columns = columns;
    this.#between = between;
    this.marks = marked ? new Float64Array(FIRST_ROOM) : null;
  }

  /** Numbers of a row. */
  get width(): number {
    return this.#columns.length;
  }

  /** Where a number stands in its row. @throws {Error} where rows have none of that name */
  column(name: string): number {
    const at = this.#columns.indexOf(name);
    if (at === -1) throw new Error(`there is no ${name} in rows of ${this.#columns.join(', ')}`);
    return at;
  }

  /** Reads the list that stands next. @returns false where it is not plain */
  read(): boolean {
    const between = this.#between;
    const width = between.length - 1;
    const last = between[width] as Literal;
    let { values, marks } = this;
    this.count = 0;
    if (passOne() !== OPEN) return false;
    if (nextChar() === CLOSE) return passOne() === CLOSE;
    for (let end = 0, count = 1; ; count++) {
      if (end + width > values.length) {
        this.#grow();
        ({ values, marks } = this);
      }
      for (let column = 0; column < width; column++) {
        if (!pass(between[column] as Literal)) return false;
        const from = place();
        const value = unsigned();
        if (Number.isNaN(value)) return false;
        values[end++] = value;
        if (marks) span(this.#spans[column] as Span, from);
      }
      if (marks) marks[count - 1] = digitMark(textBytes, this.#spans[0], this.#spans[1]);
      if (!pass(last)) return false;
      const behind = passOne();
      if (behind === COMMA) continue;
      this.count = count;
      return behind === CLOSE;
    }
  }

  #grow(): void {
    this.values = doubled(this.values);
    if (this.marks) this.marks = doubled(this.marks);
  }
}

function span(span: Span, from: number): void {
  span.from = from;
  span.to = place();
}
