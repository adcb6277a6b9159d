import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { PlainClient } from '../simulator/plain-client.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

let simulator: Simulator;
let url: string;

beforeAll(async () => {
  const rules = { binance: { ping: { everyMs: 20, payload: 'p', deadMs: 5000 }, messages: [] } };
  simulator = await startSimulator({ exchanges: ['binance'], symbols: 600, rules });
  url = simulator.url('binance');
});

afterAll(() => simulator.stop());

const event = (type: 'ticker' | 'trade', symbol: string, count = 1) =>
  simulator.do({ do: 'event', exchange: 'binance', type, symbol, count });

test('the market list gives base and quote, and rows that are not tradable', async () => {
  const body = await (await fetch(`${simulator.restUrl('binance')}/api/v3/exchangeInfo`)).json();
  const { symbols } = body as { symbols: Record<string, unknown>[] };
  expect(symbols).toHaveLength(601);
  expect(symbols[0]).toMatchObject({
    symbol: 'BTCUSDT',
    baseAsset: 'BTC',
    quoteAsset: 'USDT',
    status: 'TRADING',
  });
  expect(symbols.map(({ symbol }) => symbol)).toContain('1000SATSUSDT');
  expect(symbols.filter(({ status }) => status !== 'TRADING')).toHaveLength(1);
});

test('SUBSCRIBE is acked once with result null, then combined frames come with ids that rise by one', async () => {
  const client = await PlainClient.open(`${url}/stream`);
  client.send({ method: 'SUBSCRIBE', params: ['btcusdt@trade', 'ethusdt@trade'], id: 7 });
  await client.until(({ texts }) => texts.length === 1);
  expect(client.frames()).toEqual([{ result: null, id: 7 }]);
  await event('trade', 'BTCUSDT', 3);
  await event('trade', 'ETHUSDT');
  await client.until(({ texts }) => texts.length === 5);
  const rows = client.frames<{ stream: string; data: { t: number } }>(({ stream }) => stream !== undefined);
  expect(rows.map(({ stream }) => stream)).toEqual([...Array(3).fill('btcusdt@trade'), 'ethusdt@trade']);
  const [first = 0, ...more] = rows.slice(0, 3).map(({ data }) => data.t);
  expect(more).toEqual([first + 1, first + 2]);
  expect(client.binaryFrames).toBe(0);
  await client.close();
});

test('raw paths and the streams of the address work; frames have no envelope there', async () => {
  const raw = await PlainClient.open(`${url}/ws/btcusdt@ticker`);
  const combined = await PlainClient.open(`${url}/stream?streams=btcusdt@ticker/nope@trade`);
  await event('ticker', 'BTCUSDT');
  await raw.until(({ texts }) => texts.length === 1);
  await combined.until(({ texts }) => texts.length === 1);
  expect(raw.frames()[0]).toMatchObject({ e: '24hrTicker', s: 'BTCUSDT' });
  expect(combined.frames()[0]).toMatchObject({ stream: 'btcusdt@ticker', data: { s: 'BTCUSDT' } });
  await raw.close();
  await combined.close();
});

test('UNSUBSCRIBE is acked and ends the stream; LIST_SUBSCRIPTIONS tells what is left', async () => {
  const client = await PlainClient.open(`${url}/ws`);
  client.send({ method: 'SUBSCRIBE', params: ['xrpusdt@trade', 'solusdt@trade'], id: 1 });
  client.send({ method: 'UNSUBSCRIBE', params: ['xrpusdt@trade'], id: 2 });
  client.send({ method: 'LIST_SUBSCRIPTIONS', id: 3 });
  await client.until(({ texts }) => texts.length === 3);
  expect(client.frames().slice(1)).toEqual([
    { result: null, id: 2 },
    { result: ['solusdt@trade'], id: 3 },
  ]);
  await event('trade', 'XRPUSDT');
  await event('trade', 'SOLUSDT');
  await client.until(({ texts }) => texts.length === 4);
  expect(client.frames()[3]).toMatchObject({ s: 'SOLUSDT' });
  await client.close();
});

test('what is no request is answered with an error and the socket stays', async () => {
  const client = await PlainClient.open(`${url}/ws`);
  client.send('no json');
  client.send({ method: 'SUBSCRIBE', params: ['btcusdt@trade'], id: 'with space' });
  client.send({ method: 'NOPE', id: 9 });
  await client.until(({ texts }) => texts.length === 3);
  expect(client.frames()).toMatchObject([{ code: 3 }, { error: { code: 2 } }, { error: { code: 2 }, id: 9 }]);
  await client.close();
});

test('more than 1024 streams on a socket are refused and a violation', async () => {
  const client = await PlainClient.open(`${url}/stream`);
  const names = simulator.symbols('binance').map((symbol) => symbol.toLowerCase());
  client.send({ method: 'SUBSCRIBE', params: names.map((name) => `${name}@trade`), id: 1 });
  client.send({ method: 'SUBSCRIBE', params: names.map((name) => `${name}@ticker`), id: 2 });
  await client.until(({ texts }) => texts.length === 2);
  expect(client.frames()[1]).toEqual({ error: { code: 4, msg: 'Too many subscriptions' }, id: 2 });
  expect(simulator.ledger.violations().map(({ detail }) => detail)).toEqual(['1200 of 1024']);
  expect(() => simulator.ledger.assertNoViolations()).toThrow('streams per socket: 1200 of 1024');
  await client.close();
});

test('the server pings; a rotation is announced before the socket ends', async () => {
  const client = await PlainClient.open(`${url}/stream`);
  let pings = 0;
  client.socket.addEventListener('ping', () => {
    pings++;
  });
  await client.until(() => pings > 1);
  await simulator.do({ do: 'rotate', exchange: 'binance', afterMs: 50 });
  await client.until(({ texts }) => texts.length === 1);
  expect(client.frames()[0]).toMatchObject({ stream: '!serverShutdown', data: { e: 'serverShutdown' } });
  expect(client.socket.readyState).toBe(WebSocket.OPEN);
  expect(await client.closed).toMatchObject({ code: 1001 });
});

test('a partial book holds the best levels, crossed nowhere, and names no symbol', async () => {
  const client = await PlainClient.open(`${url}/stream?streams=btcusdt@depth5@100ms`);
  await simulator.do({ do: 'event', exchange: 'binance', type: 'orderbook', symbol: 'BTCUSDT' });
  await client.until(({ texts }) => texts.length === 1);
  const [frame] = client.frames<{ stream: string; data: { bids: string[][]; asks: string[][] } }>();
  expect(frame?.stream).toBe('btcusdt@depth5@100ms');
  const prices = (side: string[][] = []) => side.map(([price]) => Number(price));
  const [bids, asks] = [prices(frame?.data.bids), prices(frame?.data.asks)];
  expect(bids).toEqual(bids.toSorted((a, b) => b - a));
  expect(asks).toEqual(asks.toSorted((a, b) => a - b));
  expect([bids.length, asks.length]).toEqual([5, 5]);
  expect(bids[0]).toBeLessThan(asks[0] ?? 0);
  await client.close();
});
