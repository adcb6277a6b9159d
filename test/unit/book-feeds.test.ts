import { expect, setDefaultTimeout, test } from 'bun:test';
import { EXCHANGES } from '../../exchanges/index.ts';
import type { Event } from '../../src/core/exchange.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { textOf } from '../../src/core/pipeline/decode.ts';
import { bookFeed, bookSession } from '../bench/book-feed.ts';
import { BookReader } from '../bench/book-reader.ts';

// Many frames, on a machine that may be busy.
setDefaultTimeout(60_000);

const FRAMES = 400;

/** Numbers as they are; arrays of them by their contents. */
function plain(events: readonly Event[]): string {
  return JSON.stringify(events, (_key, value: unknown) =>
    value instanceof Float64Array ? Array.from(value, String) : value,
  );
}

test.each(EXCHANGES.map((exchange) => [exchange.id, exchange] as const))(
  '%s: a feed of books is read without a break, and scanned as it is parsed',
  async (id, exchange) => {
    const { first, frames } = await bookFeed(id, FRAMES);
    const reader = new BookReader(bookSession(exchange, 60_000));
    const book = exchange.orderbooks?.choices[0];
    const open = () =>
      exchange.session('orderbook', new Markets((symbol) => exchange.markets.split(symbol)), { book });
    const [scanning, parsing] = [open(), open()];
    let scanned = 0;
    for (const frame of [...first, ...frames]) {
      reader.read(frame);
      const [parsed, other]: [Event[], Event[]] = [[], []];
      parsing.read(textOf(frame), 1e15, (event) => parsed.push(event));
      const found = scanning.scanned?.scan(frame);
      if (found) scanning.scanned?.read(found, 1e15, (event) => other.push(event));
      else scanning.read(textOf(frame), 1e15, (event) => other.push(event));
      if (found) scanned++;
      if (plain(other) !== plain(parsed)) throw new Error(textOf(frame));
    }
    expect(reader.wrong).toBe('');
    expect(reader.rows).toBeGreaterThan(FRAMES / 2);
    // What has a scanner has it for these frames.
    if (scanning.scanned) expect(scanned).toBeGreaterThanOrEqual(frames.length);
  },
);
