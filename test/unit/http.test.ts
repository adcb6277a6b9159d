import { afterEach, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { StreamFigures } from '../../src/application/metrics/figures.ts';
import type { Observation } from '../../src/application/metrics/observation.ts';
import { EXIT, type Fault } from '../../src/common/errors.ts';
import { createLog } from '../../src/common/log.ts';
import { openHttp } from '../../src/config/http.ts';
import { loadSettings } from '../../src/config/load.ts';
import { events, snapshot } from '../../src/infra/http/events.ts';
import { readiness, warnings } from '../../src/infra/http/health.ts';
import type { Observed } from '../../src/infra/http/observed.ts';
import { routes } from '../../src/infra/http/routes.ts';
import { type HttpServer, startHttp } from '../../src/infra/http/server.ts';
import { ManualClock } from './manual-clock.ts';
import { NOON, UPBIT_TRADES } from './metrics-rig.ts';
import { MESSAGING, observed, stream } from './observed.ts';

const servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function serve(seen: Observed = observed(), token: string | null = null): Promise<HttpServer> {
  const all = routes(seen, events(seen));
  const server = await startHttp({ host: '127.0.0.1', port: 0, token, routes: all, onError: () => {} });
  servers.push(server);
  return server;
}

const get = (server: HttpServer, path: string, init: RequestInit = {}) =>
  fetch(`${server.address}${path}`, { redirect: 'manual', ...init });

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
    servers.push(await openHttp(settings, log, { ...seen, observation: seen as unknown as Observation }));
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
    servers.push(server);
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
    servers.push(server);
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

describe('the name that a request asks for', () => {
  const PATHS = ['/', '/events', '/status', '/status/upbit/trade', '/metrics'];

  async function statuses(token: string | null, headers: Record<string, string>, allowed: string[] = []) {
    const seen = observed();
    const all = routes(seen, events(seen));
    const base = { host: '127.0.0.1', port: 0, routes: all, onError: () => {} };
    const server = await startHttp({ ...base, token, allowedHosts: allowed });
    servers.push(server);
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

describe('readiness', () => {
  const UPBIT_TICKERS = { ...UPBIT_TRADES, request_type: 'ticker' } as const;
  const figures = new StreamFigures();
  const withStreams = (...streams: ReturnType<typeof stream>[]) =>
    readiness(observed({ orchestrator: { ...observed().orchestrator, streams: () => streams } }));

  test('is there with everything in order, and with no stream at all', () => {
    expect(readiness(observed())).toEqual({ ready: true, reasons: [] });
    expect(withStreams().ready).toBe(true);
  });

  test('is over while Kafka or the state store is away', () => {
    const state = (change: object) => () => ({ ...MESSAGING, ...change });
    const refused = { troubles: ['trade-data.korea is refused: Broker: Topic authorization failed (29)'] };
    const [kafka] = readiness(observed({ messaging: { bootstrap: null, state: state(refused) } })).reasons;
    expect(kafka).toEqual({ what: 'kafka', why: refused.troubles[0] as string });
    const redis = readiness(observed({ store: { available: false, reason: 'OOM command not allowed' } }));
    expect(redis.reasons).toEqual([
      { what: 'redis', why: 'the state store cannot be used: OOM command not allowed' },
    ]);
  });

  test('rows that wait for half as long are a warning, and no more', () => {
    const { orchestrator } = observed();
    const after = (waitedMs: number) =>
      warnings({
        orchestrator: { ...orchestrator, unacknowledged: () => [{ target: UPBIT_TRADES, waitedMs }] },
      }).filter(({ what }) => what === 'rows');
    expect(after(8000)).toEqual([]);
    expect(after(8001)).toEqual([{ what: 'rows', why: 'rows wait: oldest 8 s, stream upbit trade' }]);
    expect(after(15_001)).toEqual([]);
  });

  test('is over when a row or a message has been waiting for more than 15 s, and names the stream', () => {
    const { orchestrator } = observed();
    const of = (rows: number[], messagesMs = 0) => {
      const types = [UPBIT_TRADES, UPBIT_TICKERS, { ...UPBIT_TRADES, exchange: 'bithumb' }];
      const unacknowledged = () =>
        rows.map((waitedMs, n) => ({ target: types[n] ?? UPBIT_TRADES, waitedMs }));
      return readiness(
        observed({
          orchestrator: { ...orchestrator, unacknowledged },
          outbox: { waitedMs: () => messagesMs },
        }),
      ).reasons;
    };
    expect(of([0, 14_900, 100], 14_900)).toEqual([]);
    expect(of([100, 17_200])).toEqual([{ what: 'rows', why: 'rows wait: oldest 17 s, stream upbit ticker' }]);
    expect(of([20_000, 17_200, 31_000])).toEqual([
      { what: 'rows', why: 'rows wait: oldest 31 s, stream bithumb trade, 3 streams in all' },
    ]);
    expect(of([0], 16_000)).toEqual([{ what: 'messages', why: 'messages about the data wait: oldest 16 s' }]);
  });

  test('is over when nothing of an exchange is live, and says why', async () => {
    const dark = withStreams(
      stream(figures, ['backoff', 'stale']),
      stream(figures, ['connecting'], UPBIT_TICKERS),
      stream(figures, ['live'], { ...UPBIT_TRADES, exchange: 'bithumb' }),
    );
    expect(dark.reasons).toEqual([
      {
        what: 'upbit',
        why: 'no stream is live: trade backoff (is backoff); ticker connecting (is connecting)',
      },
    ]);
    const { orchestrator } = observed();
    const seen = observed({
      orchestrator: { ...orchestrator, streams: () => [stream(figures, ['blocked'])] },
    });
    const answer = await get(await serve(seen), '/readyz');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ ready: false, reasons: [{ what: 'upbit' }] });
  });

  test('stays while one connection of the exchange is live', () => {
    expect(
      withStreams(stream(figures, ['live', 'backoff']), stream(figures, ['stale'], UPBIT_TICKERS)).ready,
    ).toBe(true);
  });
});

describe('warnings', () => {
  const figures = new StreamFigures();
  const of = (...streams: ReturnType<typeof stream>[]) =>
    warnings(observed({ orchestrator: { ...observed().orchestrator, streams: () => streams } }));
  const withCodes = (codes: object[], ...states: Parameters<typeof stream>[1]) => {
    const one = stream(figures, states);
    const [first] = one.snapshots();
    const all = codes.map((change) => ({ ...first?.codes[0], ...change }));
    return { ...one, snapshots: () => [{ ...first, codes: all }] } as unknown as ReturnType<typeof stream>;
  };

  test('there are none while every stream and code is as it should be', () => {
    expect(of()).toEqual([]);
    expect(of(stream(figures, ['live']))).toEqual([]);
  });

  test('name streams that are not live, and why', () => {
    expect(of(stream(figures, ['backoff']))).toEqual([{ what: 'upbit trade', why: 'backoff (is backoff)' }]);
    const paused = { ...stream(figures, ['live']), paused: true } as ReturnType<typeof stream>;
    expect(of(paused)).toEqual([{ what: 'upbit trade', why: 'paused, the byte budget is full' }]);
  });

  test('name codes that are silent or refused, of many the first few', () => {
    const codes = [{ stale: true }, { code: 'KRW-ETH', refused: 'unknown market' }, { unconfirmed: 'never' }];
    expect(of(withCodes(codes, 'live'))).toEqual([
      { what: 'upbit trade', why: 'no data: KRW-BTC (1 of 3)' },
      { what: 'upbit trade', why: 'refused by the exchange: KRW-ETH (1 of 3)' },
      { what: 'upbit trade', why: 'never answered for: KRW-BTC (1 of 3)' },
    ]);
    const many = Array.from({ length: 50 }, (_, n) => ({ code: `KRW-C${n}`, stale: true }));
    expect(of(withCodes(many, 'live'))[0]?.why).toBe(
      'no data: KRW-C0, KRW-C1, KRW-C2, KRW-C3, KRW-C4, … (50 of 50)',
    );
  });

  test('name codes that a live stream does not receive, and streams that nobody runs', () => {
    expect(of(withCodes([{ missing: true }, { missing: true, stale: true }], 'live'))).toEqual([
      { what: 'upbit trade', why: 'no data: KRW-BTC (1 of 2)' },
      { what: 'upbit trade', why: 'not received: KRW-BTC (1 of 2)' },
    ]);
    const idle = () => [{ exchange: 'okx', request_type: 'ticker', symbols: ['BTC-USDT', 'ETH-USDT'] }];
    const seen = observed({ orchestrator: { ...observed().orchestrator, streams: () => [], idle } });
    expect(warnings(seen)).toEqual([
      { what: 'okx ticker', why: 'wanted, and no collector runs it: BTC-USDT, ETH-USDT (2 of 2)' },
    ]);
    expect(readiness(seen).ready).toBe(true);
    expect(snapshot(seen, false)).toMatchObject({ ready: true, warnings: [{ what: 'okx ticker' }] });
  });

  test('stand in the answer of /readyz, which is 200 all the same', async () => {
    const streams = () => [withCodes([{ stale: true }, {}], 'live')];
    const seen = observed({ orchestrator: { ...observed().orchestrator, streams } });
    const answer = await get(await serve(seen), '/readyz');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      ready: true,
      reasons: [],
      warnings: [{ what: 'upbit trade', why: 'no data: KRW-BTC (1 of 2)' }],
    });
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

describe('the stream of events', () => {
  test('tells at once and then every second, while somebody listens', async () => {
    const clock = new ManualClock(NOON);
    const feed = events(observed({ clock }));
    expect(clock.pending).toBe(0);
    const reader = feed.open().body?.getReader();
    const next = async () => new TextDecoder().decode((await reader?.read())?.value);
    const first = await next();
    expect(first).toStartWith('retry: 2000\ndata: {');
    expect(JSON.parse(first.split('data: ')[1] ?? '')).toMatchObject({
      ready: true,
      streams: [{ x: 'upbit', t: 'trade', state: 'live', codes: { subscribed: 1 } }],
    });
    await clock.advance(1000);
    expect(await next()).toStartWith('data: {');
    await reader?.cancel();
    await clock.advance(1000);
    expect(clock.pending).toBe(0);
  });

  test('lets a reader go that does not read', async () => {
    const clock = new ManualClock(NOON);
    const feed = events(observed({ clock }));
    feed.open();
    await clock.advance(60_000);
    expect(clock.pending).toBe(0);
  });

  test('ends for everybody at the stop', async () => {
    const clock = new ManualClock(NOON);
    const feed = events(observed({ clock }));
    const reader = feed.open().body?.getReader();
    await reader?.read();
    feed.stop();
    expect((await reader?.read())?.done).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('lets sockets go that stay open and are not read, so that they cost little memory', async () => {
    const clock = new ManualClock(NOON);
    const figures = new StreamFigures();
    const many = Array.from({ length: 200 }, () => stream(figures, ['live']));
    const { orchestrator } = observed();
    const seen = observed({ clock, orchestrator: { ...orchestrator, streams: () => many } });
    const feed = events(seen);
    const options = { host: '127.0.0.1', port: 0, token: null, onError: () => {} };
    const server = await startHttp({ ...options, routes: routes(seen, feed) });
    servers.push(server);
    const stalled = Array.from({ length: 20 }, () => {
      const socket = connect(server.port, '127.0.0.1');
      socket.pause();
      socket.on('error', () => {});
      socket.write('GET /events HTTP/1.1\r\nHost: collector\r\n\r\n');
      return socket;
    });
    while (clock.pending === 0) await Bun.sleep(10);
    let seconds = 0;
    // Each second is some 80 kB a reader: the first dozens fit into the buffers of the system, 200 would not.
    for (; clock.pending > 0 && seconds < 200; seconds++) {
      await clock.advance(1000);
      await Bun.sleep(2);
    }
    expect(clock.pending).toBe(0);
    expect(seconds).toBeGreaterThan(20);
    const reader = (await get(server, '/events')).body?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    for (const socket of stalled) socket.destroy();
    feed.stop();
  }, 20_000);
});
