import { describe, expect, test } from 'bun:test';
import { coin, LIMITS, rig, running, socketOf, wellBehaved } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

const SECOND = 1_000_000;

describe('cut', () => {
  test('from the last row’s own time to the confirmation on the next socket, all codes in one record', async () => {
    const made = await running(['A', 'B', 'C']);
    const { clock } = made;
    const eventTime = clock.micros() - 50_000;
    socketOf(made, 1).row('A', eventTime);
    await clock.advance(2000);
    socketOf(made, 1).end();
    const cutAt = clock.micros();
    await clock.advance(2000);
    expect(made.gaps).toHaveLength(1);
    const [gap] = made.gaps;
    expect(gap).toMatchObject({ cause: 'cut', codes: ['KRW-A', 'KRW-B', 'KRW-C'] });
    expect(gap?.from).toBeLessThanOrEqual(eventTime);
    expect(gap?.from).toBeGreaterThan(eventTime - SECOND);
    expect(gap?.to).toBe(cutAt + 1_020_000);
  });

  test('the earliest of the codes of the last chunk counts', async () => {
    const made = await running(['A', 'B']);
    const now = made.clock.micros();
    socketOf(made, 1).row('A', now - 400_000);
    socketOf(made, 1).row('B', now - 10_000);
    socketOf(made, 1).end();
    await made.clock.advance(3000);
    expect(made.gaps[0]?.from).toBeLessThanOrEqual(now - 400_000);
  });

  test('an old snapshot row says nothing about how far the code was covered', async () => {
    const made = await running(['A']);
    const now = made.clock.micros();
    socketOf(made, 1).row('A', now - 3600 * SECOND);
    socketOf(made, 1).end();
    await made.clock.advance(3000);
    expect(made.gaps[0]?.from).toBeGreaterThan(now - 5 * SECOND);
    expect(made.gaps[0]?.from).toBeLessThan(now);
  });

  test('a clock of the exchange that runs ahead does not shorten the gap', async () => {
    const made = await running(['A']);
    const now = made.clock.micros();
    socketOf(made, 1).row('A', now + 30 * SECOND);
    socketOf(made, 1).end();
    await made.clock.advance(3000);
    expect(made.gaps[0]?.from).toBeLessThanOrEqual(now);
  });

  test('what was asked for and not heard of may have been served: rather a gap too many', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'B'], {
      clock,
      serve: (socket, nth) => {
        if (nth > 1) return wellBehaved(clock)(socket, nth);
        clock.after(1, () => {
          socket.accept();
          socket.frame({ ack: ['A'] });
          socket.end();
        });
      },
    });
    await clock.advance(3000);
    expect(made.gaps.map(({ codes }) => codes)).toEqual([['KRW-A'], ['KRW-B']]);
  });

  test('several cuts in a row before a confirmation are one gap', async () => {
    const clock = new ManualClock();
    const made = await running(['A'], {
      clock,
      serve: (socket, nth) => {
        if (nth === 1 || nth > 3) return wellBehaved(clock)(socket, nth);
        clock.after(1, () => {
          socket.accept();
          socket.end();
        });
      },
    });
    const from = clock.micros();
    socketOf(made, 1).end();
    await clock.advance(9000);
    expect(made.gaps.filter(({ to }) => to !== null)).toHaveLength(1);
    expect(made.gaps[0]?.from).toBeLessThanOrEqual(from);
  });

  test('the first row confirms where the exchange does not', async () => {
    const clock = new ManualClock();
    const made = await running(['A'], {
      clock,
      exchange: { confirms: 'data', subscribing: 'replace' },
      serve: (socket) => {
        clock.after(10, () => socket.accept());
        socket.onSend = (text) => {
          if (text !== '<ping>') clock.after(300, () => socket.row('A'));
        };
      },
    });
    await clock.advance(1000);
    socketOf(made, 1).end();
    const cutAt = clock.micros();
    await clock.advance(3000);
    expect(made.gaps).toHaveLength(1);
    expect(made.gaps[0]?.to).toBe(cutAt + 1_310_000);
  });

  test('one that lasts is on record before it ends', async () => {
    const clock = new ManualClock();
    const made = await running(['A'], {
      clock,
      serve: (socket, nth) => (nth === 1 ? wellBehaved(clock)(socket, nth) : undefined),
    });
    socketOf(made, 1).end();
    await clock.advance(9000);
    expect(made.gaps).toHaveLength(0);
    await clock.advance(2000);
    expect(made.gaps).toMatchObject([{ cause: 'cut', to: null, codes: ['KRW-A'] }]);
    void made.connection.stop();
    await clock.advance(10);
    expect(made.gaps).toHaveLength(2);
    expect(made.gaps[1]).toMatchObject({ from: made.gaps[0]?.from as number, to: clock.micros() - 10_000 });
  });

  test('codes confirmed far apart have records of their own', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'B'], {
      clock,
      exchange: { limits: { ...LIMITS, codesPerFrame: 1, sends: [{ count: 1, perMs: 1000 }] } },
    });
    await clock.advance(3000);
    socketOf(made, 1).end();
    await clock.advance(6000);
    expect(made.gaps.map(({ codes }) => codes)).toEqual([['KRW-A'], ['KRW-B']]);
  });
});

describe('the gap of a code ends', () => {
  test('when it is no longer wanted', async () => {
    const made = await running(['A', 'B']);
    socketOf(made, 1).end();
    await made.clock.advance(400);
    made.connection.update([coin('B')]);
    const at = made.clock.micros();
    await made.clock.advance(300);
    expect(made.gaps).toMatchObject([{ codes: ['KRW-A'], to: at }]);
  });

  test('when it is no longer wanted, not when the exchange refuses it', async () => {
    const clock = new ManualClock();
    const made = await running(['A'], {
      clock,
      serve: (socket, nth) => {
        if (nth === 1) return wellBehaved(clock)(socket, nth);
        clock.after(10, () => socket.accept());
        socket.onSend = () => socket.frame({ refused: ['A'], reason: 'delisted' });
      },
    });
    socketOf(made, 1).end();
    const cutAt = clock.micros();
    await clock.advance(2000);
    expect(made.refused).toEqual([{ symbols: ['A'], kind: 'refused', reason: 'delisted' }]);
    expect(made.gaps).toEqual([]);
    await clock.advance(60_000);
    expect(made.gaps).toMatchObject([{ cause: 'refused', to: null, codes: ['KRW-A'] }]);
    expect(made.gaps[0]?.from).toBeLessThan(cutAt);
    made.connection.update([]);
    await clock.advance(1000);
    expect(made.gaps).toHaveLength(2);
    expect(made.gaps[1]).toMatchObject({ cause: 'refused', from: made.gaps[0]?.from as number });
    expect(made.gaps[1]?.to).toBeGreaterThanOrEqual(cutAt + 62 * SECOND);
  });
});

describe('pause', () => {
  test('stops the reading of the socket and is a gap until it resumes', async () => {
    const made = await running(['A', 'B']);
    made.connection.pause();
    expect(socketOf(made, 1).paused).toBe(true);
    const from = made.clock.micros();
    await made.clock.advance(5000);
    made.connection.resume();
    expect(socketOf(made, 1).paused).toBe(false);
    const to = made.clock.micros();
    await made.clock.advance(300);
    expect(made.gaps).toMatchObject([{ to, cause: 'pause', codes: ['KRW-A', 'KRW-B'] }]);
    // What is on its way is lost where the socket is cut meanwhile.
    expect(made.gaps[0]?.from).toBeLessThan(from);
    expect(made.gaps[0]?.from).toBeGreaterThan(from - 5 * SECOND);
  });

  test('a long one is nobody’s fault: the socket is not called dead', async () => {
    const made = await running(['A']);
    socketOf(made, 1).onSend = () => {};
    made.connection.pause();
    await made.clock.advance(120_000);
    made.connection.resume();
    await made.clock.advance(5000);
    expect(made.failed).toEqual([]);
    expect(made.sockets).toHaveLength(1);
  });

  test('cut meanwhile: nothing is opened before it resumes; one gap over all of it', async () => {
    const made = await running(['A']);
    made.connection.pause();
    const from = made.clock.micros();
    await made.clock.advance(5000);
    socketOf(made, 1).end();
    await made.clock.advance(60_000);
    expect(made.sockets).toHaveLength(1);
    made.connection.resume();
    await made.clock.advance(1000);
    expect(made.sockets).toHaveLength(2);
    const closed = made.gaps.filter(({ to }) => to !== null);
    expect(closed).toMatchObject([{ cause: 'pause', codes: ['KRW-A'] }]);
    expect(closed[0]?.from).toBeLessThanOrEqual(from);
    expect(closed[0]?.to).toBeGreaterThan(from + 65 * SECOND);
  });

  test('rows still on their way through the pipeline do not end it', async () => {
    const made = await running(['A']);
    made.connection.pause();
    socketOf(made, 1).row('A');
    await made.clock.advance(1000);
    expect(made.gaps).toHaveLength(0);
  });

  test('before the socket opened: it is paused when it opens', async () => {
    const made = rig();
    made.connection.update([coin('A')]);
    made.connection.start();
    await made.clock.advance(5);
    made.connection.pause();
    await made.clock.advance(100);
    expect(socketOf(made, 1).paused).toBe(true);
  });
});

describe('silence', () => {
  async function busy(
    symbols: readonly string[],
    seconds: number,
    made: Awaited<ReturnType<typeof running>>,
  ) {
    for (let i = 0; i < seconds * 10; i++) {
      for (const symbol of symbols) socketOf(made, made.sockets.length).row(symbol);
      await made.clock.advance(100);
    }
  }

  test('of one code of many: that code is stale, the socket stays, the code is asked for again', async () => {
    const made = await running(['A', 'B'], { settings: { staleAfterMs: 5000 } });
    await busy(['A', 'B'], 10, made);
    const lastOfA = made.clock.micros();
    await busy(['B'], 10, made);
    expect(made.silent).toEqual(['-A']);
    expect(made.sockets).toHaveLength(1);
    expect(made.states.at(-1)).toBe('live');
    expect(made.gaps).toMatchObject([{ cause: 'stale', to: null, codes: ['KRW-A'] }]);
    expect(made.gaps[0]?.from).toBeLessThanOrEqual(lastOfA);
    expect(socketOf(made, 1).sent.filter((text) => text === '{"sub":["A"]}')).toHaveLength(1);
    await busy(['A', 'B'], 1, made);
    expect(made.silent).toEqual(['-A', '+A']);
    expect(made.gaps.at(-1)).toMatchObject({ cause: 'stale', codes: ['KRW-A'] });
    expect(made.gaps.at(-1)?.to).not.toBeNull();
  });

  test('of all codes, heartbeats or not: stale, and a successor is opened before the old socket goes', async () => {
    const made = await running(['A', 'B'], { settings: { staleAfterMs: 5000 } });
    await busy(['A', 'B'], 10, made);
    await made.clock.advance(7000);
    expect(made.states.at(-1)).toBe('stale');
    expect(made.sockets).toHaveLength(2);
    expect(socketOf(made, 1).gone).toBe(true);
    // A confirmation is no data.
    expect(made.confirmed).toContain('A@2');
    expect(made.states.at(-1)).toBe('stale');
    await busy(['A', 'B'], 1, made);
    expect(made.states.at(-1)).toBe('live');
    await made.clock.advance(300);
    const closed = made.gaps.filter(({ to }) => to !== null);
    expect(closed.flatMap(({ codes }) => codes).sort()).toEqual(['KRW-A', 'KRW-B']);
    expect(closed.every(({ cause }) => cause === 'stale')).toBe(true);
  });

  test('that lasts for hours is looked at less and less often', async () => {
    const made = await running(['A'], { settings: { staleAfterMs: 5000 } });
    await busy(['A'], 10, made);
    await made.clock.advance(7_200_000);
    expect(made.sockets.length).toBeLessThan(30);
    expect(made.sockets.length).toBeGreaterThan(5);
  });
});

describe('a code that is confirmed and never brings data', () => {
  /** `B` brings a row a second. */
  async function flow(made: Awaited<ReturnType<typeof running>>, seconds: number) {
    for (let i = 0; i < seconds; i++) {
      socketOf(made, made.sockets.length).row('B');
      await made.clock.advance(1000);
    }
  }
  const asked = (made: Awaited<ReturnType<typeof running>>) =>
    socketOf(made, 1).sent.filter((text) => text === '{"sub":["A"]}').length;
  const settings = { staleAfterMs: 5000 };

  test('of the market list: its ticker is asked for again, then told once, until it comes', async () => {
    const made = await running(['A', 'B'], { settings, type: 'ticker', listed: ['A', 'B'] });
    await flow(made, 59);
    expect(asked(made)).toBe(0);
    await flow(made, 10);
    expect(asked(made)).toBe(1);
    expect(made.silent).toEqual([]);
    await flow(made, 600);
    expect(made.silent).toEqual(['-A']);
    expect(made.states.at(-1)).toBe('live');
    expect(made.sockets).toHaveLength(1);
    expect(made.connection.snapshot().codes).toMatchObject([
      { symbol: 'A', confirmed: true, stale: true, lastDataAt: null },
      { symbol: 'B', stale: false },
    ]);
    expect(made.gaps.at(-1)).toMatchObject({ cause: 'stale', codes: ['KRW-A'], to: null });
    socketOf(made, 1).row('A');
    await flow(made, 600);
    expect(made.silent).toEqual(['-A', '+A']);
    expect(made.gaps.at(-1)).toMatchObject({ cause: 'stale', codes: ['KRW-A'] });
    expect(made.gaps.at(-1)?.to).not.toBeNull();
  });

  test('of the market list: its trades may be away for ever', async () => {
    const made = await running(['A', 'B'], { settings, listed: ['A', 'B'] });
    await flow(made, 3600);
    expect(made.silent).toEqual([]);
    expect(asked(made)).toBe(0);
    expect(made.gaps).toEqual([]);
  });

  test('and is on no market list: told soon, whatever it should bring', async () => {
    const made = await running(['A', 'B'], { settings, listed: ['B'] });
    await flow(made, 12);
    expect(asked(made)).toBeGreaterThan(0);
    expect(made.silent).toEqual(['-A']);
  });

  test('as all of its connection: what is confirmed and brings nothing is not live', async () => {
    const made = await running(['A', 'B'], { settings, type: 'ticker' });
    await made.clock.advance(125_000);
    expect(made.silent.toSorted()).toEqual(['-A', '-B']);
    expect(made.states.at(-1)).toBe('stale');
    socketOf(made, made.sockets.length).row('B');
    expect(made.states.at(-1)).toBe('live');
  });
});
