import { describe, expect, test } from 'bun:test';
import {
  coin,
  type FakeSocket,
  isPrimary,
  LIMITS,
  type Rig,
  running,
  type Serve,
  socketOf,
  wellBehaved,
} from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

/** How long the exchange lets a socket live: a tenth of what the great ones do, for each second is looked at. */
const LIFE = 2.4 * 3_600_000;

function primaries(made: Rig): boolean[] {
  return made.handles.map((handle) => isPrimary(made.connection, handle));
}

/** The first socket is served as it should be; those after it are taken, and what they ask for is left to `then`. */
function onlyFirst(clock: ManualClock, then: (socket: FakeSocket) => void = () => {}): Serve {
  return (socket, nth) => {
    if (nth === 1) return wellBehaved(clock)(socket, nth);
    clock.after(10, () => {
      socket.accept();
      then(socket);
    });
  };
}

/** Answers pings, and nothing else. */
function pongs(clock: ManualClock): (socket: FakeSocket) => void {
  return (socket) => {
    socket.onSend = (text) => {
      if (text === '<ping>') clock.after(1, () => socket.pong());
    };
  };
}

test('before the exchange ends a socket’s life a new one has taken over: no gap, no failure', async () => {
  const made = await running(['A', 'B', 'C'], {
    exchange: { limits: { ...LIMITS, lifetimeMs: LIFE } },
  });
  await made.clock.advance(0.83 * LIFE);
  expect(made.sockets).toHaveLength(1);
  await made.clock.advance(0.16 * LIFE);
  expect(made.sockets).toHaveLength(2);
  expect(socketOf(made, 1).gone).toBe(true);
  expect(primaries(made)).toEqual([false, true]);
  expect(made.gaps).toEqual([]);
  expect(made.failed).toEqual([]);
  expect(made.states).toEqual(['connecting', 'live']);
  expect(made.confirmed.slice(3)).toEqual(['A@2', 'B@2', 'C@2']);
  await made.clock.advance(LIFE);
  expect(made.sockets).toHaveLength(3);
  expect(made.gaps).toEqual([]);
});

test('sockets that opened together are not replaced together', async () => {
  const at: number[] = [];
  for (const chance of [0, 0.5, 0.99]) {
    const made = await running(['A'], {
      clock: new ManualClock(undefined, () => chance),
      exchange: { limits: { ...LIMITS, lifetimeMs: LIFE } },
    });
    await made.clock.advance(LIFE);
    at.push(socketOf(made, 2).openedAtMs);
  }
  expect(new Set(at).size).toBe(3);
  expect(Math.max(...at)).toBeLessThan(0.98 * LIFE);
});

describe('announced by the exchange', () => {
  test('the old socket serves until the new one has every code, and a moment longer', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'B'], {
      clock,
      serve: onlyFirst(clock),
    });
    socketOf(made, 1).frame({ restart: 'service upgrade' });
    await clock.advance(100);
    expect(made.sockets).toHaveLength(2);
    socketOf(made, 1).frame({ restart: 'service upgrade, again' });
    expect(made.announced).toEqual(['service upgrade']);
    socketOf(made, 1).row('A');
    socketOf(made, 2).frame({ ack: ['A'] });
    socketOf(made, 2).row('A');
    expect(primaries(made)).toEqual([true, false]);
    socketOf(made, 2).frame({ ack: ['B'] });
    expect(primaries(made)).toEqual([false, true]);
    await clock.advance(100);
    expect(socketOf(made, 1).gone).toBe(false);
    socketOf(made, 1).row('B');
    socketOf(made, 2).row('B');
    expect(made.rows).toEqual(['A@1*', 'A@2', 'B@1', 'B@2*']);
    await clock.advance(1000);
    expect(socketOf(made, 1).gone).toBe(true);
    expect(made.ended).toEqual([1]);
    expect(made.gaps).toEqual([]);
  });

  test('the new socket says whom it replaces', async () => {
    const made = await running(['A']);
    socketOf(made, 1).frame({ restart: 'soon' });
    await made.clock.advance(1000);
    expect(made.handles.map(({ id, predecessor }) => [id, predecessor])).toEqual([
      [1, null],
      [2, 1],
    ]);
  });

  test('the exchange cuts before the successor is there: a gap for what it had not yet', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'B'], {
      clock,
      serve: onlyFirst(clock, (socket) => {
        socket.frame({ ack: ['A'] });
        clock.after(2490, () => socket.frame({ ack: ['B'] }));
      }),
    });
    socketOf(made, 1).frame({ restart: 'soon' });
    for (let i = 0; i < 10; i++) {
      await clock.advance(100);
      socketOf(made, 1).row('B');
    }
    socketOf(made, 1).end();
    expect(primaries(made)).toEqual([false, true]);
    await clock.advance(2000);
    expect(made.sockets).toHaveLength(2);
    expect(made.gaps).toMatchObject([{ cause: 'cut', codes: ['KRW-B'] }]);
    expect(made.states.at(-1)).toBe('live');
  });

  test('the exchange cuts just after: what was still on its way over the old socket lies in a gap', async () => {
    const made = await running(['A']);
    const { clock } = made;
    socketOf(made, 1).row('A');
    const last = clock.micros();
    socketOf(made, 1).frame({ restart: 'soon' });
    await clock.advance(100);
    expect(primaries(made)).toEqual([false, true]);
    const to = clock.micros();
    socketOf(made, 1).end();
    await clock.advance(2000);
    expect(made.gaps).toMatchObject([{ cause: 'cut', codes: ['KRW-A'], to }]);
    expect(made.gaps[0]?.from).toBeLessThanOrEqual(last);
    expect(made.sockets).toHaveLength(2);
    expect(made.states).toEqual(['connecting', 'live']);
  });

  test('a successor that fails is tried again, and the old socket goes on serving', async () => {
    const clock = new ManualClock();
    const made = await running(['A'], {
      clock,
      serve: (socket, nth) => {
        if (nth === 1 || nth > 4) wellBehaved(clock)(socket, nth);
        else clock.after(10, () => socket.end(1006, 'HTTP 503', 503));
      },
    });
    socketOf(made, 1).frame({ restart: 'soon' });
    await clock.advance(60_000);
    expect(made.sockets).toHaveLength(5);
    expect(primaries(made).at(-1)).toBe(true);
    expect(made.gaps).toEqual([]);
    expect(made.states).toEqual(['connecting', 'live']);
  });

  test('a successor that opens and says nothing goes; the old one stays', async () => {
    const clock = new ManualClock();
    const made = await running(['A'], {
      clock,
      serve: onlyFirst(clock, pongs(clock)),
    });
    socketOf(made, 1).frame({ restart: 'soon' });
    await clock.advance(40_000);
    expect(socketOf(made, 2).gone).toBe(true);
    expect(socketOf(made, 1).gone).toBe(false);
    expect(made.failed[0]?.end.cause).toBe('mute');
    expect(made.gaps.filter(({ to }) => to !== null)).toEqual([]);
  });

  test('one code the successor never gets does not hold the others up', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'B'], {
      clock,
      serve: onlyFirst(clock, (socket) => {
        socket.frame({ ack: ['A'] });
        pongs(clock)(socket);
      }),
    });
    socketOf(made, 1).frame({ restart: 'soon' });
    await clock.advance(60_000);
    expect(socketOf(made, 1).gone).toBe(true);
    expect(primaries(made)).toEqual([false, true]);
    expect(made.gaps).toMatchObject([{ cause: 'cut', to: null, codes: ['KRW-B'] }]);
  });

  test('for every new socket again: opens become rare', async () => {
    const clock = new ManualClock();
    const made = await running(['A'], {
      clock,
      serve: (socket, nth) => {
        wellBehaved(clock)(socket, nth);
        clock.after(15, () => socket.frame({ restart: 'again' }));
      },
    });
    await clock.advance(3_600_000);
    expect(made.sockets.length).toBeLessThan(150);
    expect(made.gaps).toEqual([]);
  });
});

test('codes that change during the takeover reach both sockets', async () => {
  const clock = new ManualClock();
  const made = await running(['A'], {
    clock,
    serve: onlyFirst(clock),
  });
  socketOf(made, 1).frame({ restart: 'soon' });
  await clock.advance(100);
  made.connection.update(['A', 'B'].map(coin));
  await clock.advance(100);
  expect(socketOf(made, 1).sent.at(-1)).toBe('{"sub":["B"]}');
  expect(socketOf(made, 2).sent.at(-1)).toBe('{"sub":["B"]}');
});

test('a stop during the takeover closes both', async () => {
  const clock = new ManualClock();
  const made = await running(['A'], {
    clock,
    serve: onlyFirst(clock),
  });
  socketOf(made, 1).frame({ restart: 'soon' });
  await clock.advance(100);
  const stopped = made.connection.stop();
  await clock.advance(100);
  await stopped;
  expect(made.ended.sort()).toEqual([1, 2]);
  await clock.advance(100_000);
  expect(made.sockets).toHaveLength(2);
});
