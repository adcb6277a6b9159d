import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import { PlainClient } from '../simulator/plain-client.ts';
import type { Rules } from '../simulator/protocol.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

type Id = 'bybit' | 'okx' | 'huobi';
const PATHS = { bybit: '/v5/public/spot', okx: '/ws/v5/public', huobi: '/ws' };

let simulator: Simulator;

afterEach(() => simulator.stop());

async function open(id: Id, rules: Partial<Rules> = {}): Promise<PlainClient> {
  simulator = await startSimulator({ exchanges: [id], symbols: 600, rules: { [id]: rules } });
  return PlainClient.open(`${simulator.url(id)}${PATHS[id]}`);
}

const event = (exchange: Id, type: 'ticker' | 'trade', symbol: string, count = 1) =>
  simulator.do({ do: 'event', exchange, type, symbol, count });
const limits = () => simulator.ledger.violations().map(({ limit }) => limit);
const list = async (id: Id, path: string) =>
  (await (await fetch(`${simulator.restUrl(id)}${path}`)).json()) as Record<string, unknown>;

/** Frames of a gzip exchange: `PlainClient` keeps texts alone. */
function inflated(client: PlainClient): Record<string, unknown>[] {
  const frames: Record<string, unknown>[] = [];
  client.socket.onmessage = ({ data }) => {
    frames.push(JSON.parse(new TextDecoder().decode(Bun.gunzipSync(data as ArrayBuffer))));
  };
  return frames;
}

async function until(done: () => boolean): Promise<void> {
  for (let tries = 0; !done(); tries++) {
    if (tries > 1000) throw new Error('not reached');
    await Bun.sleep(2);
  }
}

test('Bybit acks a request, tells a ticker at once and answers pings', async () => {
  const client = await open('bybit');
  client.send({ op: 'subscribe', req_id: 't1', args: ['tickers.BTCUSDT', 'publicTrade.ETHUSDT'] });
  client.send({ op: 'ping' });
  await client.until(({ texts }) => texts.length === 3);
  const [ack, ticker, pong] = client.frames();
  expect(ack).toMatchObject({ success: true, ret_msg: 'subscribe', req_id: 't1', op: 'subscribe' });
  expect(ticker).toMatchObject({ topic: 'tickers.BTCUSDT', type: 'snapshot', data: { symbol: 'BTCUSDT' } });
  expect(pong).toMatchObject({ success: true, ret_msg: 'pong', op: 'ping' });
  await event('bybit', 'trade', 'ETHUSDT');
  await client.until(({ texts }) => texts.length === 4);
  const [trade] = client.frames<{ data: { i: string }[] }>(({ topic }) => topic === 'publicTrade.ETHUSDT');
  expect(trade?.data[0]?.i).toMatch(/^\d{19}$/);
});

test('Bybit serves nothing of a request with a bad topic or more than ten', async () => {
  const client = await open('bybit');
  const first = simulator.symbols('bybit').slice(0, 11);
  client.send({ op: 'subscribe', req_id: '1', args: ['tickers.BTCUSDT', 'tickers.NOPEUSDT'] });
  client.send({ op: 'subscribe', req_id: '2', args: first.map((symbol) => `publicTrade.${symbol}`) });
  client.send({ op: 'subscribe', req_id: '3', args: ['publicTrade.BTCUSDT'] });
  client.send({ op: 'subscribe', req_id: '4', args: ['publicTrade.BTCUSDT'] });
  await client.until(({ texts }) => texts.length === 4);
  expect(client.frames().map(({ req_id, ret_msg }) => [req_id, ret_msg])).toEqual([
    ['1', 'error:handler not found,topic:tickers.NOPEUSDT'],
    ['2', 'args size >10'],
    ['3', 'subscribe'],
    ['4', 'error:already subscribed,topic:publicTrade.BTCUSDT'],
  ]);
  expect(limits()).toEqual(['args per request']);
});

test('Bybit counts the characters of all topics of a socket', async () => {
  const client = await open('bybit');
  const symbols = Array.from({ length: 600 }, (_, at) => `LONGNAMEDCOINOFALL${at}USDT`);
  for (const symbol of symbols)
    await simulator.do({ do: 'list', exchange: 'bybit', base: symbol.slice(0, -4), quote: 'USDT' });
  for (let at = 0; at < symbols.length; at += 10) {
    const args = symbols.slice(at, at + 10).map((symbol) => `publicTrade.${symbol}`);
    client.send({ op: 'subscribe', args });
  }
  await client.until(({ texts }) => texts.length === 60);
  expect(limits()[0]).toBe('characters of args per socket');
});

test('OKX acks and refuses each instrument by itself', async () => {
  const client = await open('okx');
  const args = ['BTC-USDT', 'NOPE-USDT', 'ETH-USDT'].map((instId) => ({ channel: 'trades', instId }));
  client.send({ id: 'a1', op: 'subscribe', args });
  client.send('ping');
  await client.until(({ texts }) => texts.at(-1) === 'pong');
  const frames = client.texts.slice(0, -1).map((text) => JSON.parse(text));
  expect(frames.filter(({ event }) => event === 'subscribe').map(({ arg }) => arg.instId)).toEqual([
    'BTC-USDT',
    'ETH-USDT',
  ]);
  expect(frames.find(({ event }) => event === 'error')).toMatchObject({ code: '60018', id: 'a1' });
  expect(frames.filter(({ data }) => data).map(({ arg }) => arg.instId)).toEqual(['BTC-USDT', 'ETH-USDT']);
});

test('OKX merges fills: each id is the one before plus its count', async () => {
  const client = await open('okx');
  client.send({ op: 'subscribe', args: [{ channel: 'trades', instId: 'BTC-USDT' }] });
  await client.until(({ texts }) => texts.length === 2);
  await event('okx', 'trade', 'BTC-USDT', 6);
  await client.until(({ texts }) => texts.length === 8);
  const trades = client
    .frames<{ data: { tradeId: string; count: string }[] }>(({ data }) => data !== undefined)
    .flatMap(({ data }) => data);
  expect(new Set(trades.map(({ count }) => count))).toEqual(new Set(['1', '2']));
  for (const [at, { tradeId, count }] of trades.entries()) {
    const before = trades[at - 1];
    if (before) expect(Number(tradeId)).toBe(Number(before.tradeId) + Number(count));
  }
  await simulator.do({ do: 'hole', exchange: 'okx', symbol: 'BTC-USDT', count: 2 });
  const [hole] = simulator.ledger.of('hole');
  expect(hole?.first).toBe(`${Number(trades.at(-1)?.tradeId) + 1}`);
});

test('OKX: ids without hyphens, 480 requests an hour, notice before the end', async () => {
  const client = await open('okx');
  client.send({ id: 'a-1', op: 'subscribe', args: [] });
  const request = { op: 'unsubscribe', args: [{ channel: 'trades', instId: 'BTC-USDT' }] };
  for (let at = 0; at < 481; at++) client.send(request);
  await client.until(({ texts }) => texts.length === 482);
  expect(client.frames()[0]).toMatchObject({ event: 'error', code: '60033' });
  expect(client.frames().at(-1)).toMatchObject({ event: 'error', code: '60014' });
  expect(limits()).toEqual(['requests an hour']);
  await simulator.do({ do: 'rotate', exchange: 'okx', afterMs: 1 });
  await client.closed;
  expect(client.frames().at(-1)).toMatchObject({ event: 'notice', code: '64008' });
});

test('OKX ends a socket to which nothing was pushed', async () => {
  const idle: Rules['idle'] = { ms: 100, resetBy: ['sent'], ending: { code: 4004, reason: 'idle' } };
  const client = await open('okx', { idle });
  expect(await client.closed).toMatchObject({ code: 4004 });
});

test('Huobi: gzip frames, one ack per topic, newest trade first', async () => {
  const client = await open('huobi');
  const frames = inflated(client);
  client.send({ sub: 'market.btcusdt.trade.detail', id: 'x' });
  client.send({ sub: 'market.nopeusdt.ticker', id: 7 });
  client.send({ sub: 'market.BTCUSDT.ticker' });
  await until(() => frames.length === 4);
  const [ack, latest, refusal, upper] = frames;
  expect(ack).toMatchObject({ id: 'x', status: 'ok', subbed: 'market.btcusdt.trade.detail' });
  expect(latest).toMatchObject({ ch: 'market.btcusdt.trade.detail' });
  expect(refusal).toMatchObject({ id: 7, status: 'error', 'err-msg': 'invalid symbol nopeusdt' });
  expect(upper).toMatchObject({ status: 'error' });
  await event('huobi', 'trade', 'btcusdt', 60);
  await until(() => frames.length === 64);
  const idsOf = (frame: Record<string, unknown>) =>
    (frame.tick as { data: { tradeId: number }[] }).data.map(({ tradeId }) => tradeId);
  const ids = frames.slice(4).map(idsOf);
  expect(ids.some((some) => some.length > 1)).toBe(true);
  for (const some of ids) expect(some).toEqual(some.toSorted((a, b) => b - a));
  expect(simulator.ledger.sent('huobi', 'trade').map(({ id }) => Number(id))).toEqual([
    ...idsOf(latest ?? {}),
    ...ids.flat(),
  ]);
});

test('Huobi cuts a client that leaves two pings without their number', async () => {
  const client = await open('huobi', { beatMs: 20 });
  const frames = inflated(client);
  const answering = setInterval(() => {
    for (const { ping } of frames.splice(0)) client.send({ pong: ping });
  }, 2);
  await Bun.sleep(150);
  expect(client.socket.readyState).toBe(WebSocket.OPEN);
  clearInterval(answering);
  await client.closed;
  expect(limits()).toEqual(['pong']);
});

test('market lists hold every market and rows that are not tradable', async () => {
  const counts = { bybit: 601, okx: 601, huobi: 602 };
  simulator = await startSimulator({ exchanges: ['bybit', 'okx', 'huobi'], symbols: 600 });
  const bybit = await list('bybit', '/v5/market/instruments-info?category=spot');
  const okx = await list('okx', '/api/v5/public/instruments?instType=SPOT');
  const huobi = await list('huobi', '/v1/common/symbols');
  expect({
    bybit: (bybit.result as { list: unknown[] }).list.length,
    okx: (okx.data as unknown[]).length,
    huobi: (huobi.data as unknown[]).length,
  }).toEqual(counts);
  expect(await list('bybit', '/v5/market/instruments-info?category=linear')).toMatchObject({
    retCode: 10001,
  });
  expect(await list('okx', '/api/v5/public/instruments?instType=SWAP')).toMatchObject({ code: '51000' });
});
