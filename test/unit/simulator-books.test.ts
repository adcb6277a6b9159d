import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { BookState } from '../simulator/books/exchange-books.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { READERS, ReadBook, type Reader } from './simulator-book-readers.ts';

// Real servers take their time on a busy machine.
setDefaultTimeout(60_000);

const open: { stop(): Promise<void> | void }[] = [];
afterAll(async () => {
  for (const each of open) await each.stop();
});

interface Listener {
  readonly simulator: Awaited<ReturnType<typeof startSimulator>>;
  readonly symbol: string;
  readonly book: ReadBook;
  readonly texts: string[];
}

/** A socket that subscribes the book of one code and rebuilds it. */
async function listen(id: string, options: { changesPerS?: number } = {}): Promise<Listener> {
  const simulator = await startSimulator({
    exchanges: [id],
    symbols: 4,
    rowsPerS: 0,
    bookChangesPerS: options.changesPerS ?? 0,
    seed: 3,
  });
  const reader = READERS[id] as Reader;
  const [symbol = ''] = simulator.symbols(id);
  const book = new ReadBook();
  const texts: string[] = [];
  const socket = new WebSocket(`${simulator.url(id)}${reader.path}`);
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }) => {
    const text = textOf(id, data);
    texts.push(text);
    book.frames++;
    reader.read(text === 'pong' ? {} : JSON.parse(text), book, text);
  };
  await new Promise((resolve) => {
    socket.onopen = resolve;
  });
  open.push({ stop: () => socket.close() }, simulator);
  for (const request of reader.requests(symbol)) socket.send(JSON.stringify(request));
  await until(() => simulator.ledger.of('subscribe').length > 0);
  if (id === 'binance') await rest(simulator, symbol, book, reader);
  return { simulator, symbol, book, texts };
}

function textOf(id: string, data: unknown): string {
  if (typeof data === 'string') return data;
  const bytes = new Uint8Array(data as ArrayBuffer);
  return new TextDecoder().decode(id === 'huobi' ? Bun.gunzipSync(bytes) : bytes);
}

async function rest(
  simulator: Listener['simulator'],
  symbol: string,
  book: ReadBook,
  reader: Reader,
): Promise<void> {
  const response = await fetch(`${simulator.restUrl('binance')}/api/v3/depth?symbol=${symbol}&limit=1000`);
  reader.read(await response.json(), book, '');
}

async function until(done: () => boolean, ms = 20_000): Promise<void> {
  const end = performance.now() + ms;
  while (!done()) {
    if (performance.now() > end) throw new Error('did not happen in time');
    await Bun.sleep(2);
  }
}

/** The reader's book once it has read what the simulator had sent when it was asked. */
async function caughtUp(listener: Listener): Promise<BookState> {
  const { simulator, symbol, book } = listener;
  const [id = ''] = simulator.exchanges.keys();
  const state = simulator.book(id, symbol);
  await until(() => book.at >= state.at);
  // Frames of one change that have one time: the last of them, too.
  for (let before = -1; before !== book.frames; await Bun.sleep(5)) before = book.frames;
  return state;
}

function expectSame(book: ReadBook, state: BookState): void {
  expect(book.best(true)).toEqual(state.bids.map(([price, size]) => [price, size]));
  expect(book.best(false)).toEqual(state.asks.map(([price, size]) => [price, size]));
}

describe.each(Object.keys(READERS))('%s', (id) => {
  test('a reader that follows the page has the book at any moment, while trades eat it', async () => {
    const listener = await listen(id, { changesPerS: 600 });
    const { simulator, symbol, book } = listener;
    await simulator.do({ do: 'event', exchange: id, type: 'orderbook', symbol });
    for (let moment = 0; moment < 6; moment++) {
      for (let i = 0; i < 6; i++) {
        await simulator.do({ do: 'event', exchange: id, type: 'trade', symbol, count: 3 });
        await Bun.sleep(10);
      }
      await simulator.do({ do: 'book-rate', changesPerS: 0 });
      expectSame(book, await caughtUp(listener));
      await simulator.do({ do: 'book-rate', changesPerS: 600 });
    }
    expect(book.broken).toEqual([]);
    expect(book.frames).toBeGreaterThan(6);
    simulator.ledger.assertNoViolations();
  });

  test('a trade takes from the best level what it prints', async () => {
    const listener = await listen(id);
    const { simulator, symbol } = listener;
    const exchange = simulator.exchanges.get(id);
    const walk = exchange?.walk(symbol);
    if (!walk) throw new Error('no walk');
    for (let i = 0; i < 200; i++) {
      const before = walk.tick(0, false);
      const trade = walk.trade(Date.now());
      const [side, best] = trade.takerBuys ? ['asks' as const, before.ask] : ['bids' as const, before.bid];
      expect(trade.price).toBe(best);
      const bestSize = trade.takerBuys ? before.askSize : before.bidSize;
      const [now] = walk.tick(0, false)[side](1);
      if (now?.price === best) expect(now.size).toBeCloseTo(bestSize - trade.size, 8);
      else expect(trade.size).toBe(bestSize);
    }
  });
});

/** What an exchange's reader can find out, by fault. */
const FOUND: Readonly<Record<string, readonly string[]>> = {
  drop: ['binance', 'bybit', 'okx', 'huobi', 'kraken', 'bitfinex'],
  swap: ['binance', 'bybit', 'okx', 'huobi', 'bitfinex'],
  falling: ['bybit', 'okx', 'bitfinex'],
  checksum: ['kraken', 'bitfinex'],
};

describe.each(Object.entries(FOUND))('%s', (fault, exchanges) => {
  test.each([...exchanges])('is found by who follows the page of %s', async (id) => {
    const listener = await listen(id);
    const { simulator, symbol, book } = listener;
    const happen = () => simulator.do({ do: 'event', exchange: id, type: 'orderbook', symbol });
    for (let i = 0; i < 5; i++) await happen();
    expectSame(book, await caughtUp(listener));
    expect(book.broken).toEqual([]);
    await simulator.do({ do: 'book-fault', fault: fault as 'drop', exchange: id, symbol });
    await until(() => {
      void happen();
      return book.broken.length > 0;
    });
    const [noted] = simulator.ledger.of('book-fault', id);
    expect(noted).toMatchObject({ fault, symbol });
  });
});

/** Asks for faults of a book and reads on. */
async function faulty(
  id: string,
  fault: 'snapshot' | 'crossed' | 'shrink' | 'empty' | 'restart' | 'rest-older' | 'rest-429',
  options: { forMs?: number; count?: number } = {},
): Promise<Listener & { happen(): Promise<unknown> }> {
  const listener = await listen(id);
  const { simulator, symbol, book } = listener;
  const happen = () => simulator.do({ do: 'event', exchange: id, type: 'orderbook', symbol, count: 5 });
  await happen();
  expectSame(book, await caughtUp(listener));
  await simulator.do({ do: 'book-fault', fault, exchange: id, symbol, ...options });
  return { ...listener, happen };
}

function isCrossed({ book }: Listener): boolean {
  const [[bid = 0] = [], [ask = Number.POSITIVE_INFINITY] = []] = [book.best(true)[0], book.best(false)[0]];
  return bid >= ask;
}

describe('faults that a reader lives through', () => {
  test.each(['bybit', 'okx', 'kraken', 'coinbase'])('%s: the whole book again', async (id) => {
    const listener = await faulty(id, 'snapshot');
    await until(() => listener.book.snapshots === 2);
    await listener.happen();
    expectSame(listener.book, await caughtUp(listener));
    expect(listener.book.broken).toEqual([]);
  });

  test.each(Object.keys(READERS))('%s: crossed for a moment', async (id) => {
    const listener = await faulty(id, 'crossed', { forMs: 150 });
    await until(() => isCrossed(listener));
    await until(() => !isCrossed(listener));
    await listener.happen();
    expectSame(listener.book, await caughtUp(listener));
    expect(listener.book.broken).toEqual([]);
  });

  test.each(Object.keys(READERS))('%s: five levels, and no bid at all', async (id) => {
    const listener = await faulty(id, 'shrink', { forMs: 60_000 });
    const { simulator, symbol, book } = listener;
    await listener.happen();
    expectSame(book, await caughtUp(listener));
    expect(book.asks.size).toBeLessThanOrEqual(6);
    await simulator.do({ do: 'book-fault', fault: 'empty', exchange: id, symbol, forMs: 60_000 });
    await listener.happen();
    expectSame(book, await caughtUp(listener));
    expect(book.bids.size).toBe(0);
    expect(book.broken).toEqual([]);
  });

  test('bybit: a restart begins with number 1 in a snapshot', async () => {
    const listener = await faulty('bybit', 'restart');
    await until(() => listener.book.sequence === 1);
    await listener.happen();
    expectSame(listener.book, await caughtUp(listener));
    expect(listener.book.sequence).toBeGreaterThan(1);
    expect(listener.book.broken).toEqual([]);
  });

  test('okx: after a maintenance the number falls below the one it follows', async () => {
    const listener = await faulty('okx', 'restart');
    const before = listener.book.sequence ?? 0;
    await listener.happen();
    expectSame(listener.book, await caughtUp(listener));
    expect(listener.book.sequence).toBeLessThan(before);
    expect(listener.book.broken).toEqual([]);
  });

  test('okx says so where nothing changes for long', async () => {
    const listener = await listen('okx');
    const { simulator, symbol, book, texts } = listener;
    await until(() => book.snapshots === 1);
    simulator.exchanges.get('okx')?.books.idle(performance.now() + 26_000);
    await until(() => texts.some((text) => text.includes('"asks":[],"bids":[]')));
    const last = JSON.parse(texts.at(-1) ?? '').data[0];
    expect(last.seqId).toBe(last.prevSeqId);
    expect(book.broken).toEqual([]);
    expectSame(book, simulator.book('okx', symbol));
  });
});

describe('whole books over REST', () => {
  test('are of then for as often as told, then of now', async () => {
    const { simulator, symbol, happen } = await faulty('binance', 'rest-older', { count: 2 });
    await happen();
    const url = `${simulator.restUrl('binance')}/api/v3/depth?symbol=${symbol}&limit=5`;
    const ids: number[] = [];
    for (let i = 0; i < 3; i++) {
      const body = (await (await fetch(url)).json()) as { lastUpdateId: number; bids: unknown[] };
      expect(body.bids).toHaveLength(5);
      ids.push(body.lastUpdateId);
    }
    const [first = 0, second, third] = ids;
    expect(second).toBe(first);
    expect(third).toBeGreaterThan(first);
  });

  test('are refused as often as told', async () => {
    const { simulator, symbol } = await faulty('binance', 'rest-429', { count: 2 });
    const url = `${simulator.restUrl('binance')}/api/v3/depth?symbol=${symbol}`;
    const answers = [await fetch(url), await fetch(url), await fetch(url)];
    expect(answers.map(({ status }) => status)).toEqual([429, 429, 200]);
    expect(answers[0]?.headers.get('retry-after')).toBe('1');
    simulator.ledger.assertNoViolations();
  });

  test('weigh as much as is published, and beyond the budget are refused, then banned', async () => {
    const { simulator, symbol } = await listen('binance');
    const ask = (limit: number) =>
      fetch(`${simulator.restUrl('binance')}/api/v3/depth?symbol=${symbol}&limit=${limit}`);
    // All within one minute of the clock.
    if (Date.now() % 60_000 > 50_000) await Bun.sleep(60_000 - (Date.now() % 60_000));
    const used = async (response: Response) => Number(response.headers.get('x-mbx-used-weight-1m'));
    const base = await used(await ask(100));
    const spent: number[] = [];
    for (const limit of [500, 1000, 5000]) spent.push((await used(await ask(limit))) - base);
    expect(spent).toEqual([25, 75, 325]);
    while ((await ask(5000)).status === 200);
    expect((await ask(100)).status).toBe(429);
    expect(Number((await ask(100)).headers.get('retry-after'))).toBeLessThanOrEqual(60);
    for (let i = 0; i < 10; i++) await ask(100);
    expect((await ask(100)).status).toBe(418);
    expect(simulator.ledger.violations().every(({ limit }) => limit === 'REST weight')).toBe(true);
    expect((await fetch(`${simulator.restUrl('binance')}/api/v3/depth?symbol=NOPE`)).status).toBe(418);
  });

  test('a code that does not exist is refused as the exchange does', async () => {
    const { simulator } = await listen('binance');
    const response = await fetch(`${simulator.restUrl('binance')}/api/v3/depth?symbol=NOPE`);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ code: -1121, msg: 'Invalid symbol.' });
  });
});

/** First data frame of a book and one of a change, as the pages have them, numbers left out. */
const SHAPES: Readonly<Record<string, readonly RegExp[]>> = {
  upbit: [
    /^\{"type":"orderbook","code":"[^"]+","timestamp":\d{13},"total_ask_size":[\d.]+,.*"orderbook_units":\[\{"ask_price":/,
  ],
  bithumb: [/"level":1,"timestamp":\d{16},"stream_type":"SNAPSHOT"\}$/, /"stream_type":"REALTIME"\}$/],
  coinone: [
    /^\{"response_type":"DATA","channel":"ORDERBOOK","data":\{"quote_currency":"KRW","target_currency":"\w+","timestamp":\d{13},"id":"\d{16}","asks":\[\{"price":"/,
  ],
  korbit: [
    /"type":"orderbook","snapshot":true,"data":\{"timestamp":\d{13},"asks":\[\{"price":"[\d.]+","qty":"/,
    /"type":"orderbook","data":/,
  ],
  binance: [/^\{"e":"depthUpdate","E":\d{13},"s":"\w+","U":\d+,"u":\d+,"b":\[/],
  bybit: [
    /^\{"topic":"orderbook\.200\.\w+","ts":\d{13},"type":"snapshot","data":\{"s":/,
    /"type":"delta",.*"u":\d+,"seq":\d+\},"cts":\d{13}\}$/,
  ],
  okx: [
    /^\{"arg":\{"channel":"books","instId":"[^"]+"\},"action":"snapshot".*"prevSeqId":-1\}\]\}$/,
    /"action":"update","data":\[\{"asks":\[.*"seqId":\d+,"prevSeqId":\d+\}\]\}$/,
  ],
  huobi: [
    /^\{"id":"2","rep":"market\.\w+\.mbp\.150","status":"ok","ts":\d{13},"data":\{"seqNum":\d+,"bids":\[\[/,
    /^\{"ch":"market\.\w+\.mbp\.150","ts":\d{13},"tick":\{"seqNum":\d+,"prevSeqNum":\d+,"bids":\[/,
  ],
  coinbase: [
    /^\{"type":"snapshot","product_id":"[^"]+","asks":\[\["/,
    /^\{"type":"l2update","product_id":"[^"]+","changes":\[\["(buy|sell)","[\d.]+","[\d.]+"\].*"time":"[^"]+000Z"\}$/,
  ],
  kraken: [
    /^\{"channel":"book","type":"snapshot","data":\[\{"symbol":"[^"]+","bids":\[\{"price":[\d.]+,"qty":\d+\.\d{8}\}/,
    /"type":"update".*"checksum":\d+,"timestamp":"[^"]+000Z"\}\]\}$/,
  ],
  bitfinex: [
    /^\[\d+,\[\[[\d.e-]+,\d+,[\d.e-]+\],.*\],\d+,\d{13}\]$/,
    /^\[\d+,\[[\d.e-]+,\d+,[\d.e-]+\],\d+,\d{13}\]$/,
  ],
};

test.each(Object.keys(READERS))('%s: frames have the form of the page', async (id) => {
  const { simulator, symbol, texts } = await listen(id);
  for (let i = 0; i < 5; i++) {
    await simulator.do({ do: 'event', exchange: id, type: 'orderbook', symbol });
    await Bun.sleep(5);
  }
  for (const shape of SHAPES[id] ?? []) await until(() => texts.some((text) => shape.test(text)));
});
