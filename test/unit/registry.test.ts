import { afterAll, expect, test } from 'bun:test';
import { registryCall } from '../../src/infra/avro/registry-http.ts';

const servers: Bun.Server<undefined>[] = [];
afterAll(() => Promise.all(servers.map((server) => server.stop(true))));

/** A server that says what it was asked, with the status it is told to. */
function echo(status = () => 200) {
  const asked: { path: string; authorization: string | null }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const { pathname } = new URL(request.url);
      asked.push({ path: pathname, authorization: request.headers.get('authorization') });
      return Response.json({ message: 'said so' }, { status: status() });
    },
  });
  servers.push(server);
  return { asked, port: server.port };
}

const basic = (text: string) => `Basic ${btoa(text)}`;

test('paths of base URLs are kept, slashes at their end are not doubled', async () => {
  const { asked, port } = echo();
  await registryCall({ url: `http://127.0.0.1:${port}/apis/ccompat/v7/` })('GET', '/subjects');
  await registryCall({ url: `http://127.0.0.1:${port}` })('GET', '/subjects');
  expect(asked.map(({ path }) => path)).toEqual(['/apis/ccompat/v7/subjects', '/subjects']);
});

test('credentials stand in the URL or in the settings; those in the URL win and are decoded', async () => {
  const { asked, port } = echo();
  const own = { username: 'u', password: 'p' };
  await registryCall({ url: `http://127.0.0.1:${port}`, ...own })('GET', '/');
  await registryCall({ url: `http://a%40b:c%3Ad@127.0.0.1:${port}`, ...own })('GET', '/');
  await registryCall({ url: `http://127.0.0.1:${port}` })('GET', '/');
  expect(asked.map(({ authorization }) => authorization)).toEqual([basic('u:p'), basic('a@b:c:d'), null]);
});

test('several URLs: the next one when one is down or broken, and the good one first from then on', async () => {
  let status = 500;
  const first = echo(() => status);
  const second = echo();
  const url = `http://127.0.0.1:1, http://127.0.0.1:${first.port},http://127.0.0.1:${second.port}`;
  const call = registryCall({ url });
  expect((await call('GET', '/')).status).toBe(200);
  expect([first.asked.length, second.asked.length]).toEqual([1, 1]);
  status = 200;
  await call('GET', '/');
  expect([first.asked.length, second.asked.length]).toEqual([1, 2]);
});

test('none answers: one fault with every address, without its password, and every reason', async () => {
  const { port } = echo(() => 503);
  const call = registryCall({ url: `http://u:secret@127.0.0.1:1/a,http://127.0.0.1:${port}` });
  const fault = await call('GET', '/').catch((error) => error);
  expect([fault.code, fault.subject]).toEqual([
    'registry_unavailable',
    `http://127.0.0.1:1/a, http://127.0.0.1:${port}`,
  ]);
  expect(fault.message).toMatch(/127\.0\.0\.1:1\/a: .+HTTP 503/s);
  expect(fault.message).not.toContain('secret');
});

test('a registry that never answers is given up after the time', async () => {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Promise<Response>(() => {}) });
  servers.push(server);
  const began = Date.now();
  const call = registryCall({ url: `http://127.0.0.1:${server.port}`, timeoutMs: 200 });
  await expect(call('GET', '/')).rejects.toMatchObject({ code: 'registry_unavailable' });
  expect(Date.now() - began).toBeLessThan(3_000);
});

test('refused credentials are a configuration error, not an outage', async () => {
  const { port } = echo(() => 401);
  const call = registryCall({ url: `http://127.0.0.1:${port}` });
  await expect(call('GET', '/')).rejects.toMatchObject({ code: 'config_invalid' });
});

test('an address that is none is named without its password', () => {
  expect(() => registryCall({ url: 'ftp://u:secret@host' })).toThrow(
    expect.objectContaining({ code: 'config_invalid', message: expect.not.stringContaining('secret') }),
  );
});
