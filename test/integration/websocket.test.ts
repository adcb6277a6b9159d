import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { systemClock } from '../../src/common/clock.ts';
import type { SocketEnd } from '../../src/core/ports.ts';
import { bunSockets } from '../../src/infra/websocket/open-socket.ts';
import { client, PLAIN, serve, stopServers, tcp, until, upgradeByHand } from './websocket-parts.ts';
import { TLS_CERT, TLS_KEY } from './websocket-tls.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);
afterAll(stopServers);

describe('frames', () => {
  test('text arrives as strings, binary as bytes, both ways in order', async () => {
    const server = serve();
    const { socket, frames, opened } = client(server.url);
    await opened;
    socket.send('안녕');
    await until(() => server.received.length === 1);
    expect(server.received).toEqual(['안녕']);
    server.send('{"a":"한글"}');
    server.send(new Uint8Array([0, 1, 255]));
    await until(() => frames.length === 2);
    expect(frames[0]).toBe('{"a":"한글"}');
    expect(frames[1]).toBeInstanceOf(Uint8Array);
    expect(Array.from(frames[1] as Uint8Array)).toEqual([0, 1, 255]);
    socket.terminate();
  });

  test('bytes of earlier frames are not written over by later ones', async () => {
    const server = serve();
    const { socket, frames, opened } = client(server.url);
    await opened;
    for (let i = 0; i < 200; i++) server.send(new Uint8Array(2000).fill(i));
    await until(() => frames.length === 200);
    expect(frames.every((frame, i) => typeof frame !== 'string' && frame.every((byte) => byte === i))).toBe(
      true,
    );
    socket.terminate();
  });

  test('compressed ones are inflated', async () => {
    const server = serve();
    const { socket, frames, opened } = client(server.url);
    await opened;
    const text = '{"code":"KRW-BTC"}'.repeat(500);
    server.send(text, true);
    server.send(Buffer.from(text), true);
    await until(() => frames.length === 2);
    expect(
      frames.map((frame) => (typeof frame === 'string' ? frame : new TextDecoder().decode(frame))),
    ).toEqual([text, text]);
    socket.terminate();
  });

  test('a frame of 5 MB arrives whole', async () => {
    const server = serve();
    const { socket, frames, opened } = client(server.url);
    await opened;
    server.send('x'.repeat(5 << 20));
    await until(() => frames.length === 1);
    expect(frames[0]?.length).toBe(5 << 20);
    socket.terminate();
  });
});

test('a frame beyond the set size ends the socket and says so', async () => {
  const server = serve();
  const log: string[] = [];
  const ended = new Promise<SocketEnd>((resolve) => {
    bunSockets(systemClock, 1000)(server.url, PLAIN, {
      opened: () => server.send('x'.repeat(1000)),
      frame: (data) => {
        log.push(`${data.length}`);
        server.send('x'.repeat(1001));
      },
      alive: () => {},
      ended: resolve,
    });
  });
  expect(await ended).toEqual({
    code: 1009,
    reason: 'a frame of 1001 bytes came, at most 1000 are accepted',
    status: null,
    retryAfterMs: null,
  });
  expect(log).toEqual(['1000']);
});

describe('the upgrade request', () => {
  test('carries no Origin and offers compression', async () => {
    const server = serve();
    const { socket, opened } = client(server.url);
    await opened;
    expect(server.headers[0]?.has('origin')).toBe(false);
    expect(server.headers[0]?.get('sec-websocket-extensions')).toContain('permessage-deflate');
    socket.terminate();
  });

  test.each([
    [429, '7', 7000],
    [418, '120', 120_000],
    [403, undefined, null],
    [503, 'soon', null],
    [503, '1.5', null],
    [503, '-7', null],
  ])('refused with %p and Retry-After %p', async (status, after, retryAfterMs) => {
    const headers = after === undefined ? {} : { 'Retry-After': after };
    const server = serve(() => new Response('no', { status, headers }));
    const { ended, log } = client(server.url);
    const end = await ended;
    expect(end).toMatchObject({ code: 1006, status, retryAfterMs });
    expect(end.reason).toStartWith(`HTTP ${status}`);
    expect(log).toEqual(['ended']);
    // Not a second request to learn more: it would count as another open.
    expect(server.headers.length).toBe(1);
  });

  test('Retry-After as a date', async () => {
    const at = new Date(Date.now() + 60_000).toUTCString();
    const server = serve(() => new Response('no', { status: 429, headers: { 'Retry-After': at } }));
    const { retryAfterMs } = await client(server.url).ended;
    expect(retryAfterMs).toBeGreaterThan(55_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test('nobody listens', async () => {
    const { ended, log } = client('ws://127.0.0.1:1/');
    expect(await ended).toMatchObject({ code: 1006, status: null, retryAfterMs: null });
    expect(log).toEqual(['ended']);
  });

  test('an unusable address is an end, not an exception', async () => {
    const end = await client('no address').ended;
    expect(end.code).toBe(1006);
    expect(end.reason).not.toBe('');
  });

  test('given up while it hangs', async () => {
    const port = await tcp(() => {});
    const { socket, ended, log } = client(`ws://127.0.0.1:${port}/`);
    await Bun.sleep(30);
    socket.terminate();
    expect((await ended).code).toBe(1006);
    await Bun.sleep(50);
    expect(log).toEqual(['ended']);
  });

  test('closed before it was begun', async () => {
    const server = serve();
    const { socket, ended, log } = client(server.url);
    socket.close();
    await ended;
    await Bun.sleep(50);
    expect(log).toEqual(['ended']);
  });
});

describe('pings', () => {
  test('of the server are answered and seen; ours are answered and the pong is seen', async () => {
    const server = serve();
    const { socket, log, opened } = client(server.url);
    await opened;
    server.ping();
    await until(() => log.includes('alive') && server.received.includes('<pong>'));
    log.length = 0;
    socket.ping();
    await until(() => log.includes('alive'));
    expect(server.received).toContain('<ping>');
    socket.terminate();
  });
});

describe('the end', () => {
  test('a closing frame of the server brings its code and reason', async () => {
    const server = serve();
    const { opened, ended } = client(server.url);
    await opened;
    server.close(1008, 'Too many requests');
    expect(await ended).toMatchObject({ code: 1008, reason: 'Too many requests', status: null });
  });

  test('our goodbye reaches the server', async () => {
    const server = serve();
    const { socket, opened, ended } = client(server.url);
    await opened;
    socket.close();
    expect((await ended).code).toBe(1000);
    await until(() => server.closes.length === 1);
    expect(server.closes).toEqual([1000]);
  });

  test('what the server sent before our goodbye arrives, read or not', async () => {
    const server = serve();
    const { socket, opened, ended, frames } = client(server.url);
    await opened;
    for (let i = 0; i < 2000; i++) server.send(`${i}`);
    socket.close();
    await ended;
    expect(frames).toHaveLength(2000);
  });

  test('a cut without a closing frame is 1006', async () => {
    const port = await upgradeByHand((socket) => setTimeout(() => socket.destroy(), 30));
    const { log, ended } = client(`ws://127.0.0.1:${port}/`);
    expect((await ended).code).toBe(1006);
    expect(log).toEqual(['opened', 'ended']);
  });

  test('a peer that does not answer our goodbye is cut', async () => {
    const port = await upgradeByHand(() => {});
    const { socket, opened, ended } = client(`ws://127.0.0.1:${port}/`);
    await opened;
    const begin = performance.now();
    socket.close();
    await ended;
    expect(performance.now() - begin).toBeLessThan(3500);
  });

  test('no call after the end', async () => {
    const server = serve();
    const { socket, opened, ended, log } = client(server.url);
    await opened;
    socket.terminate();
    await ended;
    server.send('late');
    socket.send('late');
    socket.ping();
    socket.pause();
    socket.resume();
    socket.close();
    socket.terminate();
    await Bun.sleep(50);
    expect(log.filter((entry) => entry === 'ended')).toHaveLength(1);
    expect(log.at(-1)).toBe('ended');
  });
});

test.each([false, true])(
  'a paused socket delivers nothing, and everything in order when it resumes, TLS %p',
  async (secure) => {
    const server = serve(undefined, secure ? { key: TLS_KEY, cert: TLS_CERT } : undefined);
    const { socket, frames, opened } = client(server.url, { ...PLAIN, ca: secure ? TLS_CERT : null });
    await opened;
    socket.pause();
    for (let i = 0; i < 500; i++) server.send(`${i}`);
    await Bun.sleep(100);
    expect(frames).toHaveLength(0);
    socket.resume();
    await until(() => frames.length === 500);
    expect(frames).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`));
    socket.terminate();
  },
);

describe('the way to the server', () => {
  const tls = { key: TLS_KEY, cert: TLS_CERT };

  test('a private authority is trusted where it is given, and only there', async () => {
    const server = serve(undefined, tls);
    const trusting = client(server.url, { ...PLAIN, ca: TLS_CERT });
    await trusting.opened;
    trusting.socket.terminate();
    const distrustful = client(server.url);
    expect((await distrustful.ended).code).toBe(1006);
    expect(distrustful.log).toEqual(['ended']);
  });

  test('through a proxy', async () => {
    const asked: string[] = [];
    const proxy = await tcp((socket) => {
      socket.once('data', (head) => {
        asked.push(String(head).split('\r\n')[0] ?? '');
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      });
    });
    const { ended } = client('wss://exchange.invalid/ws', { ...PLAIN, proxy: `http://127.0.0.1:${proxy}` });
    await ended;
    expect(asked).toEqual(['CONNECT exchange.invalid:443 HTTP/1.1']);
  });

  test.each([false, true])('from a source address, TLS %p', async (secure) => {
    const server = serve(undefined, secure ? tls : undefined);
    const options = { ...PLAIN, ca: secure ? TLS_CERT : null, localAddress: '127.0.0.9' };
    const { socket, opened, frames, ended } = client(server.url, options);
    await opened;
    expect(server.remotes).toEqual(['127.0.0.9']);
    server.send('hello');
    await until(() => frames.length === 1);
    socket.close();
    expect((await ended).code).toBe(1000);
  });

  test('from an address that is not ours', async () => {
    const server = serve();
    const { ended } = client(server.url, { ...PLAIN, localAddress: '192.0.2.1' });
    await ended;
    expect(server.remotes).toEqual([]);
  });

  test('a source address and a proxy exclude each other', async () => {
    const { reason } = await client('ws://127.0.0.1:1/', {
      ...PLAIN,
      proxy: 'http://127.0.0.1:1',
      localAddress: '127.0.0.9',
    }).ended;
    expect(reason).toContain('exclude each other');
  });
});
