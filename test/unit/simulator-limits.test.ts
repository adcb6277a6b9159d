import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import { PlainClient } from '../simulator/plain-client.ts';
import type { Rules } from '../simulator/protocol.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

let simulator: Simulator;

afterEach(() => simulator.stop());

async function start(exchange: 'upbit' | 'binance', rules: Partial<Rules> = {}): Promise<string> {
  simulator = await startSimulator({ exchanges: [exchange], rules: { [exchange]: rules } });
  return `${simulator.url(exchange)}${exchange === 'upbit' ? '/websocket/v1' : '/stream'}`;
}

const limits = () => simulator.ledger.violations().map(({ limit }) => limit);

test('a sixth message within a second ends a Binance socket with 1008', async () => {
  const client = await PlainClient.open(await start('binance'));
  for (let id = 1; id <= 6; id++) client.send({ method: 'LIST_SUBSCRIPTIONS', id });
  expect(await client.closed).toEqual({ code: 1008, reason: 'Too many requests' });
  expect(client.texts).toHaveLength(5);
  expect(limits()).toEqual(['messages per socket: 5 in 1000 ms']);
});

test('protocol pings and pongs count as messages on Binance', async () => {
  const client = await PlainClient.open(await start('binance'));
  for (let i = 0; i < 3; i++) client.socket.ping();
  for (let i = 0; i < 3; i++) client.socket.pong();
  expect(await client.closed).toMatchObject({ code: 1008 });
});

test('five messages a second are no violation', async () => {
  const client = await PlainClient.open(await start('binance', { messages: [{ count: 5, perMs: 200 }] }));
  for (let id = 1; id <= 15; id++) {
    client.send({ method: 'LIST_SUBSCRIPTIONS', id });
    await Bun.sleep(42);
  }
  await client.until(({ texts }) => texts.length === 15);
  simulator.ledger.assertNoViolations();
});

test('a sixth socket within a second is answered 429, knocking on 418', async () => {
  const url = await start('upbit');
  const opens = await Promise.allSettled(Array.from({ length: 12 }, () => PlainClient.open(url)));
  expect(opens.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  const statuses = simulator.ledger.of('open-refused').map(({ status }) => status);
  expect(statuses).toEqual([429, 429, 429, 429, 429, 418, 418]);
  expect(limits()).toContain('opened while shut out');
});

test('a silent Upbit socket is cut without a close frame; pings keep it', async () => {
  const url = await start('upbit', { idle: { ms: 150, resetBy: ['text', 'ping'], ending: 'abrupt' } });
  const silent = await PlainClient.open(url);
  const alive = await PlainClient.open(url);
  const pings = setInterval(() => alive.socket.ping(), 50);
  expect(await silent.closed).toMatchObject({ code: 1006 });
  await Bun.sleep(200);
  clearInterval(pings);
  expect(alive.socket.readyState).toBe(WebSocket.OPEN);
  expect(limits()).toEqual(['idle']);
});

test('a socket has a life time; its end is no violation', async () => {
  const ending = { code: 1001, reason: 'old' };
  const client = await PlainClient.open(await start('binance', { lifetime: { ms: 100, ending } }));
  expect(await client.closed).toEqual(ending);
  simulator.ledger.assertNoViolations();
});

test('sockets per address, characters per frame and a late first subscription are enforced', async () => {
  const ending = { code: 4290, reason: 'too many' };
  const url = await start('upbit', {
    sockets: { count: 1, ending },
    frameChars: { count: 50, ending: { code: 1009, reason: '' } },
    subscribeWithin: { ms: 200, ending: { code: 4000, reason: 'late' } },
  });
  const first = await PlainClient.open(url);
  const second = await PlainClient.open(url);
  expect(await second.closed).toEqual(ending);
  first.send('x'.repeat(51));
  expect(await first.closed).toMatchObject({ code: 1009 });
  const third = await PlainClient.open(url);
  expect(await third.closed).toEqual({ code: 4000, reason: 'late' });
  expect(limits()).toEqual(['sockets per address', 'characters per frame', 'first subscription']);
});

test('subscriptions per socket are counted', async () => {
  const client = await PlainClient.open(await start('upbit', { subscriptions: 2 }));
  client.send([{ ticket: 'x' }, { type: 'trade', codes: ['KRW-BTC', 'KRW-ETH', 'KRW-XRP'] }]);
  await client.until(({ texts }) => texts.length === 2);
  // A replaced subscription starts from none.
  client.send([{ ticket: 'x' }, { type: 'trade', codes: ['KRW-XRP'] }]);
  await client.until(({ texts }) => texts.length === 3);
  expect(limits()).toEqual(['subscriptions per socket']);
});

test('a client that answers no ping is cut', async () => {
  const url = await start('binance', { ping: { everyMs: 30, payload: '', deadMs: 120 } });
  // A bare TCP client: it upgrades and then never speaks again.
  const { hostname, port, pathname } = new URL(url);
  const lines = [
    `GET ${pathname} HTTP/1.1`,
    `Host: ${hostname}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  const closed = Promise.withResolvers<void>();
  await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: (socket) => void socket.write(`${lines.join('\r\n')}\r\n\r\n`),
      data: () => {},
      close: () => closed.resolve(),
    },
  });
  await closed.promise;
  expect(limits()).toEqual(['pong']);
});
