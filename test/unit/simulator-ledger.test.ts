import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import { PlainClient } from '../simulator/plain-client.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../simulator/simulator.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

let simulator: Simulator;

afterEach(() => simulator.stop());

async function subscribe(streams: string[]): Promise<{ client: PlainClient; trades(): string[] }> {
  const client = await PlainClient.open(`${simulator.url('binance')}/ws`);
  client.send({ method: 'SUBSCRIBE', params: streams, id: 1 });
  await client.until(({ texts }) => texts.length > 0);
  return { client, trades: () => client.frames(({ e }) => e === 'trade').map(({ s, t }) => `${s} ${t}`) };
}

async function start(options: Partial<SimulatorOptions> = {}): Promise<void> {
  const rules = { binance: { messages: [] } };
  simulator = await startSimulator({ exchanges: ['binance'], rules, ...options });
}

const ids = (rows: readonly { symbol: string; id: string | null }[]) =>
  rows.map(({ symbol, id }) => `${symbol} ${id}`);

test('the ledger is exactly what a client received, to the last value', async () => {
  await start({ rowsPerS: 2000, zipf: 1 });
  const { client } = await subscribe(['btcusdt@trade', 'ethusdt@trade', 'ethusdt@ticker', 'solusdt@trade']);
  await client.until(({ texts }) => texts.length > 400);
  await simulator.do({ do: 'close' });
  await client.closed;
  const received = client
    .frames(({ e }) => e === 'trade')
    .map(({ s, t, p, q, m, T }) => [String(s), String(t), Number(p), Number(q), m === true, Number(T)]);
  const sent = simulator.ledger.sent('binance', 'trade');
  expect(
    sent.map(({ symbol, id, price, size, side, timeMs }) => [
      symbol,
      id,
      price,
      size,
      side === 'SELL',
      timeMs,
    ]),
  ).toEqual(received);
  const tickers = client
    .frames(({ e }) => e === '24hrTicker')
    .map(({ c, v, E }) => [Number(c), Number(v), Number(E)]);
  expect(
    simulator.ledger.sent('binance', 'ticker').map(({ price, size, timeMs }) => [price, size, timeMs]),
  ).toEqual(tickers);
  const counted = simulator.ledger.minutes().reduce((sum, { rows }) => sum + rows, 0);
  expect(counted).toBe(received.length + tickers.length);
});

test('two sockets get the same trades; the set holds each once', async () => {
  await start();
  const one = await subscribe(['btcusdt@trade']);
  const two = await subscribe(['btcusdt@trade']);
  await simulator.do({ do: 'event', exchange: 'binance', type: 'trade', symbol: 'BTCUSDT', count: 50 });
  await one.client.until(() => one.trades().length === 50);
  await two.client.until(() => two.trades().length === 50);
  expect(one.trades()).toEqual(two.trades());
  expect(simulator.ledger.sent('binance', 'trade')).toHaveLength(100);
  expect(ids(simulator.ledger.trades('binance'))).toEqual(one.trades());
});

test('an abrupt cut has no close frame; trades go on meanwhile and are on record as unsent', async () => {
  await start();
  const event = () =>
    simulator.do({ do: 'event', exchange: 'binance', type: 'trade', symbol: 'BTCUSDT', count: 10 });
  const before = await subscribe(['btcusdt@trade']);
  await event();
  await before.client.until(() => before.trades().length === 10);
  expect(await simulator.do({ do: 'cut', exchange: 'binance' })).toBe(1);
  expect(await before.client.closed).toMatchObject({ code: 1006 });
  await event();
  const after = await subscribe(['btcusdt@trade']);
  await event();
  await after.client.until(() => after.trades().length === 10);
  expect(ids(simulator.ledger.trades('binance'))).toEqual([...before.trades(), ...after.trades()]);
  const unsent = simulator.ledger.unsent('binance').map(({ id }) => Number(id));
  const last = Number(before.trades().at(-1)?.split(' ')[1]);
  expect(unsent).toEqual(Array.from({ length: 10 }, (_, i) => last + 1 + i));
  expect(simulator.ledger.of('close')).toMatchObject([{ by: 'server', abrupt: true }]);
});

test('the same seed gives the same market', async () => {
  await start({ seed: 42 });
  const names = simulator.symbols('binance');
  await simulator.stop();
  await start({ seed: 42 });
  expect(simulator.symbols('binance')).toEqual(names);
});

test('events keep to the rate, and Zipf gives the first of them most', async () => {
  await start({ rowsPerS: 3000, zipf: 1, symbols: 40 });
  const names = simulator.symbols('binance').map((symbol) => `${symbol.toLowerCase()}@trade`);
  const { client } = await subscribe(names);
  const from = performance.now();
  await Bun.sleep(1000);
  await simulator.do({ do: 'rate', rowsPerS: 0 });
  const expected = (3000 * (performance.now() - from)) / 1000;
  const rows = simulator.ledger.sent('binance', 'trade');
  expect(rows.length).toBeGreaterThan(expected * 0.9);
  expect(rows.length).toBeLessThan(expected * 1.1 + 50);
  const of = (symbol: string) => rows.filter((row) => row.symbol === symbol).length;
  expect(of('BTCUSDT')).toBeGreaterThan(4 * of(simulator.symbols('binance')[20] ?? ''));
  await client.close();
});
