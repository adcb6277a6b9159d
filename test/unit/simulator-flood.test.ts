import { expect, setDefaultTimeout, test } from 'bun:test';
import { FrameReader, frame } from '../simulator/flood/frames.ts';
import { PlainClient } from '../simulator/plain-client.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { READERS, ReadBook } from './simulator-book-readers.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const ROWS = 20_000;

test.each([
  ['binance', 'trade'],
  ['upbit', 'ticker'],
  ['upbit', 'trade'],
])('a flood of %s %s is sound: present times, no id twice, ids in order per code', async (exchange, type) => {
  const simulator = await startSimulator({ exchanges: [exchange], symbols: 30, floodRows: ROWS });
  const symbols = simulator.symbols(exchange);
  const path = exchange === 'upbit' ? '/websocket/v1' : '/stream';
  const client = await PlainClient.open(`${simulator.url(exchange)}${path}`);
  const streams = symbols.map((symbol) => `${symbol.toLowerCase()}@${type}`);
  client.send(
    exchange === 'upbit'
      ? [{ ticket: 'x' }, { type, codes: symbols, is_only_realtime: true }]
      : { method: 'SUBSCRIBE', params: streams, id: 1 },
  );
  await client.until(({ texts }) => texts.length > ROWS, 10_000);
  await Bun.sleep(50);
  const rows = client.texts.filter((text) => !text.includes('"result"'));
  const counted = simulator.ledger.minutes().reduce((sum, minute) => sum + minute.rows, 0);
  expect(rows.length).toBe(counted);
  const last = new Map<string, bigint>();
  for (const text of rows) {
    const row = JSON.parse(text);
    const { code = row.data?.s, timestamp = row.data?.E } = row;
    expect(Math.abs(timestamp - Date.now()) < 5000).toBe(true);
    if (type === 'ticker') continue;
    const id = BigInt(/"(?:t|sequential_id)":(\d+)/.exec(text)?.[1] ?? 0);
    const before = last.get(code);
    if (before !== undefined && exchange === 'binance') expect(id).toBe(before + 1n);
    if (before !== undefined) expect(id > before).toBe(true);
    last.set(code, id);
  }
  expect(new Set(rows.map((text) => JSON.parse(text).code ?? JSON.parse(text).data.s)).size).toBe(30);
  await client.close();
  await simulator.stop();
});

test.each(['upbit', 'bybit', 'okx', 'coinbase', 'kraken'])(
  'a flood of order books of %s is one unbroken stream per code, over many lives of its block',
  async (id) => {
    const simulator = await startSimulator({ exchanges: [id], symbols: 1, floodRows: 8000 });
    const [symbol = ''] = simulator.symbols(id);
    const reader = READERS[id];
    if (!reader) throw new Error(`no reader of ${id}`);
    const client = await PlainClient.open(`${simulator.url(id)}${reader.path}`);
    for (const request of reader.requests(symbol)) client.send(request);
    await client.until(({ texts }) => texts.length > 8000, 20_000);
    const book = new ReadBook();
    for (const text of client.texts) {
      reader.read(JSON.parse(text), book, text);
      const [[bid = 0] = [], [ask = Number.POSITIVE_INFINITY] = []] = [
        book.best(true)[0],
        book.best(false)[0],
      ];
      if (bid >= ask) throw new Error(`crossed by ${text}`);
      if (book.frames++ > 1500) break;
    }
    // Sorting at each frame is what takes long: the rest is read for its links alone.
    for (const text of client.texts.slice(1502)) reader.read(JSON.parse(text), book, text);
    expect(book.broken).toEqual([]);
    expect(Math.abs(book.at - Date.now())).toBeLessThan(20_000);
    await client.close();
    await simulator.stop();
  },
);

test("a flood of Binance's changes links frame to frame, and REST is ahead of it by a number that comes", async () => {
  const simulator = await startSimulator({ exchanges: ['binance'], symbols: 3, floodRows: 400_000 });
  const symbols = simulator.symbols('binance');
  const client = await PlainClient.open(`${simulator.url('binance')}/ws`);
  const params = symbols.map((symbol) => `${symbol.toLowerCase()}@depth@100ms`);
  client.send({ method: 'SUBSCRIBE', params, id: 1 });
  await client.until(({ texts }) => texts.length > 10);
  const [symbol = ''] = symbols;
  const answer = await fetch(`${simulator.restUrl('binance')}/api/v3/depth?symbol=${symbol}&limit=1000`);
  const { lastUpdateId } = (await answer.json()) as { lastUpdateId: number };
  await client.until(({ texts }) => texts.some((text) => text.includes(`"U":${lastUpdateId + 1},`)), 30_000);
  const last = new Map<string, number>();
  let levels = 0;
  const changes = client.texts.filter((text) => text.includes('depthUpdate'));
  for (const text of changes) {
    const { s, U, u, b, a } = JSON.parse(text);
    if (last.has(s)) expect(U).toBe((last.get(s) ?? 0) + 1);
    last.set(s, u);
    levels += b.length + a.length;
  }
  expect(levels / changes.length).toBeGreaterThan(10);
  await client.close();
  await simulator.stop();
});

test('a flood answers pings and takes new subscriptions without a repeated id', async () => {
  const simulator = await startSimulator({ exchanges: ['binance'], floodRows: 30_000 });
  const client = await PlainClient.open(`${simulator.url('binance')}/ws`);
  let pongs = 0;
  client.socket.addEventListener('pong', () => {
    pongs++;
  });
  client.send({ method: 'SUBSCRIBE', params: ['btcusdt@trade'], id: 1 });
  await client.until(({ texts }) => texts.length > 100);
  client.socket.ping();
  client.send({ method: 'SUBSCRIBE', params: ['ethusdt@trade'], id: 2 });
  await client.until(({ texts }) => texts.length > 30_000, 10_000);
  await client.until(() => pongs === 1);
  const ids = client.texts.flatMap((text) => /"s":"BTCUSDT","t":(\d+)/.exec(text)?.[1] ?? []);
  expect(new Set(ids).size).toBe(ids.length);
  await client.close();
  await simulator.stop();
});

test('frames of every length read back, also byte by byte and in fragments', () => {
  for (const length of [0, 5, 125, 126, 65_535, 65_536]) {
    const whole = masked(frame('x'.repeat(length)));
    const reader = new FrameReader();
    const read = [whole.subarray(0, 3), whole.subarray(3, 7), whole.subarray(7)].flatMap((chunk) => [
      ...reader.read(chunk),
    ]);
    expect(read.map(({ payload }) => payload.length)).toEqual([length]);
    expect(read[0]?.payload.every((byte) => byte === 120)).toBe(true);
  }
});

/** The same frame as a client would send it. */
function masked(plain: Buffer): Buffer {
  const short = (plain[1] ?? 0) & 127;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  const mask = [7, 77, 177, 27];
  const copy = Buffer.from(plain);
  copy[1] = (copy[1] ?? 0) | 0x80;
  const payload = copy.subarray(head).map((byte, i) => byte ^ (mask[i & 3] ?? 0));
  return Buffer.concat([copy.subarray(0, head), Buffer.from(mask), payload]);
}
