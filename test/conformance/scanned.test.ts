import { describe, expect, setDefaultTimeout, spyOn, test } from 'bun:test';
import type { Event, Exchange } from '../../src/core/exchange.ts';
import type { RequestType } from '../../src/core/market/market.ts';
import { between, type Random, seededRandom } from '../simulator/random.ts';
import { eventsOf, type Fixture, SUBJECTS, sessionFor, subjectOf, textOf } from './fixtures.ts';
import { mutantOf } from './mutate.ts';

// Many frames, on a machine that may be busy.
setDefaultTimeout(120_000);

const MUTANTS = 3_000;

/** What is scanned, not parsed, where it is spelled as it nearly always is. */
const SCANNED: readonly (readonly [string, RequestType])[] = [
  ['upbit', 'orderbook'],
  ['binance', 'orderbook'],
];

/** A scanner takes no blank between the parts: with one the same frame is parsed. */
function parsed(text: string): string {
  return /^[{[]/.test(text) ? ` ${text}` : text;
}

function plain(events: readonly Event[]): string {
  return JSON.stringify(events, (_key, value: unknown) => {
    if (value instanceof Float64Array) return Array.from(value);
    return typeof value === 'number' && (Object.is(value, -0) || !Number.isFinite(value))
      ? Bun.inspect(value)
      : value;
  });
}

/** Numbers as JSON has them, as it does not, and as they are on the edge of what a double holds. */
function number(random: Random): string {
  const digits = (most: number) =>
    Array.from({ length: between(random, 1, most) }, () => between(random, 0, 9)).join('');
  const whole = random() < 0.3 ? '0' : digits(random() < 0.8 ? 9 : 20);
  const part = random() < 0.7 ? `.${digits(random() < 0.8 ? 9 : 25)}` : '';
  const power = random() < 0.2 ? `${random() < 0.5 ? 'E' : 'e'}${between(random, -120, 120)}` : '';
  return (random() < 0.05 ? '-' : '') + whole + part + power;
}

/** Another number in the place of one, or a single character changed, left out or added. */
function respelled(text: string, random: Random): string {
  const numbers = [...text.matchAll(/-?\d[-+.\deE]*/g)];
  const one = numbers[between(random, 0, numbers.length - 1)];
  if (one && random() < 0.7) {
    const spelling = number(random);
    return text.slice(0, one.index) + spelling + text.slice(one.index + one[0].length);
  }
  const at = between(random, 0, text.length - 1);
  const chars = '0123456789.eE+-"\\[]{},: \u0000\u001fé\ud83dx';
  const char = random() < 0.3 ? '' : (chars[between(random, 0, chars.length - 1)] ?? '');
  return text.slice(0, at) + char + text.slice(at + between(random, 0, 1));
}

/** Both read the same frames in the same order, one as they are, one so that every frame is parsed. */
function pair(exchange: Exchange, fixture: Fixture, type: RequestType) {
  const [one, other] = [sessionFor(exchange, fixture, type), sessionFor(exchange, fixture, type)];
  return (text: string): [string, string] => [
    plain(eventsOf(one, text, fixture.received_at)),
    plain(eventsOf(other, parsed(text), fixture.received_at)),
  ];
}

describe.each(SUBJECTS.map(({ exchange, fixtures }) => [exchange.id, exchange, fixtures] as const))(
  '%s: what is scanned and what is parsed is the same',
  (_id, exchange, fixtures) => {
    test('for recorded frames', () => {
      for (const fixture of fixtures) {
        const [one, other] = pair(exchange, fixture, fixture.type)(textOf(fixture, exchange));
        expect(one).toBe(other);
      }
    });

    test.each(exchange.types)(`for ${MUTANTS} mutants of a %s`, (type) => {
      const sound = fixtures.filter((fixture) => fixture.type === type && fixture.expect.length > 0);
      const random = seededRandom(type.length * 7919);
      const read = sound.map((fixture) => pair(exchange, fixture, type));
      for (let i = 0; i < MUTANTS; i++) {
        const nth = between(random, 0, sound.length - 1);
        const text = textOf(sound[nth] as Fixture, exchange);
        const mutant = random() < 0.3 ? mutantOf(text, random).text : respelled(text, random);
        const [one, other] = read[nth]?.(mutant) ?? ['', ' '];
        if (one !== other)
          throw new Error(`${JSON.stringify(mutant)} is scanned as ${one}, parsed as ${other}`);
      }
    });
  },
);

test.each(SCANNED)('%s: the plain %s makes no object of its parts', (id, type) => {
  const { exchange, fixtures } = subjectOf(id);
  const fixture = fixtures.find((one) => one.type === type && one.expect.length > 0) as Fixture;
  const session = sessionFor(exchange, fixture);
  const text = textOf(fixture, exchange);
  const parse = spyOn(JSON, 'parse');
  try {
    const rows = eventsOf(session, text, fixture.received_at).filter(({ kind }) => kind === type);
    expect([rows.length, parse.mock.calls.length]).toEqual([fixture.expect.length, 0]);
    eventsOf(session, parsed(text), fixture.received_at);
    expect(parse.mock.calls.length).toBe(1);
  } finally {
    parse.mockRestore();
  }
});
