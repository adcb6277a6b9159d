import type { JsonObject } from './read-values.ts';
import {
  atEnd,
  begin,
  digits,
  flag,
  isoTime,
  type Literal,
  literal,
  pass,
  passAny,
  signed,
  unsigned,
  whole,
  word,
} from './scan-text.ts';
import { ScannedList } from './scanned-list.ts';
import { ScannedTime } from './scanned-time.ts';

/** A member of a frame that differs from one frame to the next. */
interface Varies {
  readonly varies: 'word' | 'number' | 'whole' | 'digits' | 'decimal' | 'time' | 'flag' | 'list' | 'any';
  readonly row?: Row;
  readonly marked?: boolean;
}
/** Rows of a list: only numbers, in their order. */
type Row = readonly Varies[] | { readonly [key: string]: Varies };

/** What frames of one kind look like: their members in the order in which they come. In brackets: a list of one. */
export interface Members {
  readonly [key: string]: Varies | Members | readonly [Members] | string | number | boolean;
}

/** A string without escapes. */
export const WORD: Varies = { varies: 'word' };
/** A JSON number. */
export const NUMBER: Varies = { varies: 'number' };
/** One of at most 15 digits and nothing else: what a double holds is what is spelled. */
export const WHOLE: Varies = { varies: 'whole' };
/** A whole number as it is spelled, for ids that no double holds: text in what is returned. */
export const DIGITS: Varies = { varies: 'digits' };
/** A number in quotes, which is none in what is returned. */
export const DECIMAL: Varies = { varies: 'decimal' };
/** A time as RFC 3339 has it. */
export const TIME: Varies = { varies: 'time' };
/** `true` or `false`. */
export const FLAG: Varies = { varies: 'flag' };
/** A word, a number, a flag or `null` that nobody asks for: it is not in what is returned. */
export const UNREAD: Varies = { varies: 'any' };

/** A list of rows; each a list of numbers, or an object of them. */
export function rowsOf(row: Row): Varies {
  return { varies: 'list', row };
}

/** A list of objects of a price and a size, whose digits a checksum reads. */
export function markedRowsOf(price: string, size: string): Varies {
  return { varies: 'list', row: { [price]: NUMBER, [size]: NUMBER }, marked: true };
}

/** The next member that varies, what stands before it, and where its value belongs. */
interface Step {
  readonly before: Literal;
  /** Is there already and reads for itself. */
  readonly reader: { read(): boolean } | null;
  /** Of all others: the value that stands next; null or NaN where there is none. */
  readonly value: () => string | number | boolean | null;
  readonly into: Record<string, unknown>;
  readonly key: string;
}

/** @param frame text, or the bytes of it */
export type Scanner = (frame: string | Uint8Array) => JsonObject | null;

/**
 * Reads frames of one kind where they are spelled as nearly all of them are, many times faster than `JSON.parse`.
 * @returns what a frame says, as `JSON.parse` would, but that a list of rows is a `ScannedList`, a `TIME` a `ScannedTime`, a
 * `DECIMAL` a number, `DIGITS` are text, and that what is `UNREAD` is not there: the same object each time, until the next frame.
 * Null where anything is not exactly as expected: then it is to be parsed.
 */
export function scanner(members: Members): Scanner {
  const frame: Record<string, unknown> = {};
  const { steps, rest } = compile(members, frame);
  return assemble(steps, literal(rest), frame);
}

/**
 * One function out of all steps, which the compiler sees one after the other; a loop over them, which calls each through a table and
 * sets each member by its name, takes a third longer.
 */
function assemble(steps: readonly Step[], end: Literal, frame: JsonObject): Scanner {
  const parts: Record<string, unknown> = { begin, pass, atEnd, frame, end };
  const lines = steps.map(({ before, reader, value, into, key }, n) => {
    Object.assign(parts, {
      [`before${n}`]: before,
      [`reader${n}`]: reader,
      [`value${n}`]: value,
      [`into${n}`]: into,
    });
    if (reader) return `if (!pass(before${n}) || !reader${n}.read()) return null;`;
    return `if (!pass(before${n})) return null;
      const found${n} = value${n}();
      if (found${n} === null || found${n} !== found${n}) return null;
      into${n}[${JSON.stringify(key)}] = found${n};`;
  });
  const source = `return (wire) => {
      if (!begin(wire)) return null;
      ${lines.join('\n')}
      return pass(end) && atEnd() ? frame : null;
    }`;
  return new Function(...Object.keys(parts), source)(...Object.values(parts)) as Scanner;
}

const VALUES: Readonly<Record<Varies['varies'], Step['value']>> = {
  word,
  number: signed,
  whole,
  digits,
  decimal: unsigned,
  time: () => null,
  flag,
  list: () => null,
  any: () => null,
};

/** What nobody asks for. */
const PASSED = { read: passAny };

const QUOTED: ReadonlySet<Varies['varies']> = new Set(['word', 'decimal', 'time']);

/** The steps through one object, and what follows the last of them. What never varies is there already. */
function compile(
  members: Members,
  into: Record<string, unknown>,
  ahead = '',
): { steps: Step[]; rest: string } {
  const steps: Step[] = [];
  let before = `${ahead}{`;
  for (const [key, member] of Object.entries(members)) {
    before += `${before.endsWith('{') ? '' : ','}${JSON.stringify(key)}:`;
    if (typeof member !== 'object') {
      into[key] = member;
      before += JSON.stringify(member);
    } else if (isVarying(member)) {
      const { varies } = member;
      const quote = QUOTED.has(varies) ? '"' : '';
      const reader = readerOf(member);
      if (reader !== PASSED) into[key] = reader;
      steps.push({ before: literal(before + quote), reader, value: VALUES[varies], into, key });
      before = quote;
    } else {
      const inner: Record<string, unknown> = {};
      const [open, close] = Array.isArray(member) ? ['[', ']'] : ['', ''];
      into[key] = Array.isArray(member) ? [inner] : inner;
      const one = compile(Array.isArray(member) ? member[0] : member, inner, before + open);
      steps.push(...one.steps);
      before = one.rest + close;
    }
  }
  return { steps, rest: `${before}}` };
}

/** What reads for itself. */
function readerOf({ varies, row, marked }: Varies): Step['reader'] {
  if (row) return listOf(row, marked);
  if (varies === 'any') return PASSED;
  return varies === 'time' ? new ScannedTime(isoTime) : null;
}

function isVarying(member: Varies | Members | readonly [Members]): member is Varies {
  return 'varies' in member;
}

function listOf(row: Row, marked?: boolean): ScannedList {
  const named = !Array.isArray(row);
  const columns = Object.entries(row as Readonly<Record<string, Varies>>);
  const between: string[] = [];
  let before = named ? '{' : '[';
  columns.forEach(([key, { varies }], at) => {
    const quote = varies === 'decimal' ? '"' : '';
    between.push(`${before}${at > 0 ? ',' : ''}${named ? `${JSON.stringify(key)}:` : ''}${quote}`);
    before = quote;
  });
  between.push(`${before}${named ? '}' : ']'}`);
  return new ScannedList(
    columns.map(([key]) => key),
    between.map(literal),
    marked,
  );
}
