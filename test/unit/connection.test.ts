import { describe, expect, test } from 'bun:test';
import { coin, LIMITS, rig, running, seeded, socketOf, wellBehaved } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

describe('opening', () => {
  test('subscribes in frames of the permitted size and is live when confirmed', async () => {
    const made = await running(['A', 'B', 'C']);
    expect(socketOf(made, 1).sent).toEqual(['{"sub":["A","B"]}', '{"sub":["C"]}']);
    expect(made.states).toEqual(['connecting', 'live']);
    expect(made.confirmed).toEqual(['A@1', 'B@1', 'C@1']);
    expect(made.gaps).toEqual([]);
  });

  test('without codes nothing is opened until there are some', async () => {
    const made = await running([]);
    expect(made.sockets).toHaveLength(0);
    made.connection.update([coin('A')]);
    await made.clock.advance(100);
    expect(made.sockets).toHaveLength(1);
  });

  test('what never opens is given up after the set time', async () => {
    const made = await running(['A'], { serve: () => {} });
    await made.clock.advance(9_000);
    expect(made.failed).toHaveLength(0);
    await made.clock.advance(1_000);
    expect(made.failed[0]?.end.cause).toBe('open_timeout');
    await made.clock.advance(1_000);
    expect(made.sockets).toHaveLength(2);
  });

  test('what fails to open did not come about; what ends afterwards was cut', async () => {
    const made = await running(['A'], { serve: (socket) => socket.end(1006, 'Failed to connect') });
    expect(made.failed[0]?.end.cause).toBe('unopened');
    const cut = await running(['A']);
    socketOf(cut, 1).end(1006, '');
    expect(cut.failed[0]?.end.cause).toBe('remote');
  });

  test('more codes than a socket carries are a mistake of the caller', async () => {
    const made = rig();
    const many = Array.from({ length: 101 }, (_, i) => coin(`C${i}`));
    expect(() => made.connection.update(many)).toThrow(RangeError);
  });
});

describe('ends', () => {
  test.each([
    ['with a closing frame', 1001, 'going away'],
    ['without one', 1006, ''],
  ])('%s: again after a second', async (_name, code, reason) => {
    const made = await running(['A']);
    socketOf(made, 1).end(code, reason);
    expect(made.states.at(-1)).toBe('backoff');
    await made.clock.advance(990);
    expect(made.sockets).toHaveLength(1);
    await made.clock.advance(100);
    expect(made.sockets).toHaveLength(2);
    expect(made.states.at(-1)).toBe('live');
  });

  test.each([
    ['opens and closes at once', 0],
    ['confirms and closes at once', 1],
  ])('%s, for ever: attempts are many seconds apart, and never cease', async (_name, acks) => {
    const clock = new ManualClock(undefined, seeded(7));
    const made = await running(['A'], {
      clock,
      serve: (socket) => {
        clock.after(1, () => {
          socket.accept();
          if (acks > 0) socket.frame({ ack: ['A'] });
          socket.row('A');
          socket.end(1000);
        });
      },
    });
    await clock.advance(60_000);
    expect(made.sockets.length).toBeGreaterThan(2);
    expect(made.sockets.length).toBeLessThan(30);
    await clock.advance(3_600_000);
    const before = made.sockets.length;
    await clock.advance(600_000);
    expect(made.sockets.length - before).toBeWithin(40, 80);
    expect(made.connection.snapshot().attempts).toBeGreaterThan(10);
  });

  test('failures count from zero again after a period of good data', async () => {
    const made = await running(['A'], { settings: { goodAfterMs: 5000 } });
    for (let i = 1; i <= 3; i++) {
      socketOf(made, i).end();
      await made.clock.advance(40_000 + 100);
    }
    expect(made.connection.snapshot().attempts).toBe(3);
    const socket = socketOf(made, made.sockets.length);
    socket.row('A');
    await made.clock.advance(4000);
    socket.row('A');
    await made.clock.advance(1000);
    expect(made.connection.snapshot().attempts).toBe(3);
    socket.row('A');
    await made.clock.advance(1000);
    expect(made.connection.snapshot().attempts).toBe(0);
  });

  test.each([
    [429, 7000, 'backoff', 7000],
    [429, null, 'backoff', 10_000],
    [503, 20_000, 'backoff', 20_000],
    [418, 120_000, 'blocked', 120_000],
    [418, null, 'blocked', 300_000],
    [403, null, 'blocked', 300_000],
    [451, null, 'blocked', 300_000],
  ] as const)('HTTP %p with Retry-After %p: %s for %p ms', async (status, after, state, waitMs) => {
    const clock = new ManualClock();
    const made = await running(['A'], {
      clock,
      serve: (socket, nth) => {
        if (nth > 1) return wellBehaved(clock)(socket, nth);
        clock.after(1, () => socket.end(1006, `HTTP ${status}`, status, after));
      },
    });
    expect(made.states.at(-1)).toBe(state);
    const { retryAt, lastError } = made.connection.snapshot();
    expect(lastError).toBe(`HTTP ${status} on opening`);
    expect((retryAt ?? 0) - clock.micros()).toBeGreaterThan((waitMs - 100) * 1000);
    await clock.advance(waitMs - 100);
    expect(made.sockets).toHaveLength(1);
    await clock.advance(2000);
    expect(made.sockets).toHaveLength(2);
    expect(made.states.at(-1)).toBe('live');
  });

  test('a close code that is a ban blocks for the time the plug-in names', async () => {
    const made = await running(['A'], {
      exchange: { ban: (code) => (code === 4290 ? { forMs: 60_000, reason: 'too many connections' } : null) },
    });
    socketOf(made, 1).end(4290);
    expect(made.states.at(-1)).toBe('blocked');
    expect(made.connection.snapshot().reason).toBe('too many connections');
    await made.clock.advance(59_000);
    expect(made.sockets).toHaveLength(1);
    await made.clock.advance(3000);
    expect(made.sockets).toHaveLength(2);
  });
});

describe('heartbeats', () => {
  test('are sent at their interval, and a socket without any frame is dead', async () => {
    const clock = new ManualClock();
    const made = await running(['A'], { clock });
    await clock.advance(60_000);
    expect(socketOf(made, 1).sent.filter((text) => text === '<ping>').length).toBeGreaterThanOrEqual(5);
    expect(made.sockets).toHaveLength(1);
    socketOf(made, 1).onSend = () => {};
    await clock.advance(45_000);
    expect(made.failed[0]?.end.cause).toBe('dead');
    expect(made.sockets).toHaveLength(2);
  });

  test('a text is sent as it is; the answer the protocol demands goes out at once', async () => {
    const made = await running(['A'], {
      exchange: { heartbeat: { send: { text: '"ping"' }, everyMs: 5000, deadAfterMs: 60_000 } },
    });
    await made.clock.advance(6000);
    expect(socketOf(made, 1).sent.at(-1)).toBe('"ping"');
    socketOf(made, 1).frame({ send: '{"pong":1}' });
    expect(socketOf(made, 1).sent.at(-1)).toBe('{"pong":1}');
  });

  test('where the server pings, a silent socket is asked once before it is given up', async () => {
    const made = await running(['A'], { exchange: { heartbeat: { deadAfterMs: 40_000 } } });
    await made.clock.advance(15_000);
    expect(socketOf(made, 1).sent).not.toContain('<ping>');
    await made.clock.advance(10_000);
    expect(socketOf(made, 1).sent).toContain('<ping>');
    await made.clock.advance(200_000);
    expect(made.sockets).toHaveLength(1);
  });
});

describe('pacing', () => {
  test('no window of the published length ever holds more messages than allowed, heartbeats included', async () => {
    const codes = Array.from({ length: 60 }, (_, i) => `C${i}`);
    const made = await running(codes, {
      exchange: {
        limits: { ...LIMITS, codesPerFrame: 1, sends: [{ count: 5, perMs: 1000 }] },
        heartbeat: { send: 'ping', everyMs: 1000, deadAfterMs: 30_000 },
      },
    });
    await made.clock.advance(40_000);
    const times = socketOf(made, 1).sentAtMs;
    for (let i = 5; i < times.length; i++)
      expect((times[i] ?? 0) - (times[i - 5] ?? 0)).toBeGreaterThan(1000);
    expect(made.confirmed).toHaveLength(60);
  });
});

describe('stop', () => {
  test('says goodbye and resolves when the last frame was handed over', async () => {
    const made = await running(['A']);
    socketOf(made, 1).stubborn = true;
    let stopped = false;
    void made.connection.stop().then(() => {
      stopped = true;
    });
    await made.clock.advance(500);
    expect(stopped).toBe(false);
    socketOf(made, 1).row('A');
    socketOf(made, 1).end(1000);
    await made.clock.advance(1);
    expect(stopped).toBe(true);
    expect(made.rows).toEqual(['A@1*']);
    expect(made.ended).toEqual([1]);
    expect(made.states.at(-1)).toBe('stopped');
    expect(made.failed).toEqual([]);
  });

  test.each([
    ['while it opens', (): void => {}, 0],
    ['in the back-off', undefined, 1],
  ])('%s: nothing is opened afterwards', async (_name, serve, cuts) => {
    const made = await running(['A'], serve ? { serve } : {});
    for (let i = 0; i < cuts; i++) socketOf(made, 1).end();
    await Promise.all([made.connection.stop(), made.clock.advance(10)]);
    const before = made.sockets.length;
    await made.clock.advance(600_000);
    expect(made.sockets).toHaveLength(before);
    expect(made.clock.pending).toBe(0);
  });

  test('while the gate is asked: the place is given back', async () => {
    const clock = new ManualClock();
    const said: string[] = [];
    const made = rig({
      clock,
      gate: {
        allow: () => new Promise((resolve) => clock.after(500, () => resolve({ allowed: true }))),
        report: (_host, outcome) => said.push(outcome),
        closed: () => said.push('closed'),
        ban: () => {},
      },
    });
    made.connection.update([coin('A')]);
    made.connection.start();
    await made.connection.stop();
    await clock.advance(1000);
    expect(made.sockets).toHaveLength(0);
    expect(said).toEqual(['unused', 'closed']);
  });
});

describe('the gate', () => {
  test('hears of each attempt once: good when something came, failed when nothing did', async () => {
    const clock = new ManualClock();
    const said: string[] = [];
    const made = await running(['A'], {
      clock,
      gate: {
        allow: async () => ({ allowed: true }),
        report: (_host, outcome) => said.push(outcome),
        closed: () => said.push('closed'),
        ban: () => {},
      },
      serve: (socket, nth) => {
        if (nth === 1) clock.after(1, () => socket.accept());
        else wellBehaved(clock)(socket, nth);
      },
    });
    socketOf(made, 1).end(1000);
    await clock.advance(1100);
    socketOf(made, 2).row('A');
    await clock.advance(3000);
    socketOf(made, 2).end();
    expect(said).toEqual(['failed', 'closed', 'good', 'closed']);
    await clock.advance(2500);
    socketOf(made, 3).row('A');
    socketOf(made, 3).end();
    expect(said.slice(4)).toEqual(['good', 'failed', 'closed']);
  });

  test('that refuses is asked again when it says', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const made = await running(['A'], {
      clock,
      gate: {
        allow: async () =>
          ++asked === 1 ? { allowed: false, retryInMs: 60_000, reason: 'breaker open' } : { allowed: true },
        report: () => {},
        closed: () => {},
        ban: () => {},
      },
    });
    expect(made.states.at(-1)).toBe('backoff');
    expect(made.connection.snapshot().reason).toBe('breaker open');
    await clock.advance(59_000);
    expect(asked).toBe(1);
    await clock.advance(2000);
    expect(made.states.at(-1)).toBe('live');
  });
});

test('a process that stood still blames no socket for it', async () => {
  const made = await running(['A']);
  const { clock } = made;
  for (let i = 0; i < 30; i++) {
    socketOf(made, 1).row('A');
    await clock.advance(1000);
  }
  socketOf(made, 1).onSend = () => {};
  clock.jump(200_000);
  await clock.advance(900);
  expect(made.sockets).toHaveLength(1);
  expect(made.silent).toEqual([]);
});
