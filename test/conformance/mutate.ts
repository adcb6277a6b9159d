import { between, type Random } from '../simulator/random.ts';
import { type Span, spansOf, without, withValue } from './json-spans.ts';

/** A frame that no exchange should send, and what was done to it. */
export interface Mutant {
  readonly what: string;
  readonly text: string;
}

/** Values of every type, as JSON text, in the place of a right one. */
const VALUES = [
  ...['null', 'true', 'false', '0', '-1', '-0', '1', '7.5', '1e400', '-1e400', '1e-400', '1e21'],
  ...['9007199254740993', '123456789012345678901234567890', '""', '" "', '"x"', '"0"', '"NaN"', '"Infinity"'],
  ...['"-1"', '"0x10"', '"1e5"', '" 1"', '"1,5"', '"1_0"', '"\\u0000"', '"\ufffd\ufffd"', '"__proto__"'],
  ...[
    '[]',
    '{}',
    '[[]]',
    '[null]',
    '["1","2"]',
    '[1,[2,[3]]]',
    '{"a":1}',
    '{"length":3}',
    '{"__proto__":[]}',
  ],
  ...['{"toString":1,"valueOf":1}', '{"toJSON":1}', '{"constructor":{"name":"x"}}'],
];

/** Texts that are no JSON, in the place of a value. */
const BROKEN = [
  'NaN',
  'Infinity',
  '-Infinity',
  'undefined',
  '00012',
  '1.',
  "'1'",
  '',
  '{',
  ']',
  '"',
  '\ufffd',
];

/** Keys that mean something to JavaScript. */
const KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'length', 'hasOwnProperty', ''];

/** One change at one place. */
export function mutant(text: string, spans: readonly Span[], random: Random): Mutant {
  const pick = <T>(list: readonly T[]): T => list[between(random, 0, list.length - 1)] as T;
  const span = pick(spans);
  const place = span.path.join('.') || 'the frame';
  switch (between(random, 0, 9)) {
    case 0: {
      const length = between(random, 0, text.length - 1);
      return { what: `cut after ${length} characters`, text: text.slice(0, length) };
    }
    case 1: {
      const value = pick(BROKEN);
      return { what: `${place} is ${value}`, text: withValue(text, span, value) };
    }
    case 2:
      return { what: `without ${place}`, text: without(text, span) };
    case 3: {
      const key = pick(KEYS);
      const renamed = `${JSON.stringify(key)}:${text.slice(span.from, span.to)}`;
      const whole = span.memberFrom === span.from;
      return {
        what: `${place} is called ${key}`,
        text: text.slice(0, span.memberFrom) + (whole ? `{${renamed}}` : renamed) + text.slice(span.to),
      };
    }
    case 4:
      return {
        what: `${place} in an array`,
        text: withValue(text, span, `[${text.slice(span.from, span.to)}]`),
      };
    case 5: {
      const other = pick(spans);
      return {
        what: `${place} is what ${other.path.join('.')} is`,
        text: withValue(text, span, text.slice(other.from, other.to)),
      };
    }
    case 6: {
      const at = between(random, 0, text.length - 1);
      const length = between(random, 1, 3);
      return {
        what: `bytes ${at} to ${at + length} are no UTF-8`,
        text: `${text.slice(0, at)}${'\ufffd'.repeat(length)}${text.slice(at + length)}`,
      };
    }
    default: {
      const value = pick(VALUES);
      return { what: `${place} is ${value}`, text: withValue(text, span, value) };
    }
  }
}

/** Several changes, one upon the other while the text is still JSON. */
export function mutantOf(text: string, random: Random): Mutant {
  let made = mutant(text, spansOf(text), random);
  while (random() < 0.25) {
    let spans: Span[];
    try {
      spans = spansOf(made.text);
    } catch {
      break;
    }
    const next = mutant(made.text, spans, random);
    made = { what: `${made.what}; ${next.what}`, text: next.text };
  }
  return made;
}

/** Changes that are too dear for a lottery: sizes and depths. */
export function monsters(text: string): Mutant[] {
  const spans = spansOf(text);
  const deep = '['.repeat(100_000);
  const nested = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`;
  const array = `${'['.repeat(5000)}${']'.repeat(5000)}`;
  const digits = '1'.repeat(1_000_000);
  const each = spans
    .filter(({ kind }) => kind === 'string' || kind === 'word')
    .flatMap((span) => {
      const place = span.path.join('.');
      return [
        { what: `${place} nested 5000 deep`, text: withValue(text, span, nested) },
        { what: `${place} nested 5000 arrays deep`, text: withValue(text, span, array) },
        { what: `${place} has 1 million digits`, text: withValue(text, span, digits) },
        {
          what: `${place} is text of 1 million digits and a letter`,
          text: withValue(text, span, `"${digits}x"`),
        },
      ];
    });
  return [
    { what: '5 MB of text', text: 'x'.repeat(5_000_000) },
    { what: '5 MB of blanks', text: ' '.repeat(5_000_000) },
    { what: 'the frame behind 5 MB of blanks', text: ' '.repeat(5_000_000) + text },
    { what: '5 MB in one string', text: `{"type":"${'x'.repeat(5_000_000)}"}` },
    { what: '100,000 open arrays', text: deep },
    { what: 'the frame within 5000 arrays', text: '['.repeat(5000) + text + ']'.repeat(5000) },
    { what: 'nothing', text: '' },
    { what: 'a byte order mark', text: `\ufeff${text}` },
    ...each,
  ];
}
