import { afterEach, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import type { Observation } from '../../src/application/metrics/observation.ts';
import { EXIT, type Fault } from '../../src/common/errors.ts';
import { createLog } from '../../src/common/log.ts';
import { openHttp } from '../../src/config/http.ts';
import { loadSettings } from '../../src/config/load.ts';
import { startHttp } from '../../src/infra/http/server.ts';
import { adopt, get, serve, stopServers } from './http-rig.ts';
import { UPBIT_TRADES } from './metrics-rig.ts';
import { observed } from './observed.ts';

afterEach(stopServers);

describe('the HTTP server', () => {
  test('a port that is taken is a configuration fault', async () => {
    const { port } = await serve();
    const fault = await startHttp({
      host: '127.0.0.1',
      port,
      token: null,
      routes: {},
      onError: () => {},
    }).catch((error) => error as Fault);
    expect((fault as Fault).code).toBe('port_in_use');
    expect((fault as Fault).rule.exit).toBe(EXIT.config);
    expect((fault as Fault).subject).toBe(`127.0.0.1:${port}`);
  });

  test('is for this machine alone unless settings say otherwise', async () => {
    const settings = loadSettings({ folder: null, environment: {}, overrides: [], flags: {} });
    expect(settings.http).toMatchObject({ host: '127.0.0.1', token: null });
    const { port } = await serve();
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    await expect(fetch(`http://127.0.0.2:${port}/healthz`)).rejects.toThrow();
  });

  test.each([
    ['127.0.0.1', null, 0],
    ['0.0.0.0', 'secret', 0],
    ['0.0.0.0', null, 1],
  ])('at %s with the token %p: %p warnings', async (host, token, warnings) => {
    const settings = loadSettings({
      folder: null,
      environment: { HTTP_HOST: host, HTTP_PORT: '0', ...(token && { HTTP_TOKEN: token }) },
      overrides: [],
      flags: {},
    });
    const lines: string[] = [];
    const log = createLog('warn', false, { write: (line: string) => void lines.push(line) });
    const seen = observed();
    adopt(await openHttp(settings, log, { ...seen, observation: seen as unknown as Observation }));
    expect(lines.filter((line) => line.includes('HTTP_TOKEN'))).toHaveLength(warnings);
  });

  test('changes nothing', async () => {
    const server = await serve();
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
      expect((await get(server, '/status', { method })).status).toBe(405);
    expect((await get(server, '/healthz', { method: 'HEAD' })).status).toBe(200);
    expect((await get(server, '/nothing')).status).toBe(404);
    expect((await get(server, '/../etc/passwd')).status).toBe(404);
    expect((await get(server, '/constructor')).status).toBe(404);
  });

  test('a request whose address is none is a 400, and no fault of ours', async () => {
    const told: string[] = [];
    const server = await startHttp({
      host: '127.0.0.1',
      port: 0,
      token: null,
      routes: {},
      onError: ({ message }) => told.push(message),
    });
    adopt(server);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () =>
        socket.write('GET /healthz HTTP/1.1\r\nHost: a b c\r\n\r\n'),
      );
      socket.once('data', (bytes) => {
        socket.destroy();
        resolve(bytes.toString());
      });
    });
    expect(answer).toStartWith('HTTP/1.1 400 ');
    expect(told).toEqual([]);
  });

  test('an answer that fails is a 500, and told', async () => {
    const told: string[] = [];
    const handle = () => {
      throw new Error('broken');
    };
    const options = {
      host: '127.0.0.1',
      port: 0,
      token: null,
      routes: { '/x': { guard: 'none' as const, handle } },
    };
    const server = await startHttp({ ...options, onError: ({ message }) => told.push(message) });
    adopt(server);
    expect((await get(server, '/x')).status).toBe(500);
    expect(told).toEqual(['broken']);
  });

  test('says what it is in the formats that its readers know', async () => {
    const server = await serve();
    const type = async (path: string) => (await get(server, path)).headers.get('content-type');
    expect(await type('/metrics')).toStartWith('text/plain; version=0.0.4');
    expect(await type('/status')).toStartWith('application/json');
    expect(await type('/')).toStartWith('text/html');
    expect((await get(server, '/')).headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await (await get(server, '/healthz')).json()).toMatchObject({ alive: true });
  });

  test('the page has all of its parts in it', async () => {
    const page = await (await get(await serve(), '/')).text();
    expect(page).not.toMatch(/\/\*(CSS|WORDS|DRAW|DETAIL|CLIENT)\*\//);
    expect(page).not.toMatch(/(src|href)="(?!data:|#)/);
    expect(page).toContain('EventSource');
  });
});

describe('status', () => {
  test('has versions, drivers and every stream down to its codes', async () => {
    const server = await serve();
    const status = await (await get(server, '/status')).json();
    expect(status).toMatchObject({
      version: '1.0.0',
      bun: '1.4.5',
      collector_id: 'test',
      ready: true,
      drivers: { messaging: 'kafka', state: 'redis', use_avro: true },
      messaging: { bootstrap: 'broker:9092', breaker: { state: 'closed' } },
      budget: { used_bytes: 0, total_bytes: 1000 },
      oldest_unacknowledged_s: { rows: 0.1, messages: 0 },
      errors: { connect_failed: 2 },
      exchanges: { upbit: { markets: 3 } },
      streams: [
        {
          ...UPBIT_TRADES,
          state: 'live',
          codes: [{ code: 'KRW-BTC', confirmed: true, stale: false, received: 3, fresh_s: 0 }],
          gaps: [{ cause: 'cut' }],
        },
      ],
    });
    expect(await (await get(server, '/status/upbit/trade')).json()).toMatchObject({ exchange: 'upbit' });
    expect((await get(server, '/status/upbit/ticker')).status).toBe(404);
  });
});
