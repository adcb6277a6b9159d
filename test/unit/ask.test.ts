import { afterAll, describe, expect, test } from 'bun:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { systemClock } from '../../src/common/clock.ts';
import { type AskOptions, ask, jsonOf } from '../../src/infra/rest/ask.ts';

/** Answers of servers, proxies and login pages that nobody asked for, and how far they are believed. */

const MB = 1024 * 1024;
const BOMB = gzipSync(Buffer.alloc(200 * MB), { level: 9 });
const JSON_TYPE = { 'content-type': 'application/json' };
let pulled = 0;

function endless(everyMs: number): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      pulled++;
      await Bun.sleep(everyMs);
      controller.enqueue(new Uint8Array(64 * 1024).fill(32));
    },
  });
}

const encoded = (body: Uint8Array<ArrayBuffer>, encoding: string) =>
  new Response(body, { headers: { ...JSON_TYPE, 'content-encoding': encoding } });
const sent = (status: number, location: string) => new Response(null, { status, headers: { location } });

const elsewhere = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: () => Response.json({ from: 'elsewhere' }),
});
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  routes: {
    '/list': () => Response.json([1]),
    '/endless': () => new Response(endless(0), { headers: JSON_TYPE }),
    '/dripping': () => new Response(endless(100), { headers: JSON_TYPE }),
    '/mute': () => new Promise<Response>(() => {}),
    '/bomb': () => encoded(BOMB, 'gzip'),
    '/gzip': () => encoded(gzipSync('[1]'), 'gzip'),
    '/deflate': () => encoded(deflateSync('[1]'), 'deflate'),
    '/br': () => encoded(brotliCompressSync('[1]'), 'br'),
    '/zstd': () => encoded(Buffer.from('[1]'), 'zstd'),
    '/torn': () => encoded(gzipSync('[1]').subarray(0, 12), 'gzip'),
    '/near': () => sent(302, '/list'),
    '/far': () => sent(307, elsewhere.url.href),
    '/nowhere': () => sent(301, ''),
    '/round': () => sent(308, '/round'),
    '/login': () =>
      new Response('<html><title>Sign in</title>', { headers: { 'content-type': 'text/html' } }),
    '/words': () => new Response('all is well'),
  },
});
afterAll(() => Promise.all([server.stop(true), elsewhere.stop(true)]));

function asked(path: string, options: Partial<AskOptions> = {}) {
  return ask(`${server.url.origin}${path}`, {
    clock: systemClock,
    timeoutMs: 20_000,
    maxBytes: MB,
    ...options,
  });
}

describe('size', () => {
  test('a body without an end is let go as soon as it is too long', async () => {
    await expect(asked('/endless')).rejects.toThrow(`the answer is longer than ${MB} bytes`);
    const before = pulled;
    await Bun.sleep(200);
    // The server may have filled what lies between us.
    expect(pulled - before).toBeLessThan(100);
  });

  test('200 MB out of 200 kB: inflated no further than allowed', async () => {
    const before = process.memoryUsage.rss();
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, 1);
    await expect(asked('/bomb')).rejects.toThrow(`the answer is longer than ${MB} bytes`);
    clearInterval(watch);
    expect(Math.max(most, process.memoryUsage.rss()) - before).toBeLessThan(64 * MB);
  });

  test.each(['/list', '/gzip', '/deflate', '/br'])('%s is read', async (path) => {
    expect(jsonOf(await asked(path))).toEqual([1]);
  });

  test('an encoding that nobody asked for, and a torn one, are errors', async () => {
    await expect(asked('/zstd')).rejects.toThrow('the encoding zstd');
    await expect(asked('/torn')).rejects.toThrow();
  });
});

describe('time', () => {
  test.each(['/mute', '/dripping'])('%s: the whole answer has one bound', async (path) => {
    const began = performance.now();
    await expect(asked(path, { timeoutMs: 300, maxBytes: 1024 * MB })).rejects.toThrow(
      'did not answer in full within 300 ms',
    );
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

describe('redirects', () => {
  test('within the host they are followed', async () => {
    expect(jsonOf(await asked('/near'))).toEqual([1]);
  });

  test('to another host they are not, and the error names it', async () => {
    await expect(asked('/far')).rejects.toThrow(`HTTP 307 redirects to ${elsewhere.url.origin}`);
  });

  test('without an address, and without an end', async () => {
    await expect(asked('/nowhere')).rejects.toThrow();
    await expect(asked('/round')).rejects.toThrow('redirects more than 3 times');
  });
});

describe('what is no JSON', () => {
  test('is named by what it is', async () => {
    expect(() => jsonOf({ mediaType: 'text/html', text: '[1]' })).toThrow(
      'answered with text/html, not with JSON',
    );
    const page = await asked('/login');
    expect(() => jsonOf(page)).toThrow(
      'answered with text/html, not with JSON: <html><title>Sign in</title>',
    );
    const words = await asked('/words');
    expect(() => jsonOf(words)).toThrow('did not answer with JSON (text/plain): all is well');
    expect(() => jsonOf({ mediaType: '', text: '' })).toThrow('without a content type');
  });
});
