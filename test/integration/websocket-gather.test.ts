import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { systemClock } from '../../src/common/clock.ts';
import type { Socket, SocketEnd } from '../../src/core/ports.ts';
import { bunSockets } from '../../src/infra/websocket/open-socket.ts';
import { PLAIN, serve, stopServers, until } from './websocket-parts.ts';
import { TLS_CERT, TLS_KEY } from './websocket-tls.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);
afterAll(stopServers);

const GATHER_MS = 100;

interface Reader {
  readonly socket: Socket;
  readonly texts: string[];
  /** Turns of the event loop in which frames came, with the time of each. */
  readonly turns: number[];
  readonly opened: Promise<void>;
  readonly ended: Promise<SocketEnd>;
  alive: number;
}

function reader(url: string, ca: string | null = null, gatherMs = GATHER_MS): Reader {
  const opened = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<SocketEnd>();
  const texts: string[] = [];
  const turns: number[] = [];
  let inTurn = false;
  const socket = bunSockets(
    systemClock,
    1 << 20,
    () => null,
    gatherMs,
  )(
    url,
    { ...PLAIN, ca },
    {
      opened: opened.resolve,
      frame: (data) => {
        texts.push(String(data));
        if (inTurn) return;
        inTurn = true;
        turns.push(performance.now());
        setImmediate(() => {
          inTurn = false;
        });
      },
      alive: () => void one.alive++,
      ended: ended.resolve,
    },
  );
  const one: Reader = { socket, texts, turns, opened: opened.promise, ended: ended.promise, alive: 0 };
  return one;
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => `${n}`);

describe.each([
  ['plain', undefined],
  ['with TLS', { key: TLS_KEY, cert: TLS_CERT }],
])('a busy socket, %s, that is read every 100 ms at most', (_name, tls) => {
  const start = async () => {
    const server = serve(undefined, tls);
    const one = reader(server.url, tls ? TLS_CERT : null);
    await one.opened;
    return { server, one };
  };

  test('brings every frame, in order, in far fewer turns', async () => {
    const { server, one } = await start();
    for (let n = 0; n < 400; n++) {
      server.send(`${n}`);
      if (n % 2 === 0) await Bun.sleep(2);
    }
    await until(() => one.texts.length === 400);
    expect(one.texts).toEqual(numbers(400));
    // 200 turns as they come; of each 100 ms at most the frames that it begins with and those that it waited for.
    expect(one.turns.length).toBeLessThan(60);
    one.socket.terminate();
  });

  test('is late by no more than that, though nothing follows', async () => {
    const { server, one } = await start();
    for (const text of numbers(5)) server.send(text);
    await until(() => one.texts.length === 5);
    await Bun.sleep(5);
    const sentAt = performance.now();
    server.send('last');
    await until(() => one.texts.length === 6);
    // A busy machine adds to it.
    expect((one.turns.at(-1) ?? 0) - sentAt).toBeLessThan(GATHER_MS + 2_000);
    one.socket.terminate();
  });

  test('that the exchange closes meanwhile brings what was sent before, then its end', async () => {
    const { server, one } = await start();
    for (const text of numbers(300)) server.send(text);
    await until(() => one.texts.length > 10);
    for (let n = 300; n < 320; n++) server.send(`${n}`);
    server.close(4000, 'maintenance');
    const { code, reason } = await one.ended;
    expect(one.texts).toEqual(numbers(320));
    expect([code, reason]).toEqual([4000, 'maintenance']);
  });

  test('answers pings, and is closed in order', async () => {
    const { server, one } = await start();
    for (const text of numbers(300)) server.send(text);
    server.ping();
    await until(() => one.texts.length === 300 && one.alive > 0);
    for (let n = 300; n < 330; n++) server.send(`${n}`);
    one.socket.close();
    await one.ended;
    expect(one.texts).toEqual(numbers(330));
    expect(server.closes).toEqual([1000]);
  });

  test('stays unread while its owner wants it so', async () => {
    const { server, one } = await start();
    for (const text of numbers(10)) server.send(text);
    await until(() => one.texts.length === 10);
    one.socket.pause();
    for (let n = 10; n < 20; n++) server.send(`${n}`);
    await Bun.sleep(3 * GATHER_MS);
    expect(one.texts).toHaveLength(10);
    one.socket.resume();
    await until(() => one.texts.length === 20);
    expect(one.texts).toEqual(numbers(20));
    one.socket.terminate();
  });
});
