import { describe, expect, test } from 'bun:test';
import type { Listing } from '../../../src/core/exchange.ts';
import { Markets } from '../../../src/core/market/markets.ts';
import { seededRandom } from '../../simulator/random.ts';
import type { Subject } from '../fixtures.ts';
import { mutantOf } from '../mutate.ts';
import { simulated } from '../simulated.ts';

/** Answers of status 200 that are no market list, as exchanges word them. */
const NO_LISTS: readonly unknown[] = [
  ...[undefined, null, true, 0, '', 'Service Unavailable', {}, { data: null }, { symbols: {} }],
  { error: { name: 404, message: 'Code not found' } },
  { result: 'error', error_code: '108', error_msg: 'Unknown CryptoCurrency' },
  { success: false, error: { code: 400, message: 'INVALID_CURRENCY_PAIR' } },
  { code: -1121, msg: 'Invalid symbol.' },
  { retCode: 10_001, retMsg: 'params error', result: {} },
  { code: '50011', msg: 'Too Many Requests', data: [] },
  { status: 'error', 'err-code': 'invalid-parameter', 'err-msg': 'invalid symbol' },
  { error: ['EGeneral:Internal error'] },
  { message: 'NotFound' },
];

/** Symbols that no exchange has. */
const NO_SYMBOLS = ['', ' ', '-', '_', '/', ':', '__proto__', 'constructor', 'toString'];

/** Market lists and the spelling of symbols. */
export function marketRules({ exchange, fixtures }: Subject): void {
  const { urls, parse, split } = exchange.markets;
  const rows = fixtures.flatMap((fixture) => fixture.expect);
  const bodiesOf = (body: unknown) => urls.map(() => body);
  const simulation = simulated(exchange);

  describe(`${exchange.id}: markets`, () => {
    test('recorded symbols split into the base and quote of their rows', () => {
      for (const { symbol, base, quote, code } of rows) {
        const pair = split(String(symbol));
        const upper = pair && { base: pair.base.toUpperCase(), quote: pair.quote.toUpperCase() };
        expect({ symbol, upper }).toEqual({ symbol, upper: { base: String(base), quote: String(quote) } });
        expect(code).toBe(`${quote}-${base}`);
      }
    });

    test('splitting is total', () => {
      for (const symbol of [
        ...NO_SYMBOLS,
        'x'.repeat(100_000),
        '-'.repeat(100_000),
        '\ud800',
        '币安人生USDT',
      ]) {
        const pair = split(symbol);
        if (pair) {
          expect({ symbol, empty: pair.base === '' || pair.quote === '' }).toEqual({ symbol, empty: false });
        }
      }
      for (const symbol of NO_SYMBOLS)
        expect({ symbol, pair: split(symbol) }).toEqual({ symbol, pair: null });
    });

    test('what is no market list is an Error that says so', () => {
      for (const body of NO_LISTS) {
        const said = refusal(() => parse(bodiesOf(body)));
        expect({ body, said }).toEqual({ body, said: expect.stringMatching(/\w+ \w+/) });
      }
      expect(refusal(() => parse([]))).toMatch(/\w+ \w+/);
    });

    if (!simulation) return;
    const { protocol, listings } = simulation;
    const bodies = urls.map((url) => {
      const { pathname, searchParams } = new URL(url);
      return JSON.parse(JSON.stringify(protocol.rest(pathname, searchParams, listings) ?? null)) as unknown;
    });

    test('the list of the simulated exchange is read whole', () => {
      const wanted = listings.map(({ symbol, base, quote }) => ({ symbol, base, quote }));
      const read = new Markets(split, parse(bodies)).all();
      const bySymbol = (a: { symbol: string }, b: { symbol: string }) => (a.symbol < b.symbol ? -1 : 1);
      expect(read.map(({ symbol, base, quote }) => ({ symbol, base, quote })).sort(bySymbol)).toEqual(
        wanted.sort(bySymbol),
      );
    });

    test('a damaged list gives sound markets or an Error', () => {
      const random = seededRandom(5);
      const [first] = bodies;
      const text = JSON.stringify(cutDown(first));
      for (let i = 0; i < 500; i++) {
        const { what, text: damaged } = mutantOf(text, random);
        let list: Listing[];
        try {
          list = parse([JSON.parse(damaged), ...bodies.slice(1)]);
        } catch (error) {
          expect({ what, fault: (error as Error).constructor.name }).toEqual({
            what,
            fault: error instanceof SyntaxError ? 'SyntaxError' : 'Error',
          });
          continue;
        }
        for (const { symbol, base, quote } of list) {
          const sound = [symbol, base, quote].every((name) => typeof name === 'string' && name !== '');
          expect({ what, sound }).toEqual({ what, sound: true });
        }
      }
    });
  });
}

/** The message of a plain Error; a TypeError would be an accident, and a list would be a mistake. */
function refusal(attempt: () => unknown): string {
  try {
    return `list:${JSON.stringify(attempt())}`;
  } catch (error) {
    const { name, message } = error as Error;
    return name === 'Error' ? message : name;
  }
}

/** A list's first rows: enough to damage. */
function cutDown(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 3).map(cutDown);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, cutDown(member)]));
}
