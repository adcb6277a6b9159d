import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { PlainClient } from '../simulator/plain-client.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

let simulator: Simulator;
let url: string;

beforeAll(async () => {
  const rules = { upbit: { opens: [], beatMs: 20 } };
  simulator = await startSimulator({ exchanges: ['upbit'], symbols: 120, rules });
  url = `${simulator.url('upbit')}/websocket/v1`;
});

afterAll(() => simulator.stop());

function request(type: string, codes: string[], more: object = {}): object[] {
  return [{ ticket: 'test' }, { type, codes, ...more }, { format: 'DEFAULT' }];
}

const event = (type: 'ticker' | 'trade', symbol: string, count = 1) =>
  simulator.do({ do: 'event', exchange: 'upbit', type, symbol, count });

test('the market list names every market, digits in coins included', async () => {
  const list = await (await fetch(`${simulator.restUrl('upbit')}/v1/market/all`)).json();
  const names = (list as { market: string }[]).map(({ market }) => market);
  expect(names).toHaveLength(120);
  expect(new Set(names).size).toBe(120);
  expect(names).toContain('KRW-1INCH');
  expect(names).toContain('BTC-ETH');
  expect(names.every((name) => /^(KRW|BTC|USDT)-[A-Z0-9]+$/.test(name))).toBe(true);
});

test('frames are binary, the first of a code is its snapshot, ids have 17 digits and keep them', async () => {
  const client = await PlainClient.open(url);
  client.send(request('trade', ['KRW-BTC']));
  await client.until(({ texts }) => texts.length === 1);
  await event('trade', 'KRW-BTC', 20);
  await client.until(({ texts }) => texts.length === 21);
  expect(client.binaryFrames).toBe(21);
  const streamTypes = client.frames().map(({ stream_type }) => stream_type);
  expect(streamTypes).toEqual(['SNAPSHOT', ...Array.from({ length: 20 }, () => 'REALTIME')]);
  const ids = client.texts.map((text) => /"sequential_id":(\d{17}),/.exec(text)?.[1] ?? '');
  expect(ids.map(BigInt)).toEqual([...ids].map(BigInt).sort((a, b) => (a < b ? -1 : 1)));
  expect(new Set(ids).size).toBe(21);
  expect(ids.some((id) => String(Number(id)) !== id)).toBe(true);
  await client.close();
});

test('a ticker agrees with the latest trade', async () => {
  const client = await PlainClient.open(url);
  client.send([
    { ticket: 'test' },
    { type: 'trade', codes: ['KRW-ETH'] },
    { type: 'ticker', codes: ['KRW-ETH'] },
  ]);
  await client.until(({ texts }) => texts.length === 2);
  await event('trade', 'KRW-ETH');
  await event('ticker', 'KRW-ETH');
  await client.until(({ texts }) => texts.length === 4);
  const [, , trade, ticker] = client.frames();
  expect(ticker?.trade_price).toBe(trade?.trade_price as number);
  expect(ticker?.trade_timestamp).toBe(trade?.trade_timestamp as number);
  expect(Math.abs(Number(ticker?.timestamp) - Date.now())).toBeLessThan(2000);
  await client.close();
});

test('a later request replaces the whole subscription', async () => {
  const client = await PlainClient.open(url);
  client.send(request('trade', ['KRW-BTC']));
  await client.until(({ texts }) => texts.length === 1);
  client.send(request('trade', ['KRW-XRP']));
  await client.until(({ texts }) => texts.length === 2);
  await event('trade', 'KRW-BTC', 3);
  await event('trade', 'KRW-XRP');
  await client.until(({ texts }) => texts.length === 3);
  expect(client.frames().map(({ code }) => code)).toEqual(['KRW-BTC', 'KRW-XRP', 'KRW-XRP']);
  await client.close();
});

test('unknown and lower-case codes are met with silence, the others are served', async () => {
  const client = await PlainClient.open(url);
  client.send(request('trade', ['KRW-NOPE', 'krw-btc', 'KRW-SOL'], { is_only_realtime: true }));
  await Bun.sleep(50);
  expect(client.texts).toEqual([]);
  await event('trade', 'KRW-SOL');
  await client.until(({ texts }) => texts.length === 1);
  const refused = simulator.ledger.of('refused').map(({ detail }) => detail);
  expect(refused).toContain('trade KRW-NOPE');
  expect(refused).toContain('trade krw-btc');
  await client.close();
});

test.each([
  ['NO_TICKET', [{ type: 'trade', codes: ['KRW-BTC'] }]],
  ['INVALID_PARAM', [{ ticket: 'x' }, { type: 'nope', codes: ['KRW-BTC'] }]],
  ['NO_CODES', [{ ticket: 'x' }, { type: 'trade' }]],
  ['NO_TYPE', [{ ticket: 'x' }, { format: 'DEFAULT' }]],
  ['WRONG_FORMAT', { ticket: 'x' }],
  ['WRONG_FORMAT', 'hello'],
])('%s is answered and followed by a close with code 1000', async (name, frame) => {
  const client = await PlainClient.open(url);
  client.send(frame);
  expect(await client.closed).toMatchObject({ code: 1000 });
  expect(client.frames()).toEqual([{ error: { name, message: expect.any(String) } }]);
  expect(client.binaryFrames).toBe(1);
});

test('one PING makes the status come again and again', async () => {
  const client = await PlainClient.open(url);
  client.send('PING');
  await client.until(({ texts }) => texts.length >= 2);
  expect(client.texts[0]).toBe('{"status":"UP"}');
  await client.close();
});
