import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { Event, Exchange, Session } from '../../src/core/exchange.ts';
import type { RequestType } from '../../src/core/market/market.ts';
import { between, type Random, seededRandom } from '../simulator/random.ts';
import { eventsOf, type Fixture, SUBJECTS, sessionFor, subjectOf, textOf } from './fixtures.ts';
import { mutantOf } from './mutate.ts';

// Many frames, on a machine that may be busy.
setDefaultTimeout(120_000);

const MUTANTS = 3_000;

/** What is scanned, not parsed, where it is spelled as it nearly always is. */
const SCANNED: readonly (readonly [string, RequestType])[] = [
  ['upbit', 'ticker'],
  ['upbit', 'trade'],
  ['upbit', 'orderbook'],
  ['binance', 'orderbook'],
  ['binance', 'trade'],
  ['kraken', 'orderbook'],
];

/** All that can be told apart: JSON alone makes null of NaN, and 0 of -0. */
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
  const chars = '0123456789.eE+-"\\[]{},: \u0000\u001f\u007fé\ud83dx';
  const char = random() < 0.3 ? '' : (chars[between(random, 0, chars.length - 1)] ?? '');
  return text.slice(0, at) + char + text.slice(at + between(random, 0, 1));
}

/** As the pipeline reads a frame. */
function read(session: Session, wire: string | Uint8Array, text: string, receivedAt: number) {
  const frame = session.scanned?.scan(wire);
  if (!frame) return { events: plain(eventsOf(session, text, receivedAt)), scanned: false };
  const events: Event[] = [];
  session.scanned?.read(frame, receivedAt, (event) => events.push(event));
  return { events: plain(events), scanned: true };
}

/**
 * Sessions that read the same frames in the same order: as text and as bytes, scanned where that can be, and parsed.
 * @returns reads a frame, and tells whether it was scanned; throws where they do not say the same
 */
function readers(exchange: Exchange, fixture: Fixture, type: RequestType): (text: string) => boolean {
  const open = () => sessionFor(exchange, fixture, type);
  const [texts, bytes, parsing] = [open(), open(), open()];
  const { received_at } = fixture;
  return (text) => {
    const parsed = plain(eventsOf(parsing, text, received_at));
    const ofText = read(texts, text, text, received_at);
    const ofBytes = read(bytes, Buffer.from(text), text, received_at);
    // A lone surrogate is a replacement character in bytes.
    const same = ofBytes.events === parsed || !text.isWellFormed();
    if (ofText.events !== parsed || !same || ofText.scanned !== ofBytes.scanned)
      throw new Error(JSON.stringify({ text, parsed, ofText, ofBytes }));
    return ofText.scanned;
  };
}

describe.each(SUBJECTS.map(({ exchange, fixtures }) => [exchange.id, exchange, fixtures] as const))(
  '%s: what is scanned and what is parsed is the same',
  (id, exchange, fixtures) => {
    test('for recorded frames', () => {
      for (const fixture of fixtures) readers(exchange, fixture, fixture.type)(textOf(fixture, exchange));
    });

    test.each(exchange.types)(`for ${MUTANTS} mutants of a %s`, (type) => {
      const sound = fixtures.filter((fixture) => fixture.type === type && fixture.expect.length > 0);
      const random = seededRandom(type.length * 7919);
      const readOf = sound.map((fixture) => readers(exchange, fixture, type));
      let scanned = 0;
      for (let i = 0; i < MUTANTS; i++) {
        const nth = between(random, 0, sound.length - 1);
        const text = textOf(sound[nth] as Fixture, exchange);
        const mutant = random() < 0.3 ? mutantOf(text, random).text : respelled(text, random);
        if (readOf[nth]?.(mutant)) scanned++;
      }
      // Frames of both sorts must have been among them.
      const scans = SCANNED.some(([one, other]) => one === id && other === type);
      expect(scanned > MUTANTS / 30 && scanned < MUTANTS).toBe(scans);
    });
  },
);

test.each(SCANNED)('%s: a recorded %s is scanned', (id, type) => {
  const { exchange, fixtures } = subjectOf(id);
  const sound = fixtures.filter((one) => one.type === type && one.expect.length > 0);
  const scans = (fixture: Fixture) => readers(exchange, fixture, type)(textOf(fixture, exchange));
  expect(sound.some(scans)).toBe(true);
});
