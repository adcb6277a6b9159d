import { afterEach, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { StreamFigures } from '../../src/application/metrics/figures.ts';
import { events } from '../../src/infra/http/events.ts';
import { routes } from '../../src/infra/http/routes.ts';
import { startHttp } from '../../src/infra/http/server.ts';
import { adopt, get, stopServers } from './http-rig.ts';
import { ManualClock } from './manual-clock.ts';
import { NOON } from './metrics-rig.ts';
import { observed, stream } from './observed.ts';

afterEach(stopServers);

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
    adopt(server);
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
