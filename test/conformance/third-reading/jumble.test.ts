import { describe, expect, test } from 'bun:test';
import { openSession } from '../../../src/core/books/open-session.ts';
import type { Event } from '../../../src/core/exchange.ts';
import type { Market } from '../../../src/core/market/market.ts';
import { Markets } from '../../../src/core/market/markets.ts';
import { flaw } from '../../../src/core/market/validate.ts';
import { seededRandom } from '../../simulator/random.ts';
import { SUBJECTS, textOf } from '../fixtures.ts';
import { mutantOf } from '../mutate.ts';
import { wrongType } from '../row-types.ts';

const RECEIVED_AT = 1_790_134_800_000_123;
const SESSIONS = 20;
const FRAMES = 500;

/** What is wrong with the form of an event; null where nothing is. */
function fault(event: Event): string | null {
  switch (event.kind) {
    case 'ticker':
    case 'trade':
      return flaw(event) === null ? wrongType(event, RECEIVED_AT) : null;
    case 'ack':
      return event.symbols.every(isText) ? null : 'a symbol is no text';
    case 'refused':
      return event.symbols.every(isText) && isText(event.reason) ? null : 'a symbol or the reason is no text';
    case 'resync':
      return isText(event.symbol) ? null : 'the symbol is no text';
    case 'send':
      return isJson(event.text) ? null : 'what is sent is no JSON';
    case 'reject':
    case 'restart':
      return isText(event.reason) ? null : 'the reason is no text';
    default:
      return null;
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isJson(text: string): boolean {
  try {
    return JSON.parse(text) !== undefined;
  } catch {
    return false;
  }
}

function mutated(text: string, random: () => number): string {
  try {
    return mutantOf(text, random).text;
  } catch {
    // Recorded as what it is: no JSON.
    return text;
  }
}

/** Acks, refusals, data and ends of anything in any order, some of it damaged, while codes come and go. */
describe.each(SUBJECTS.map((subject) => [subject.exchange.id, subject] as const))(
  '%s: a conversation without order',
  (_id, { exchange, fixtures }) => {
    const texts = fixtures.flatMap((fixture) => [textOf(fixture, exchange), ...(fixture.before ?? [])]);
    const symbols = [
      ...new Set(fixtures.flatMap(({ expect: rows }) => rows.map(({ symbol }) => String(symbol)))),
    ];

    test.each([...exchange.types])('%s: nothing throws, and every event has its form', (type) => {
      const random = seededRandom(31);
      const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
      const faults: unknown[] = [];
      for (let n = 0; n < SESSIONS; n++) {
        const markets = new Markets(exchange.markets.split);
        const session = openSession(exchange, type, markets);
        const want = new Set<Market>();
        const turn = (market: Market | undefined): readonly string[] => {
          if (!market) return [];
          const drop = want.delete(market);
          if (!drop) want.add(market);
          return session.change([...want], drop ? [] : [market], drop ? [market] : []);
        };
        faults.push(...session.open().filter((text) => !isJson(text)));
        for (let i = 0; i < FRAMES; i++) {
          if (i < 4 || random() < 0.05) {
            const sent = turn(markets.get(pick(symbols) ?? ''));
            faults.push(...sent.filter((text) => !isJson(text)));
          }
          const recorded = pick(texts) ?? '';
          const frame = random() < 0.4 ? mutated(recorded, random) : recorded;
          session.read(frame, RECEIVED_AT, (event) => {
            const wrong = fault(event);
            if (wrong !== null) faults.push({ wrong, frame: frame.slice(0, 200) });
          });
        }
      }
      expect(faults).toEqual([]);
    });
  },
);
