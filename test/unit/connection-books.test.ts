import { describe, expect, test } from 'bun:test';
import type { BookFetch } from '../../src/core/connection/link-parts.ts';
import type { BookStart, Orderbooks } from '../../src/core/exchange.ts';
import { bookExchange } from './book-parts.ts';
import { answer, coin, type FakeSocket, type Rig, running, socketOf } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

const whole = (book: string, seq: number) => ({ book, whole: true, seq, bids: [[99, 1]], asks: [[101, 1]] });
const change = (book: string, seq: number, prev = seq - 1) => ({ book, seq, prev, bids: [[99, 2]] });

/** A connection whose exchange sends a whole book after each subscription, unless told to keep it back. */
async function live(
  start: BookStart,
  codes: readonly string[],
  {
    rules = {},
    serves = () => true,
  }: { rules?: Partial<Orderbooks>; serves?: (code: string) => boolean } = {},
): Promise<Rig & { socket: FakeSocket; fetches: BookFetch[] }> {
  const clock = new ManualClock();
  const fetches: BookFetch[] = [];
  let asked = 0;
  const made = await running(codes, {
    clock,
    type: 'orderbook',
    exchange: bookExchange(start, rules),
    settings: { keyframeMs: 0 },
    fetchBook: (fetch) => void fetches.push(fetch),
    serve: (socket) => {
      clock.after(10, () => socket.accept());
      socket.onSend = (text) => {
        answer(clock, socket, text);
        const { sub, req } = text.startsWith('{') ? JSON.parse(text) : {};
        const books: string[] = start === 'sent' ? (sub ?? []) : start === 'asked' && req ? [req] : [];
        for (const book of books.filter(serves))
          clock.after(20, () => socket.frame(whole(book, asked++ * 20 + 5)));
      };
    },
  });
  return { ...made, socket: socketOf(made, 1), fetches };
}

const sentSince = (socket: FakeSocket, from: number) =>
  socket.sent.slice(from).filter((text) => text !== '<ping>');

describe('a broken book', () => {
  test('is subscribed anew, has a gap with its cause that ends with the new book, and leaves other codes alone', async () => {
    const made = await live('sent', ['A', 'B']);
    const { socket, clock } = made;
    expect(made.rows).toEqual(['SA@1', 'SB@1']);
    socket.frame(change('A', 6));
    await clock.advance(5000);
    const at = clock.micros();
    const sent = socket.sent.length;
    socket.frame(change('A', 9, 8));
    socket.frame(change('A', 10, 9));
    socket.frame(change('B', 26));
    expect(sentSince(socket, sent)).toEqual(['{"unsub":["A"]}', '{"sub":["A"]}']);
    await clock.advance(1000);
    expect(made.rows.slice(2)).toEqual(['DA@1', 'DB@1', 'SA@1']);
    expect(made.gaps).toHaveLength(1);
    const [gap] = made.gaps;
    expect(gap).toMatchObject({ cause: 'sequence', codes: ['KRW-A'] });
    // What is missing was sent after the last change that came.
    expect(gap?.from).toBeLessThanOrEqual(at - 5_000_000);
    expect(gap?.to).toBeGreaterThanOrEqual(at);
    expect(made.sockets).toHaveLength(1);
  });

  test('again and again is asked for later and later', async () => {
    const { socket, clock } = await live('sent', ['A']);
    const from = clock.now();
    let seq = 5;
    for (let second = 0; second < 300; second++) {
      seq += 10;
      socket.frame(change('A', seq));
      await clock.advance(1000);
    }
    const asked = socket.sent.flatMap((text, at) =>
      text === '{"sub":["A"]}' ? [socket.sentAtMs[at] ?? 0] : [],
    );
    const since = asked.slice(1).map((ms) => Math.round((ms - from) / 1000));
    expect(since.length).toBeLessThan(13);
    expect(since.length).toBeGreaterThan(7);
    expect(since[0]).toBe(0);
  });

  test('tells `checksum` and `crossed` by their names', async () => {
    const crossed = await live('sent', ['A'], { rules: { crossedMs: 1000 } });
    crossed.socket.frame({ ...change('A', 6), bids: [[102, 1]] });
    await crossed.clock.advance(2000);
    crossed.socket.frame(change('A', 7));
    await crossed.clock.advance(1000);
    expect(crossed.gaps.map(({ cause }) => cause)).toEqual(['crossed']);
    const rules: Partial<Orderbooks> = { checksum: { marks: false, of: () => 7 } };
    const checked = await live('sent', ['A'], { rules });
    checked.socket.frame({ sum: 'A', value: 8 });
    await checked.clock.advance(1000);
    expect(checked.gaps.map(({ cause }) => cause)).toEqual(['checksum']);
  });

  test('of which none comes is asked for again, within bounds', async () => {
    let serves = true;
    const { socket, clock, gaps } = await live('sent', ['A'], { serves: () => serves });
    serves = false;
    const sent = socket.sent.length;
    socket.frame(change('A', 9));
    await clock.advance(300_000);
    const asked = sentSince(socket, sent).filter((text) => text === '{"sub":["A"]}').length;
    expect(asked).toBeGreaterThan(4);
    expect(asked).toBeLessThan(20);
    expect(gaps.map(({ cause, to }) => [cause, to])).toEqual([['sequence', null]]);
    serves = true;
    await clock.advance(90_000);
    expect(gaps.at(-1)?.to).not.toBeNull();
  });
});

test('a code is received from its first whole book on: until then the gap of one that was there before goes on', async () => {
  let serves = false;
  const made = await live('sent', ['A'], { serves: () => serves });
  made.connection.missedSince([coin('A')], made.clock.micros() - 1_000_000, 'restart');
  await made.clock.advance(5000);
  expect(made.confirmed).toEqual(['A@1']);
  expect(made.gaps.filter(({ to }) => to !== null)).toEqual([]);
  serves = true;
  await made.clock.advance(30_000);
  expect(made.gaps.at(-1)).toMatchObject({ cause: 'restart', codes: ['KRW-A'] });
  expect(made.gaps.at(-1)?.to).not.toBeNull();
});

test('a book that is had upon a request is asked for at once, and after a break again', async () => {
  const { socket, clock, rows, gaps } = await live('asked', ['A']);
  expect(socket.sent).toEqual(['{"sub":["A"]}', '{"req":"A"}']);
  await clock.advance(1000);
  socket.frame(change('A', 9, 8));
  await clock.advance(5000);
  expect(sentSince(socket, 2)).toEqual(['{"req":"A"}']);
  expect(rows).toEqual(['SA@1', 'SA@1']);
  expect(gaps.map(({ cause }) => cause)).toEqual(['sequence']);
});

describe('a book over REST', () => {
  test('is a frame in its turn: changes that came before it follow it', async () => {
    const { socket, clock, fetches, rows } = await live('fetched', ['A', 'B']);
    expect(fetches.map(({ market }) => market.symbol)).toEqual(['A', 'B']);
    for (const seq of [5, 6, 7]) socket.frame(change('A', seq));
    expect(fetches.map((fetch) => fetch.activity())).toEqual([3, 0]);
    expect(rows).toEqual([]);
    fetches[0]?.deliver(JSON.stringify(whole('A', 5)));
    await clock.advance(100);
    expect(rows).toEqual(['SA@1', 'DA@1', 'DA@1']);
  });

  test('that is older than the changes, did not come, or is none is fetched again', async () => {
    const { socket, clock, fetches, rows } = await live('fetched', ['A']);
    socket.frame(change('A', 9));
    fetches[0]?.deliver(JSON.stringify(whole('A', 3)));
    await clock.advance(2000);
    expect(fetches).toHaveLength(2);
    fetches[1]?.deliver(null);
    await clock.advance(4000);
    expect(fetches).toHaveLength(3);
    fetches[2]?.deliver('{"nothing":1}');
    await clock.advance(60_000);
    expect(fetches.length).toBeGreaterThanOrEqual(4);
    fetches.at(-1)?.deliver(JSON.stringify(whole('A', 8)));
    await clock.advance(1000);
    expect(rows).toEqual(['SA@1', 'DA@1']);
  });

  test('is of no use any more where its code, or its socket, is gone', async () => {
    const { connection, clock, fetches, socket, rows } = await live('fetched', ['A', 'B']);
    connection.update([coin('B')]);
    await clock.advance(100);
    expect(fetches.map((fetch) => fetch.wanted())).toEqual([false, true]);
    socket.end();
    expect(fetches.map((fetch) => fetch.wanted())).toEqual([false, false]);
    for (const fetch of fetches) fetch.deliver(JSON.stringify(whole(fetch.market.symbol, 5)));
    await clock.advance(10_000);
    expect(rows).toEqual([]);
    // The next socket asks for its own.
    expect(fetches.slice(2).map(({ market }) => market.symbol)).toEqual(['B']);
  });
});
