import { expect, test } from 'bun:test';
import { Connection } from '../../src/core/connection/connection.ts';
import { LimitedGate } from '../../src/core/connection/open-gate.ts';
import { CONNECTION_DEFAULTS } from '../../src/core/connection/settings.ts';
import { ShardConnections } from '../../src/core/connection/shard-connections.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { answer, coin, FakeSocket, fakeExchange, LIMITS } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

/** A shard at an exchange that takes `room(nth)` codes on its nth socket. */
function shardOf(room: (nth: number) => number) {
  const clock = new ManualClock();
  const limits = { ...LIMITS, codesPerFrame: 1, codesPerSocket: 25 };
  const exchange = fakeExchange({ limits });
  const sockets: FakeSocket[] = [];
  const confirmed: string[] = [];
  const refused: string[] = [];
  const gate = new LimitedGate(clock, limits, null);
  const shard = new ShardConnections(
    25,
    () => clock.micros(),
    (_part, full) => {
      const parts = {
        exchange,
        type: 'trade',
        markets: new Markets(() => null),
        url: exchange.endpoint('trade'),
        socket: { proxy: null, ca: null, localAddress: null },
        settings: CONNECTION_DEFAULTS,
        clock,
        openSocket: (
          _url: string,
          _options: object,
          handlers: ConstructorParameters<typeof FakeSocket>[1],
        ) => {
          const socket = new FakeSocket(clock, handlers);
          sockets.push(socket);
          serve(socket, room(sockets.length));
          return socket;
        },
        gate,
        pipe: (handle: { session: ReturnType<typeof exchange.session>; control(event: never): void }) => ({
          push: (data: string | Uint8Array, at: number) =>
            handle.session.read(String(data), at, (event) => handle.control(event as never)),
          end() {},
        }),
        nextSocketId: () => sockets.length + 1,
      } as const;
      return new Connection(parts, {
        state() {},
        confirmed: ({ symbol }, id) => confirmed.push(`${symbol}@${id}`),
        refused: (markets, { kind, carried }) => {
          for (const { symbol } of markets) refused.push(`${symbol} ${kind}`);
          if (carried !== undefined) full(markets, carried);
        },
        served() {},
        unanswered() {},
        announced() {},
        gap() {},
        silent() {},
        failed() {},
      });
    },
  );

  function serve(socket: FakeSocket, most: number): void {
    const held = new Set<string>();
    clock.after(10, () => socket.accept());
    socket.onSend = (text) => {
      const { sub = [], unsub = [] } = text.startsWith('{') ? JSON.parse(text) : {};
      for (const symbol of unsub) held.delete(symbol);
      for (const symbol of sub) {
        const has = held.size < most;
        if (has) held.add(symbol);
        const frame = has ? { ack: [symbol] } : { refused: [symbol], reason: 'limit', full: true };
        clock.after(10, () => socket.frame(frame));
      }
      if (text === '<ping>') answer(clock, socket, text);
    };
  }
  const carried = () =>
    shard.snapshots().map(({ codes }) => codes.filter((code) => code.confirmed).map(({ symbol }) => symbol));
  return { clock, shard, sockets, confirmed, refused, carried };
}

const COINS = Array.from({ length: 25 }, (_, i) => coin(`S${i}`));

test('codes that a socket has no room for move to another one, and none is left dark', async () => {
  const { clock, shard, sockets, carried, refused, confirmed } = shardOf(() => 20);
  shard.update(COINS);
  await clock.advance(5000);
  expect(sockets).toHaveLength(2);
  expect(carried().map((symbols) => symbols.length)).toEqual([20, 5]);
  expect(refused).toHaveLength(5);
  expect(confirmed).toHaveLength(25);
  await clock.advance(60_000);
  expect(sockets).toHaveLength(2);
});

test('codes keep their places when others come and go, and a socket without codes is closed', async () => {
  const { clock, shard, sockets, carried, confirmed } = shardOf(() => 20);
  shard.update(COINS);
  await clock.advance(5000);
  shard.update([...COINS.slice(3), coin('NEW')]);
  await clock.advance(5000);
  expect(carried().map((symbols) => symbols.length)).toEqual([18, 5]);
  expect(carried()[0]).toContain('NEW');
  expect(confirmed).toHaveLength(26);
  shard.update(COINS.slice(3, 20));
  await clock.advance(5000);
  expect(carried().map((symbols) => symbols.length)).toEqual([17]);
  expect(sockets[1]?.gone).toBe(true);
});

test('a shard that was made when a socket carried more is spread over several, none above the limit', async () => {
  const { clock, shard, carried, confirmed, refused } = shardOf(() => 25);
  const many = Array.from({ length: 60 }, (_, nth) => coin(`OLD${nth}`));
  shard.update(many);
  await clock.advance(10_000);
  expect(carried().map((symbols) => symbols.length)).toEqual([25, 25, 10]);
  expect(new Set(carried().flat())).toEqual(new Set(many.map(({ symbol }) => symbol)));
  expect(confirmed).toHaveLength(60);
  expect(refused).toEqual([]);
});

test('where no other socket has room either, none is opened after another', async () => {
  const { clock, shard, sockets, carried } = shardOf((nth) => (nth === 1 ? 20 : 0));
  shard.update(COINS);
  await clock.advance(60_000);
  expect(sockets).toHaveLength(2);
  expect(carried().map((symbols) => symbols.length)).toEqual([20, 0]);
});

test('its sockets are lost, paused, asked and closed together', async () => {
  const { clock, shard, sockets, carried } = shardOf(() => 20);
  shard.update(COINS);
  await clock.advance(5000);
  shard.pause();
  expect(sockets.map(({ paused }) => paused)).toEqual([true, true]);
  shard.resume();
  expect([...shard.covered().values()].flat()).toHaveLength(25);
  for (const socket of [...sockets]) socket.end();
  await clock.advance(5000);
  expect(carried().map((symbols) => symbols.length)).toEqual([20, 5]);
  const stopped = shard.stop();
  await clock.advance(5000);
  await stopped;
  expect(sockets.every(({ gone }) => gone)).toBe(true);
});
