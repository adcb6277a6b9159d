import { describe, expect, test } from 'bun:test';
import { openSession } from '../../../src/core/books/open-session.ts';
import type { Market, RequestType } from '../../../src/core/market/market.ts';
import { Markets } from '../../../src/core/market/markets.ts';
import { socketCodes } from '../../../src/core/socket-codes.ts';
import { between, seededRandom } from '../../simulator/random.ts';
import { chase } from '../chase.ts';
import { type Talk, talk } from '../conversation.ts';
import type { Subject } from '../fixtures.ts';
import { type Simulation, simulations } from '../simulated.ts';

/** Frames that add and drop codes, as the exchange understands them. */
export function subscribingRules({ exchange, fixtures }: Subject): void {
  const { limits, subscribing, confirms } = exchange;

  describe(`${exchange.id}: subscribing`, () => {
    test.each([...exchange.types])('%s: frames are JSON within the limit, and new for every set', (type) => {
      const markets = new Markets((symbol) => exchange.markets.split(symbol));
      const symbols = new Set(fixtures.flatMap(({ expect }) => expect.map((row) => String(row.symbol))));
      const all = [...symbols].flatMap((symbol) => markets.get(symbol) ?? []);
      const [first] = all;
      expect(first).toBeDefined();
      const session = openSession(exchange, type, markets);
      session.open();
      const seen = new Set<string>();
      let have: Market[] = [];
      for (const market of all.slice(0, socketCodes(exchange, type))) {
        have = [...have, market];
        const frames = session.change(have, [market], []);
        expect(frames.length).toBeGreaterThan(0);
        for (const frame of frames) {
          expect(typeof JSON.parse(frame)).toBe('object');
          expect(frame.length).toBeLessThanOrEqual(limits.frameChars ?? 1_000_000);
          expect(seen.has(frame)).toBe(false);
          seen.add(frame);
        }
      }
    });
  });

  describe.each(
    simulations(exchange).map((simulation) => [simulation.book ?? 'default', simulation] as const),
  )(`${exchange.id}: subscribing, books by %s`, (_, simulation) => {
    test.each([...simulation.types])('%s: codes come and go, and exactly those wanted are served', (type) => {
      const exchanged = talk(exchange, type, simulation);
      const random = seededRandom(77);
      const pool = exchanged.markets.slice(0, 60);
      for (let round = 0; round < 40; round++) {
        // A replacing exchange cannot be asked for nothing: its socket is closed instead.
        const wanted = pool.filter(() => random() < 0.4);
        const want = wanted.length > 0 ? wanted : pool.slice(0, between(random, 1, 3));
        exchanged.change(want);
        expectServed(exchanged, type, want);
      }
      if (subscribing === 'add') {
        exchanged.change([]);
        expectServed(exchanged, type, []);
      }
    });

    test.each([...simulation.types])('%s: a full socket', (type) => {
      const exchanged = talk(exchange, type, simulation);
      const want = exchanged.markets.slice(0, socketCodes(exchange, type));
      exchanged.change(want);
      expectServed(exchanged, type, want);
      for (const frame of exchanged.sent) {
        expect(frame.length).toBeLessThanOrEqual(limits.frameChars ?? Number.POSITIVE_INFINITY);
      }
      // A heartbeat text is no request; it may answer an ack.
      const { send } = exchange.heartbeat;
      const requests = exchanged.sent.filter((text) => typeof send !== 'object' || text !== send.text);
      expect(requests.length).toBeLessThanOrEqual(want.length + 1);
    });

    test.each([...simulation.types])('%s: what the exchange confirms is what was asked', (type) => {
      const exchanged = talk(exchange, type, simulation);
      const want = exchanged.markets.slice(0, Math.min(20, socketCodes(exchange, type)));
      exchanged.change(want);
      const acked = exchanged.events.flatMap((event) => (event.kind === 'ack' ? event.symbols : []));
      expect([...new Set(acked)].sort()).toEqual(
        confirms === 'ack' ? want.map(({ symbol }) => symbol).sort() : [],
      );
      expect(exchanged.events.filter(({ kind }) => kind === 'refused' || kind === 'reject')).toEqual([]);
    });

    test.each([...simulation.types])('%s: a code the exchange does not have harms no other', (type) => {
      const { exchanged, missing, want } = withMissing(type, simulation);
      exchanged.change([missing, ...want]);
      expect([...exchanged.served].sort()).toEqual(want.map(({ symbol }) => `${type} ${symbol}`).sort());
      const refused = exchanged.events.filter((event) => event.kind === 'refused');
      const named = refused.flatMap(({ symbols }) => symbols);
      expect(named.filter((symbol) => symbol !== missing.symbol)).toEqual([]);
      // Where the exchange says anything about the code, the plug-in knows which code it is.
      expect({ refused: refused.length, named: named.length }).toEqual({
        refused: refused.length,
        named: refused.length,
      });
    });

    test.each([...simulation.types])(
      '%s: a code that was refused, or ignored, is served when it opens',
      (type) => {
        const { protocol, listings, venue, types, book } = simulation;
        let open = false;
        const late = listings[1]?.symbol ?? '';
        const opening = {
          ...venue,
          find: (symbol: string) => (symbol !== late || open ? venue.find(symbol) : undefined),
        };
        const exchanged = chase(exchange, type, { protocol, listings, venue: opening, types, book });
        exchanged.want(exchanged.markets.slice(0, 3));
        exchanged.wait(60_000);
        expect([...exchanged.served].sort()).toEqual(
          [0, 2].map((n) => `${type} ${listings[n]?.symbol}`).sort(),
        );
        // Where an exchange confirms what it does not have, it is the watch over data that finds the code.
        if (exchanged.confirmed(late)) return expect(exchange.id).toBe('binance');
        const before = exchanged.sent.length;
        open = true;
        exchanged.wait(300_000);
        expect(exchanged.served.size).toBe(3);
        expect(exchanged.confirmed(late)).toBe(true);
        expect(exchanged.violations).toEqual([]);
        expect(exchanged.sent.length - before).toBeLessThan(20);
      },
    );
  });

  function withMissing(type: RequestType, { protocol, listings, venue, types, book }: Simulation) {
    const symbol = protocol.symbol('NOSUCH', protocol.quotes[0]?.quote ?? 'USDT');
    const quote = protocol.quotes[0]?.quote ?? 'USDT';
    const missing = { symbol, base: 'NOSUCH', quote, priceDigits: 2, sizeDigits: 2 };
    const exchanged = talk(exchange, type, {
      protocol,
      listings: [...listings, missing],
      venue,
      types,
      book,
    });
    const market = exchanged.markets.find((one) => one.symbol === symbol) as Market;
    return { exchanged, missing: market, want: exchanged.markets.slice(0, 3) };
  }
}

function expectServed(exchanged: Talk, type: RequestType, want: readonly Market[]): void {
  expect(exchanged.complaints).toEqual([]);
  expect([...exchanged.served].sort()).toEqual(want.map(({ symbol }) => `${type} ${symbol}`).sort());
}
