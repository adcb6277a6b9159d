import { afterAll, describe, expect, test } from 'bun:test';
import { systemClock } from '../../src/common/clock.ts';
import type { LinkEnd } from '../../src/core/connection/link-parts.ts';
import { verdict } from '../../src/core/connection/verdict.ts';
import type { SocketEnd, SocketOptions } from '../../src/core/ports.ts';
import { socketsLeft } from '../../src/infra/process/open-files.ts';
import { localFault } from '../../src/infra/websocket/local-fault.ts';
import { bunSockets } from '../../src/infra/websocket/open-socket.ts';
import { fakeExchange } from './connection-parts.ts';

const PLAIN: SocketOptions = { proxy: null, ca: null, localAddress: null };
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: (request, upgrader) => (upgrader.upgrade(request) ? undefined : new Response('no', { status: 418 })),
  websocket: { message() {} },
});
const refusing = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: () => new Response('', { status: 418 }),
});
const URL_OF = `ws://127.0.0.1:${server.port}/`;

afterAll(() => {
  server.stop(true);
  refusing.stop(true);
});

function endOf(
  url: string,
  options: SocketOptions,
  left?: () => number | null,
): Promise<SocketEnd | 'opened'> {
  const { promise, resolve } = Promise.withResolvers<SocketEnd | 'opened'>();
  const socket = bunSockets(systemClock, 1024, left)(url, options, {
    opened: () => {
      resolve('opened');
      socket.terminate();
    },
    frame() {},
    alive() {},
    ended: resolve,
  });
  return promise;
}

describe('what keeps a socket from opening', () => {
  test('a source address that is not of this machine, through the tunnel, is this machine', async () => {
    const end = await endOf(URL_OF, { ...PLAIN, localAddress: '192.0.2.77' });
    expect(end).toMatchObject({ code: 1006, status: null, local: expect.stringContaining('EADDRNOTAVAIL') });
  });

  test('a port that nobody listens on, and a refusal, are not; behind a source address neither', async () => {
    const nobody = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
    const url = `ws://127.0.0.1:${nobody.port}/`;
    await nobody.stop(true);
    for (const options of [PLAIN, { ...PLAIN, localAddress: '127.0.0.1' }])
      expect(await endOf(url, options)).not.toHaveProperty('local');
    const refused = await endOf(`ws://127.0.0.1:${refusing.port}/`, PLAIN);
    expect(refused).toMatchObject({ status: 418 });
    expect(refused).not.toHaveProperty('local');
  });

  test('a proxy that cannot be reached is the operator’s', async () => {
    const end = await endOf(URL_OF, { ...PLAIN, proxy: 'http://127.0.0.1:9' });
    expect(end).toMatchObject({ local: 'the proxy cannot be reached: ECONNREFUSED' });
  });

  test('without files for more none is asked for, those being opened included; where nothing is known, it is tried', async () => {
    const full = await endOf(URL_OF, PLAIN, () => 0);
    expect(full).toMatchObject({ code: 1006, local: expect.stringContaining('ulimit -n') });
    expect(await endOf(URL_OF, PLAIN, () => 1)).toBe('opened');
    expect(await endOf(URL_OF, PLAIN, () => null)).toBe('opened');
    const open = bunSockets(systemClock, 1024, () => 2);
    const ends = await Promise.all(
      Array.from({ length: 5 }, () => {
        const { promise, resolve } = Promise.withResolvers<string>();
        const socket = open(URL_OF, PLAIN, {
          opened: () => socket.terminate(),
          frame() {},
          alive() {},
          ended: ({ local }) => resolve(local === undefined ? 'opened' : 'local'),
        });
        return promise;
      }),
    );
    expect(ends).toEqual(['opened', 'opened', 'local', 'local', 'local']);
  });

  test('the system’s codes, in words', () => {
    const of = (code: string | null, by: 'tunnel' | 'proxy' | null = null, message = '') =>
      localFault({ code, message, by });
    for (const code of [
      'EMFILE',
      'ENFILE',
      'ENOBUFS',
      'EADDRNOTAVAIL',
      'ENETUNREACH',
      'ENOTFOUND',
      'EAI_AGAIN',
    ])
      expect(of(code)).toEndWith(`: ${code}`);
    for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPROTO', null])
      expect(of(code)).toBeNull();
    const tunnel = (code: string) =>
      of(null, 'tunnel', `WebSocket connection failed: Proxy connection failed: 502 ${code}`);
    expect(tunnel('EADDRNOTAVAIL')).toContain('source address');
    expect(tunnel('ECONNREFUSED')).toBeNull();
    expect(of(null, 'proxy', 'Proxy connection failed: 502 EADDRNOTAVAIL')).toBeNull();
  });
});

test('files are kept for everything else', () => {
  expect(socketsLeft(100, 1024)).toBe(1024 - 100 - 32);
  expect(socketsLeft(1000, 1024)).toBe(0);
  expect(socketsLeft(20, 64)).toBe(36);
  expect(socketsLeft(null, 1024)).toBeNull();
  expect(socketsLeft(100, null)).toBeNull();
  expect(socketsLeft()).toBeGreaterThan(0);
});

test('an exchange is not charged with it: no ban, the ordinary wait, and the words', () => {
  const end: LinkEnd = {
    cause: 'unopened',
    status: null,
    code: 1006,
    reason: 'x',
    retryAfterMs: null,
    local: 'no files: EMFILE',
  };
  const shut = fakeExchange({ ban: () => ({ forMs: 60_000, reason: 'go away' }) });
  expect(verdict(end, shut, 700, 0)).toEqual({
    state: 'backoff',
    waitMs: 700,
    reason: 'this machine could not open a socket: no files: EMFILE',
    ban: null,
  });
});
