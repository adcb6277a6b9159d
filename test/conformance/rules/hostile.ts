import { describe, expect, test } from 'bun:test';
import type { Event, Session } from '../../../src/core/exchange.ts';
import { flaw } from '../../../src/core/market/validate.ts';
import { between, seededRandom } from '../../simulator/random.ts';
import { eventsOf, type Fixture, isRow, reading, type Subject, sessionFor, textOf } from '../fixtures.ts';
import { spansOf, withValue } from '../json-spans.ts';
import { type Mutant, monsters, mutantOf } from '../mutate.ts';
import { wrongType } from '../row-types.ts';

const MUTANTS = 2000;

/** Whatever comes over the wire, a plug-in neither throws nor lets a row of a wrong type or a good neighbour go. */
export function hostileRules({ exchange, fixtures }: Subject): void {
  const valid = fixtures.filter((fixture) => isJson(textOf(fixture, exchange)));
  const rowFrames = valid.filter((fixture) => fixture.expect.length > 0);

  describe(`${exchange.id}: hostile frames`, () => {
    test(`${MUTANTS} mutants of recorded frames`, () => {
      const random = seededRandom(20_260_923);
      for (let i = 0; i < MUTANTS; i++) {
        const frames = i % 3 === 0 ? valid : rowFrames;
        const fixture = frames[between(random, 0, frames.length - 1)] as Fixture;
        survive(sessionFor(exchange, fixture), fixture, mutantOf(textOf(fixture, exchange), random));
      }
    });

    test.each([...exchange.types])('sizes and depths in a %s', (type) => {
      const fixture = rowFrames.find((one) => one.type === type) as Fixture;
      const session = sessionFor(exchange, fixture);
      for (const monster of monsters(textOf(fixture, exchange))) survive(session, fixture, monster);
    });

    test('what is no frame at all', () => {
      for (const type of exchange.types) {
        const session = sessionFor(exchange, { ...BLANK, type });
        for (const text of NO_FRAMES) survive(session, { ...BLANK, type }, { what: text, text });
      }
    });

    test('a session reads on after hostile frames', () => {
      const random = seededRandom(7);
      for (const fixture of rowFrames) {
        const text = textOf(fixture, exchange);
        const session = sessionFor(exchange, fixture);
        for (let i = 0; i < 5; i++) {
          const cut = text.slice(0, between(random, 0, text.length - 1));
          survive(session, fixture, { what: 'cut', text: cut });
        }
        const { rows } = reading(exchange, eventsOf(session, text, fixture.received_at));
        expect(rows).toEqual([...fixture.expect]);
      }
    });

    test('a broken element leaves its neighbours alone', () => {
      for (const fixture of rowFrames.filter(({ expect }) => expect.length > 1)) {
        const text = textOf(fixture, exchange);
        const all = fixture.expect.length + (fixture.rejects ?? 0);
        const spans = spansOf(text);
        const array = spans.find(({ path, kind }) => kind === 'array' && children(spans, path) === all);
        if (!array) continue;
        for (let i = 0; i < all; i++) {
          const element = spans.find(({ path }) => path.join() === [...array.path, i].join());
          for (const value of element ? ['null', '7', '"x"', '{}', '[]', 'true'] : []) {
            const broken = withValue(text, element as NonNullable<typeof element>, value);
            const { rows, rejects } = reading(
              exchange,
              eventsOf(sessionFor(exchange, fixture), broken, fixture.received_at),
            );
            const kept = fixture.expect.filter((row) => rows.some((one) => Bun.deepEquals(one, row)));
            expect({ broken, kept: kept.length >= fixture.expect.length - 1 }).toEqual({
              broken,
              kept: true,
            });
            expect({ broken, rows: rows.length + rejects.length }).toEqual({ broken, rows: all });
          }
        }
      }
    });
  });
}

/** Reads one mutant; throws a readable error for whatever a plug-in must not do. */
export function survive(session: Session, fixture: Fixture, { what, text }: Mutant): void {
  let events: Event[];
  try {
    events = eventsOf(session, text, fixture.received_at);
  } catch (error) {
    throw new Error(`read threw for: ${what}\n${text.slice(0, 2000)}`, { cause: error });
  }
  const fail = (why: string) => {
    throw new Error(`${why} for: ${what}\n${text.slice(0, 2000)}`);
  };
  if (events.length === 0) fail('no event at all');
  for (const event of events) {
    const wrong = isRow(event) ? rowFault(event, fixture) : controlFault(event);
    if (wrong !== null) fail(wrong);
  }
}

function rowFault(row: Extract<Event, { market: unknown }>, fixture: Fixture): string | null {
  if (row.kind !== fixture.type) return `a ${row.kind} in a session of ${fixture.type}`;
  return flaw(row) === null ? wrongType(row, fixture.received_at) : null;
}

function controlFault(event: Exclude<Event, { market: unknown }>): string | null {
  const words = (list: readonly unknown[]) => list.every((one) => typeof one === 'string');
  switch (event.kind) {
    case 'ack':
      return words(event.symbols) ? null : 'an ack of what is no symbol';
    case 'refused':
      return words(event.symbols) && typeof event.reason === 'string' ? null : 'a refusal that is no text';
    case 'reject':
      return typeof event.reason === 'string' && event.reason.length <= 1000
        ? null
        : 'a reason that is no text';
    case 'send':
      return typeof event.text === 'string' && event.text.length <= 1000 ? null : 'an answer out of bounds';
    case 'resync':
      return typeof event.symbol === 'string' ? null : 'a resync of no symbol';
    case 'restart':
      return typeof event.reason === 'string' ? null : 'a reason that is no text';
    default:
      return null;
  }
}

const BLANK: Fixture = { type: 'ticker', frame: '', received_at: 1_790_134_800_000_123, expect: [] };

const NO_FRAMES = [
  ...['', ' ', '\u0000', '\ufffd', 'null', 'true', '0', '-0', '1e400', '"x"', '[]', '[[]]', '[null]', '{}'],
  ...['ping', 'pong', 'PING', 'NaN', 'undefined', '<html>', '{"', '{"a"', '{"__proto__":null}', '[{}]'],
  ...[
    '{"error":null}',
    '{"error":{"name":{"toString":1}}}',
    '{"status":{}}',
    '{"data":null}',
    '{"data":[null]}',
  ],
];

function children(spans: readonly { path: readonly unknown[] }[], path: readonly unknown[]): number {
  return spans.filter(
    (span) => span.path.length === path.length + 1 && path.every((key, at) => span.path[at] === key),
  ).length;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
