import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from '../simulator/commands.ts';
import { PlainClient } from '../simulator/plain-client.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

let simulator: Simulator;
let upbit: string;
let binance: string;

beforeEach(async () => {
  const rules = { upbit: { opens: [] }, binance: { messages: [] } };
  simulator = await startSimulator({ exchanges: ['upbit', 'binance'], ports: 'each', rules });
  upbit = `${simulator.url('upbit')}/websocket/v1`;
  binance = `${simulator.url('binance')}/ws`;
});

afterEach(() => simulator.stop());

/** Commands go the way of another process. */
async function command(body: Command): Promise<{ touched?: number; error?: string }> {
  const response = await fetch(`${simulator.controlUrl}/control`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  return (await response.json()) as { touched?: number; error?: string };
}

async function trades(): Promise<{
  client: PlainClient;
  ids(): number[];
  more(count?: number): Promise<number[]>;
}> {
  const client = await PlainClient.open(binance);
  client.send({ method: 'SUBSCRIBE', params: ['btcusdt@trade'], id: 1 });
  await client.until(({ texts }) => texts.length === 1);
  const ids = () =>
    client.texts.flatMap((text) => /^\{"e":"trade".*"t":(\d+),"p":"\d/.exec(text)?.[1] ?? []).map(Number);
  return {
    client,
    ids,
    /** Makes trades happen and gives all ids that came so far. */
    async more(count = 1) {
      await command({ do: 'event', exchange: 'binance', type: 'trade', symbol: 'BTCUSDT', count });
      await Bun.sleep(20);
      return ids();
    },
  };
}

test('the environment points a collector at every exchange', () => {
  expect(simulator.env()).toEqual({
    EXCHANGE_UPBIT_URL: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+\/upbit$/),
    EXCHANGE_UPBIT_REST_URL: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/upbit$/),
    EXCHANGE_BINANCE_URL: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+\/binance$/),
    EXCHANGE_BINANCE_REST_URL: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/binance$/),
  });
});

test('close ends with a code and a reason, cut without a close frame, each only where it is told to', async () => {
  const one = await PlainClient.open(upbit);
  const two = await PlainClient.open(upbit);
  const other = await PlainClient.open(binance);
  expect(await command({ do: 'close', exchange: 'upbit', count: 1, code: 4001, reason: 'bye' })).toEqual({
    touched: 1,
  });
  expect(await one.closed).toEqual({ code: 4001, reason: 'bye' });
  expect(await command({ do: 'cut', exchange: 'upbit' })).toEqual({ touched: 1 });
  expect(await two.closed).toMatchObject({ code: 1006 });
  expect(other.socket.readyState).toBe(WebSocket.OPEN);
});

test('a stalled socket stays open and gets nothing until it is resumed', async () => {
  const { client, ids, more } = await trades();
  await more(2);
  await command({ do: 'stall', exchange: 'binance' });
  expect(await more(3)).toHaveLength(2);
  expect(client.socket.readyState).toBe(WebSocket.OPEN);
  await command({ do: 'resume', exchange: 'binance' });
  await more(1);
  const [, second = 0, third] = ids();
  expect(third).toBe(second + 4);
  expect(simulator.ledger.unsent('binance')).toHaveLength(3);
});

test.each([[{ symbol: 'BTCUSDT' }], [{ type: 'trade' as const }], [{}]])('mute %p', async (what) => {
  const { more } = await trades();
  await command({ do: 'mute', exchange: 'binance', ...what });
  expect(await more(2)).toEqual([]);
  await command({ do: 'unmute', exchange: 'binance' });
  expect(await more(1)).toHaveLength(1);
});

test('what is muted elsewhere still flows', async () => {
  const { more } = await trades();
  await command({ do: 'mute', exchange: 'binance', symbol: 'ETHUSDT' });
  await command({ do: 'mute', exchange: 'binance', type: 'ticker' });
  expect(await more(1)).toHaveLength(1);
});

test('duplicate, reorder and hole are on record', async () => {
  const { more, ids } = await trades();
  await more(1);
  await command({ do: 'duplicate', exchange: 'binance', symbol: 'BTCUSDT' });
  await command({ do: 'reorder', exchange: 'binance', symbol: 'BTCUSDT' });
  await more(1);
  await command({ do: 'hole', exchange: 'binance', symbol: 'BTCUSDT', count: 5 });
  await more(1);
  const [first = 0] = ids();
  expect(ids()).toEqual([first, first, first + 2, first + 1, first + 8]);
  const faults = simulator.ledger.sent('binance', 'trade').map(({ fault }) => fault);
  expect(faults).toEqual([null, 'duplicate', null, 'reorder', null]);
  expect(simulator.ledger.trades('binance')).toHaveLength(4);
  expect(simulator.ledger.of('hole')).toMatchObject([{ first: `${first + 3}`, last: `${first + 7}` }]);
});

test('bad frames go out, are no rows, and the good ones go on', async () => {
  const { client, more } = await trades();
  for (const kind of ['text', 'truncated', 'deep', 'empty', 'null', 'number', 'array', 'unknown', 'bytes']) {
    expect(await command({ do: 'garbage', exchange: 'binance', kind })).toEqual({ touched: 1 });
  }
  await command({ do: 'nan', exchange: 'binance', type: 'trade', symbol: 'BTCUSDT' });
  await command({ do: 'big', exchange: 'binance' });
  await client.until(({ texts }) => texts.length === 12);
  expect(client.binaryFrames).toBe(1);
  expect(client.texts[10]).toContain('"p":"NaN"');
  expect(client.texts[11]?.length).toBeGreaterThan(4_999_000);
  expect(await more(1)).toHaveLength(1);
  expect(simulator.ledger.sent('binance', 'trade')).toHaveLength(1);
  expect(simulator.ledger.of('fault')).toHaveLength(11);
  expect(await command({ do: 'garbage', exchange: 'binance', kind: 'x' })).toMatchObject({
    error: expect.stringContaining('garbage is'),
  });
});

test('a gzip bomb is small on the wire', async () => {
  const { client } = await trades();
  await command({ do: 'bomb', exchange: 'binance', bytes: 20_000_000 });
  await client.until(() => client.binaryFrames === 1);
  const [fault] = simulator.ledger.of('fault');
  expect(fault?.bytes).toBeLessThan(100_000);
});

test('upgrades are refused with a status and Retry-After, for so many times', async () => {
  await command({ do: 'refuse-open', exchange: 'upbit', status: 429, retryAfterS: 7, times: 2 });
  const answer = await fetch(upbit.replace('ws:', 'http:'), { headers: { upgrade: 'websocket' } });
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '7']);
  expect(PlainClient.open(upbit)).rejects.toThrow('did not open');
  await Bun.sleep(20);
  const client = await PlainClient.open(upbit);
  expect(client.socket.readyState).toBe(WebSocket.OPEN);
  expect(simulator.ledger.of('open-refused').map(({ status }) => status)).toEqual([429, 429]);
  simulator.ledger.assertNoViolations();
});

test('sockets that open are dropped at once, or never answered', async () => {
  await command({ do: 'drop-open', exchange: 'upbit', code: 1013, times: 1 });
  const dropped = await PlainClient.open(upbit);
  expect(await dropped.closed).toMatchObject({ code: 1013 });
  await command({ do: 'hang-open', exchange: 'upbit', forMs: 100 });
  const waited = await Promise.race([
    PlainClient.open(upbit).then(() => 'open'),
    Bun.sleep(50).then(() => 'hung'),
  ]);
  expect(waited).toBe('hung');
  await command({ do: 'allow-open', exchange: 'upbit' });
  await PlainClient.open(upbit);
});

test('a shut exchange refuses connections, keeps its sockets, and comes back on its port', async () => {
  const { client, more } = await trades();
  await command({ do: 'shut', exchange: 'binance' });
  expect(PlainClient.open(binance)).rejects.toThrow('did not open');
  expect(fetch(`${simulator.restUrl('binance')}/api/v3/exchangeInfo`)).rejects.toThrow();
  expect(await more(2)).toHaveLength(2);
  expect(client.socket.readyState).toBe(WebSocket.OPEN);
  await PlainClient.open(upbit);
  await command({ do: 'reopen', exchange: 'binance' });
  const again = await PlainClient.open(binance);
  await again.close();
});

test('REST fails, answers nonsense or late', async () => {
  const list = () => fetch(`${simulator.restUrl('upbit')}/v1/market/all`);
  await command({ do: 'rest', exchange: 'upbit', status: 500 });
  expect((await list()).status).toBe(500);
  await command({ do: 'rest', exchange: 'upbit', body: '<html>' });
  expect(await (await list()).text()).toBe('<html>');
  await command({ do: 'rest', exchange: 'upbit', slowMs: 60 });
  const from = performance.now();
  expect((await list()).status).toBe(200);
  expect(performance.now() - from).toBeGreaterThan(55);
  await command({ do: 'rest', exchange: 'upbit' });
  expect((await list()).status).toBe(200);
  expect(simulator.ledger.of('rest').map(({ status }) => status)).toEqual([500, 200, 200, 200]);
});

test('listings come and go, and a listed code may be refused', async () => {
  const names = async () =>
    ((await (await fetch(`${simulator.restUrl('upbit')}/v1/market/all`)).json()) as { market: string }[]).map(
      ({ market }) => market,
    );
  await command({ do: 'list', exchange: 'upbit', base: 'NEW1', quote: 'KRW' });
  expect(await names()).toContain('KRW-NEW1');
  const client = await PlainClient.open(upbit);
  const ask = () => client.send([{ ticket: 'x' }, { type: 'trade', codes: ['KRW-NEW1'] }]);
  ask();
  await client.until(({ texts }) => texts.length === 1);
  await command({ do: 'refuse', exchange: 'upbit', symbol: 'KRW-NEW1' });
  ask();
  await Bun.sleep(20);
  expect(client.texts).toHaveLength(1);
  expect(await names()).toContain('KRW-NEW1');
  await command({ do: 'serve', exchange: 'upbit', symbol: 'KRW-NEW1' });
  ask();
  await client.until(({ texts }) => texts.length === 2);
  await command({ do: 'delist', exchange: 'upbit', symbol: 'KRW-NEW1' });
  expect(await names()).not.toContain('KRW-NEW1');
});

test('the ledger can be read, dumped and cleared from another process', async () => {
  const { more } = await trades();
  await more(3);
  const summary = await (await fetch(`${simulator.controlUrl}/control/summary`)).json();
  expect(summary).toMatchObject({ rows: 3, violations: 0, counts: { 'binance subscribe': 1 } });
  const text = await (await fetch(`${simulator.controlUrl}/control/ledger`)).text();
  const rows = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ kind }) => kind === 'row');
  expect(rows).toHaveLength(3);
  expect(rows[0]).toMatchObject({ exchange: 'binance', type: 'trade', symbol: 'BTCUSDT', socket: 1 });
  const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
  const file = join(folder, 'ledger.ndjson');
  expect(await command({ do: 'dump', file })).toEqual({ touched: 3 });
  expect(existsSync(file) && (await Bun.file(file).text())).toBe(text);
  rmSync(folder, { recursive: true });
  await command({ do: 'clear' });
  expect(simulator.ledger.rows).toEqual([]);
});

test('a command that names what is not there says so', async () => {
  expect(await command({ do: 'cut', exchange: 'nowhere' })).toEqual({
    error: 'Error: the simulator does not run nowhere',
  });
  expect(await command({ do: 'hole', exchange: 'upbit', symbol: 'KRW-NOPE' })).toEqual({
    error: 'Error: upbit has no market KRW-NOPE',
  });
});
