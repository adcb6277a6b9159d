import { EXCHANGES } from '../../exchanges/index.ts';
import { openSession } from '../../src/core/books/open-session.ts';
import type { Exchange, Session } from '../../src/core/exchange.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { inflate } from '../../src/core/pipeline/inflate.ts';
import type { SimExchange } from '../simulator/sim-exchange.ts';
import type { SimSocket } from '../simulator/sim-socket.ts';
import { startSimulator } from '../simulator/simulator.ts';

/** A frame as a socket brings it, inflated where the exchange sends gzip. */
export type Frame = string | Uint8Array;

/** Frames of order books of one exchange. */
export interface BookFeed {
  readonly exchange: Exchange;
  /** What comes until all books are whole, and is fetched for it. */
  readonly first: readonly Frame[];
  /** What comes then. */
  readonly frames: readonly Frame[];
  /** Levels that changed from one frame to the next, mean. */
  readonly changes: number;
}

const CODES = 20;
/** Level changes of each code in a second: those of a busy one. */
const CHANGES_PER_S = 200;
/**
 * Books that change as those of busy codes do, told as often as the exchange tells them: 20 changes in a frame where one
 * comes every 100 ms, a frame for each where they are told at once.
 * @param count frames, about
 */
export async function bookFeed(id: string, count: number): Promise<BookFeed> {
  const exchange = EXCHANGES.find((one) => one.id === id);
  const simulator = await startSimulator({ exchanges: [id], symbols: CODES, keepRows: false, seed: 7 });
  try {
    const venue = simulator.exchanges.get(id);
    if (!exchange || !venue) throw new Error(`there is no exchange ${id}`);
    return await record(exchange, venue, count);
  } finally {
    await simulator.stop();
  }
}

/** A session for the books of a feed, which keeps them as one of a collector does. */
export function bookSession(exchange: Exchange, keyframeMs: number): Session {
  const markets = new Markets((symbol) => exchange.markets.split(symbol));
  return openSession(exchange, 'orderbook', markets, { keyframeMs });
}

async function record(exchange: Exchange, venue: SimExchange, count: number): Promise<BookFeed> {
  const taken: Frame[] = [];
  const { books } = venue;
  const socket = await subscribe(exchange, venue, (frame) => {
    taken.push(typeof frame !== 'string' && exchange.encoding === 'gzip' ? inflate(frame) : frame);
  });
  taken.push(...fetched(exchange, venue));
  const first = taken.splice(0);
  const [some] = [...books.codes.values()].flatMap(({ publications }) => [...publications.values()]);
  if (!some) throw new Error(`${exchange.id}: no book was subscribed`);
  const { everyMs } = some.channel;
  const wanted = Math.max(1, (CHANGES_PER_S * everyMs) / 1000);
  const roundMs = (wanted / CHANGES_PER_S) * 1000;
  const startedAt = performance.now();
  let changes = 0;
  for (let round = 1; taken.length < count; round++) {
    for (const code of books.codes.values()) {
      for (let changed = 0; changed < wanted; ) changed += books.step(code);
      changes += wanted;
    }
    books.beat(startedAt + round * roundMs);
  }
  socket.end('abrupt');
  return { exchange, first, frames: taken, changes: changes / taken.length };
}

/** A socket of the exchange's own end, which asks for every code that there is, no faster than the exchange allows. */
async function subscribe(
  exchange: Exchange,
  venue: SimExchange,
  send: (frame: Frame) => void,
): Promise<SimSocket> {
  const markets = new Markets((symbol) => exchange.markets.split(symbol));
  const codes = venue.listings.flatMap(({ symbol }) => markets.get(symbol) ?? []);
  const session = bookSession(exchange, 0);
  const book = exchange.orderbooks?.choices[0];
  const { pathname, searchParams } = new URL(exchange.endpoint('orderbook', book));
  const socket = venue.connect('127.0.0.1', pathname, searchParams);
  socket.opened({
    send(frame) {
      send(frame);
      return 1;
    },
    ping: () => 1,
    close() {},
    terminate() {},
  });
  const texts = [...session.open()];
  const { codesPerFrame, sends } = exchange.limits;
  for (let n = 0; n < codes.length; n += codesPerFrame) {
    const some = codes.slice(n, n + codesPerFrame);
    const asks = some.flatMap((code) => session.askBook?.(code) ?? []);
    texts.push(...session.change(codes, some, []), ...asks);
  }
  const narrow = sends.filter(({ count }) => count < texts.length);
  const apartMs = Math.max(0, ...narrow.map(({ count, perMs }) => perMs / count));
  for (const text of texts) {
    socket.text(text);
    await Bun.sleep(apartMs);
  }
  return socket;
}

/** Whole books over REST, as frames. */
function fetched(exchange: Exchange, { protocol, books, listings }: SimExchange): Frame[] {
  const { rest, choices } = exchange.orderbooks ?? {};
  if (!rest || !choices) return [];
  return listings.flatMap(({ symbol }) => {
    const { pathname, searchParams } = new URL(rest.url(symbol, choices[0]));
    const asked = protocol.books?.rest?.(pathname, searchParams);
    if (!asked) return [];
    const view = books.asked(symbol, asked.channel, asked.depth, true);
    return rest.frame(symbol, JSON.stringify(asked.answer(view)));
  });
}
