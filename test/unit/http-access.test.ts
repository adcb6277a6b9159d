import { afterEach, describe, expect, test } from 'bun:test';
import { events } from '../../src/infra/http/events.ts';
import { routes } from '../../src/infra/http/routes.ts';
import { startHttp } from '../../src/infra/http/server.ts';
import { adopt, get, serve, stopServers } from './http-rig.ts';
import { observed } from './observed.ts';

afterEach(stopServers);

describe('the name that a request asks for', () => {
  const PATHS = ['/', '/events', '/status', '/status/upbit/trade', '/metrics'];

  async function statuses(token: string | null, headers: Record<string, string>, allowed: string[] = []) {
    const seen = observed();
    const all = routes(seen, events(seen));
    const base = { host: '127.0.0.1', port: 0, routes: all, onError: () => {} };
    const server = await startHttp({ ...base, token, allowedHosts: allowed });
    adopt(server);
    const found: number[] = [];
    for (const path of PATHS) {
      const answer = await get(server, path, { headers });
      await answer.body?.cancel();
      found.push(answer.status);
    }
    const health = await Promise.all(['/healthz', '/readyz'].map((path) => get(server, path, { headers })));
    expect(health.map(({ status }) => status)).toEqual([200, 200]);
    return [...new Set(found)];
  }

  test.each([
    'evil.example',
    'evil.example:9464',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '1.2.3.com',
  ])('%s is not ours: no figure leaves', async (host) => {
    expect(await statuses(null, { host })).toEqual([421]);
  });

  test.each([
    '127.0.0.1',
    '10.1.2.3:9464',
    '[::1]:9464',
    'localhost',
    'LOCALHOST.',
    'collector:9464',
    'app.localhost',
  ])('%s nobody else can have', async (host) => {
    expect(await statuses(null, { host })).toEqual([200]);
  });

  test('of the settings is ours, to the letter', async () => {
    const allowed = ['Collector.Example.com'];
    expect(await statuses(null, { host: 'collector.example.COM:443' }, allowed)).toEqual([200]);
    expect(await statuses(null, { host: 'not-collector.example.com' }, allowed)).toEqual([421]);
    expect(await statuses(null, { host: 'collector.example.com.evil.org' }, allowed)).toEqual([421]);
  });

  test('does not matter to whoever has the token, and no token is asked for under another name', async () => {
    const host = 'evil.example';
    expect(await statuses('secret', { host, authorization: 'Bearer secret' })).toEqual([200]);
    expect(await statuses('secret', { host, authorization: 'Bearer guess' })).toEqual([421]);
    expect(await statuses(null, { host, authorization: 'Bearer ' })).toEqual([421]);
  });
});

describe('the token', () => {
  const TOKEN = 'open sesame & more';

  test('is asked for by the page, its events and the status, and by nothing else', async () => {
    const server = await serve(observed(), TOKEN);
    for (const path of ['/', '/events', '/status', '/status/upbit/trade'])
      expect([path, (await get(server, path)).status]).toEqual([path, 401]);
    for (const path of ['/healthz', '/readyz', '/metrics'])
      expect((await get(server, path)).status).toBe(200);
  });

  test('opens as a bearer, not when it is wrong', async () => {
    const server = await serve(observed(), 'secret');
    const ask = (authorization: string) => get(server, '/status', { headers: { authorization } });
    expect((await ask('Bearer secret')).status).toBe(200);
    expect((await ask('bearer secret')).status).toBe(200);
    expect((await ask('Bearer secre')).status).toBe(401);
    expect((await ask('Basic secret')).status).toBe(401);
    const spaced = await get(await serve(observed(), TOKEN), '/status', {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(spaced.status).toBe(200);
  });

  test('in the address becomes a cookie and leaves it', async () => {
    const server = await serve(observed(), TOKEN);
    const answer = await get(server, `/?a=1&token=${encodeURIComponent(TOKEN)}`);
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/?a=1']);
    const cookie = answer.headers.get('set-cookie') ?? '';
    expect(cookie).toContain('HttpOnly; SameSite=Strict');
    const headers = { cookie: `other=1; ${cookie.split(';')[0]}` };
    expect((await get(server, '/', { headers })).status).toBe(200);
    expect((await get(server, '/', { headers: { cookie: 'kcs_token=%E0%A4%A' } })).status).toBe(401);
    for (const value of ['', 'x', TOKEN.slice(1), `${cookie.split(';')[0]?.slice(10)}x`])
      expect((await get(server, '/', { headers: { cookie: `kcs_token=${value}` } })).status).toBe(401);
    const under = {
      cookie: `my_kcs_token=${encodeURIComponent(TOKEN)}; kcs_token_2=${encodeURIComponent(TOKEN)}`,
    };
    expect((await get(server, '/', { headers: under })).status).toBe(401);
    const wrong = await get(server, '/?token=guess');
    expect(wrong.status).toBe(401);
    expect(await wrong.text()).toContain('not the token');
  });
});
