import type { JsonObject } from './read-values.ts';
import {
  atEnd,
  begin,
  flag,
  type Literal,
  literal,
  pass,
  signed,
  unsigned,
  whole,
  word,
} from './scan-text.ts';
import { ScannedList } from './scanned-list.ts';

/** A member of a frame that differs from one frame to the next. */
interface Varies {
  readonly varies: 'word' | 'number' | 'whole' | 'decimal' | 'flag' | 'list';
  readonly row?: Row;
}
/** Rows of a list: only numbers, in their order. */
type Row = readonly Varies[] | { readonly [key: string]: Varies };

/** What frames of one kind look like: their members in the order in which they come. */
export interface Members {
  readonly [key: string]: Varies | Members | string | number | boolean;
}

/** A string without escapes. */
export const WORD: Varies = { varies: 'word' };
/** A JSON number. */
export const NUMBER: Varies = { varies: 'number' };
/** One of at most 15 digits and nothing else: what a double holds is what is spelled. */
export const WHOLE: Varies = { varies: 'whole' };
/** A number in quotes, which is none in what is returned. */
export const DECIMAL: Varies = { varies: 'decimal' };
/** `true` or `false`. */
export const FLAG: Varies = { varies: 'flag' };

/** A list of rows; each a list of numbers, or an object of them. */
export function rowsOf(row: Row): Varies {
  return { varies: 'list', row };
}

/** The next member that varies, what stands before it, and where its value belongs. */
interface Step {
  readonly before: Literal;
  readonly list: ScannedList | null;
  /** Of all but lists: the value that stands next; null or NaN where there is none. */
  readonly value: () => string | number | boolean | null;
  readonly into: Record<string, unknown>;
  readonly key: string;
}

/** @param frame text, or the bytes of it */
export type Scanner = (frame: string | Uint8Array) => JsonObject | null;

/**
 * Reads frames of one kind where they are spelled as nearly all of them are, many times faster than `JSON.parse`.
 * @returns what a frame says, as `JSON.parse` would, but that a list of rows is a `ScannedList` and a `DECIMAL` a number: the
 * same object each time, until the next frame. Null where anything is not exactly as expected: then it is to be parsed.
 */
export function scanner(members: Members): Scanner {
  const frame: Record<string, unknown> = {};
  const { steps, rest } = compile(members, frame);
  const end = literal(rest);
  return (wire) => {
    if (!begin(wire)) return null;
    for (const { before, list, value, into, key } of steps) {
      if (!pass(before)) return null;
      if (list) {
        if (!list.read()) return null;
        continue;
      }
      const found = value();
      if (found === null || Number.isNaN(found)) return null;
      into[key] = found;
    }
    return pass(end) && atEnd() ? frame : null;
  };
}

const VALUES: Readonly<Record<Varies['varies'], Step['value']>> = {
  word,
  number: signed,
  whole,
  decimal: unsigned,
  flag,
  list: () => null,
};

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
      const { varies, row } = member;
      const quote = varies === 'word' || varies === 'decimal' ? '"' : '';
      const list = row ? listOf(row) : null;
      into[key] = list;
      steps.push({ before: literal(before + quote), list, value: VALUES[varies], into, key });
      before = quote;
    } else {
      const inner: Record<string, unknown> = {};
      into[key] = inner;
      const one = compile(member, inner, before);
      steps.push(...one.steps);
      before = one.rest;
    }
  }
  return { steps, rest: `${before}}` };
}

function isVarying(member: Varies | Members): member is Varies {
  return 'varies' in member;
}

function listOf(row: Row): ScannedList {
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
  );
}
