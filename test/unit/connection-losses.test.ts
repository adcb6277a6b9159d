import { describe, expect, test } from 'bun:test';
import { Coverage } from '../../src/core/connection/coverage.ts';
import type { Gap } from '../../src/core/events.ts';
import { coin, type Rig, running, socketOf, wellBehaved } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

const SECOND = 1_000_000;

/** Rows of both codes every 100 ms, as they happen. */
async function flow(made: Rig, seconds: number, symbols = ['A', 'B']): Promise<void> {
  for (let i = 0; i < seconds * 10; i++) {
    for (const symbol of symbols) socketOf(made, made.sockets.length).row(symbol);
    await made.clock.advance(100);
  }
}

/** What the exchange sent in the first `seconds` of a freeze of 70 s, read when it ends. */
async function freeze(made: Rig, seconds: number, padding = 0): Promise<number> {
  const from = made.clock.micros();
  made.clock.jump(70_000);
  for (let i = 1; i <= seconds * 10; i++) {
    socketOf(made, 1).frame({ row: 'A', at: from + i * 100_000, padding: 'x'.repeat(padding) });
    // Each a chunk of its own.
    made.clock.jump(0.01);
  }
  return from;
}

describe('a process that stood still', () => {
  test('and was cut meanwhile: the gap begins where the rows end that had waited', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 10);
    const from = await freeze(made, 4);
    socketOf(made, 1).end();
    await made.clock.advance(3000);
    expect(made.gaps).toMatchObject([{ cause: 'cut', codes: ['KRW-A', 'KRW-B'] }]);
    expect(made.gaps[0]?.from).toBeLessThanOrEqual(from + 4 * SECOND);
    expect(made.gaps[0]?.from).toBeGreaterThan(from + 3 * SECOND);
    expect(made.gaps[0]?.to).toBeGreaterThan(from + 70 * SECOND);
  });

  test('where nothing had waited but heartbeats: it begins before the process stood still', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 10);
    const from = made.clock.micros();
    made.clock.jump(70_000);
    socketOf(made, 1).pong();
    await made.clock.advance(1500);
    socketOf(made, 1).pong();
    socketOf(made, 1).end();
    await made.clock.advance(3000);
    expect(made.gaps[0]?.from).toBeLessThan(from);
    expect(made.gaps[0]?.from).toBeGreaterThan(from - 5 * SECOND);
  });

  test('also where the machine slept, so that only the wall clock has gone on', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 10);
    const from = made.clock.micros();
    made.clock.step(3600 * SECOND);
    socketOf(made, 1).pong();
    socketOf(made, 1).end();
    await made.clock.advance(3000);
    expect(made.gaps[0]?.from).toBeLessThanOrEqual(from);
    expect(made.gaps[0]?.to).toBeGreaterThan(from + 3600 * SECOND);
  });

  test('rows of now show that nothing is left: a later cut is a cut like any other', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 10);
    await freeze(made, 70);
    await flow(made, 5);
    expect(made.gaps).toEqual([]);
    const cutAt = made.clock.micros();
    socketOf(made, 1).end();
    await made.clock.advance(3000);
    expect(made.gaps[0]?.from).toBeGreaterThan(cutAt - SECOND);
  });

  test('an exchange that leaves out what it could not send: a gap from the last row that had waited', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 10);
    const from = await freeze(made, 4, 2000);
    await flow(made, 5);
    expect(made.gaps).toMatchObject([{ cause: 'cut', codes: ['KRW-A', 'KRW-B'] }]);
    expect(made.gaps[0]?.from).toBeLessThanOrEqual(from + 4 * SECOND);
    expect(made.gaps[0]?.from).toBeGreaterThan(from + 3 * SECOND);
    expect(made.gaps[0]?.to).toBeGreaterThanOrEqual(from + 70 * SECOND);
  });

  test('also where that is less than the rows of a quiet stream are apart', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 10);
    const from = made.clock.micros();
    made.clock.jump(8000);
    for (let i = 1; i <= 50; i++) {
      socketOf(made, 1).frame({ row: 'A', at: from + i * 100_000, padding: 'x'.repeat(2000) });
      made.clock.jump(0.01);
    }
    await flow(made, 5);
    expect(made.gaps).toMatchObject([{ cause: 'cut', codes: ['KRW-A', 'KRW-B'] }]);
    expect(made.gaps[0]?.from).toBeLessThanOrEqual(from + 5 * SECOND);
    expect(made.gaps[0]?.from).toBeGreaterThan(from + 4 * SECOND);
    expect(made.gaps[0]?.to).toBeGreaterThanOrEqual(from + 8 * SECOND);
  });

  test('where little had waited nothing was left out', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 10);
    const from = made.clock.micros();
    made.clock.jump(8000);
    for (let i = 1; i <= 50; i++) {
      socketOf(made, 1).frame({ row: 'A', at: from + i * 100_000 });
      made.clock.jump(0.01);
    }
    await flow(made, 5);
    expect(made.gaps).toEqual([]);
  });

  test('a pause is no other: what it had left in the socket ends long before the cut is seen', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 10);
    const from = made.clock.micros();
    made.connection.pause();
    await made.clock.advance(90_000);
    made.connection.resume();
    for (let i = 1; i <= 20; i++) socketOf(made, 1).row('A', from + i * 100_000);
    socketOf(made, 1).end();
    await made.clock.advance(3000);
    const cut = made.gaps.find(({ cause }) => cause === 'cut');
    expect(cut?.from).toBeLessThanOrEqual(from + 2 * SECOND);
  });

  test('a code that falls silent in it is missing from its last row on, not from when that was read', async () => {
    const made = await running(['A', 'B'], { settings: { staleAfterMs: 5000 } });
    for (let i = 0; i < 20; i++) {
      socketOf(made, 1).row('A');
      await made.clock.advance(400);
    }
    const from = await freeze(made, 4);
    await flow(made, 15, ['B']);
    const stale = made.gaps.find(({ cause }) => cause === 'stale');
    expect(stale?.codes).toEqual(['KRW-A']);
    expect(stale?.from).toBeLessThanOrEqual(from + 4 * SECOND);
  });
});

describe('clocks', () => {
  /** The record of a gap of 5 s in which the wall clock was set. */
  async function gapWith(stepS: number): Promise<{ gap: Gap | undefined; from: number; to: number }> {
    const made = await running(['A', 'B']);
    await flow(made, 10);
    const from = made.clock.micros();
    made.connection.pause();
    await made.clock.advance(2000);
    made.clock.step(stepS * SECOND);
    await made.clock.advance(3000);
    made.connection.resume();
    const to = made.clock.micros();
    await made.clock.advance(1000);
    return { gap: made.gaps.at(-1), from, to };
  }

  test.each([3600, -3600, 0])(
    'set by %p s in a gap: the record holds it by either setting',
    async (stepS) => {
      const { gap, from, to } = await gapWith(stepS);
      expect(gap?.from).toBeLessThanOrEqual(Math.min(from, to - 5 * SECOND));
      expect(gap?.to).toBeGreaterThanOrEqual(Math.max(to, from + 5 * SECOND));
      expect((gap?.to ?? 0) - (gap?.from ?? 0)).toBeLessThan((Math.abs(stepS) + 7) * SECOND);
    },
  );

  test.each([7200, 30, -30, -7200])(
    'ours ahead by %p s: the record holds it by either clock',
    async (ahead) => {
      const made = await running(['A', 'B']);
      const theirs = () => made.clock.micros() - ahead * SECOND;
      for (let i = 0; i < 100; i++) {
        for (const symbol of ['A', 'B']) socketOf(made, 1).row(symbol, theirs());
        await made.clock.advance(100);
      }
      const from = made.clock.micros();
      socketOf(made, 1).end();
      await made.clock.advance(2000);
      const [gap] = made.gaps;
      expect(gap?.from).toBeLessThanOrEqual(Math.min(from, from - ahead * SECOND));
      expect(gap?.to).toBeGreaterThanOrEqual(Math.max(from, from - ahead * SECOND) + SECOND);
    },
  );
});

describe('how far a socket without a row is covered', () => {
  /** How far the record goes beyond the exchange's time, once the sockets were cut and are back. */
  async function beyond(made: Rig, aheadS: number): Promise<number> {
    socketOf(made, made.sockets.length).end();
    await made.clock.advance(3000);
    expect(made.connection.snapshot().codes.map(({ missing }) => missing)).toEqual([false, false]);
    return Math.max(...made.connection.covered().keys()) - (made.clock.micros() - aheadS * SECOND);
  }

  test.each([6, 600])('our clock was set forward by %p s, and no row came since', async (aheadS) => {
    const made = await running(['A', 'B']);
    await flow(made, 2);
    made.clock.step(aheadS * SECOND);
    expect(await beyond(made, aheadS)).toBeLessThan(0);
  });

  test('few rows came, and all were as late as if our clock were ahead', async () => {
    const made = await running(['A', 'B']);
    for (const symbol of ['A', 'B', 'A']) socketOf(made, 1).row(symbol, made.clock.micros() - 9 * SECOND);
    expect(await beyond(made, 9)).toBeLessThan(0);
  });

  test('without any hint it is covered until a little before now', async () => {
    const made = await running(['A', 'B']);
    expect(await beyond(made, 0)).toBeGreaterThan(-10 * SECOND);
  });
});

test('a gap that lasts is told again under its id, by each code that is back', async () => {
  const clock = new ManualClock();
  const gaps: Gap[] = [];
  const coverage = new Coverage(clock, (gap) => gaps.push(gap));
  for (const symbol of ['A', 'B']) coverage.confirm(coin(symbol));
  coverage.lose([coin('A'), coin('B')], clock.micros(), 'cut');
  await clock.advance(20_000);
  coverage.confirm(coin('A'));
  await clock.advance(20_000);
  coverage.confirm(coin('B'));
  await clock.advance(1000);
  coverage.lose([coin('A')], clock.micros(), 'cut');
  coverage.end();
  expect(gaps.map(({ codes, to }) => [codes.join(), to === null])).toEqual([
    ['KRW-A,KRW-B', true],
    ['KRW-A', false],
    ['KRW-B', false],
    ['KRW-A', false],
  ]);
  const [lasting, a, b, next] = gaps.map(({ gap_id }) => gap_id);
  expect([a, b]).toEqual([lasting, lasting]);
  expect(next).not.toBe(lasting);
});

describe('an end', () => {
  test('of two gaps of a code, neither told yet: it is covered until the first', async () => {
    const clock = new ManualClock();
    const coverage = new Coverage(clock, () => {});
    const from = clock.micros();
    coverage.inherit([coin('A')], from, 'restart');
    await clock.advance(10_000);
    coverage.confirm(coin('A'));
    coverage.lose([coin('A')], clock.micros() - SECOND, 'cut');
    coverage.confirm(coin('A'));
    expect([...coverage.covered(clock.micros())]).toEqual([[from, ['A']]]);
    await clock.advance(1000);
    expect([...coverage.covered(clock.micros())]).toEqual([[clock.micros(), ['A']]]);
  });

  test('a code that the old socket subscribes anew while its successor has it is not missing for ever', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'B'], {
      clock,
      serve: (socket, nth) => {
        if (nth === 1) return wellBehaved(clock)(socket, nth);
        // Confirms `B` late, so that the old socket is still there.
        clock.after(10, () => socket.accept());
        socket.onSend = (text) => {
          if (text === '<ping>') return;
          clock.after(10, () => socket.frame({ ack: ['A'] }));
          clock.after(3000, () => socket.frame({ ack: ['B'] }));
        };
      },
    });
    await flow(made, 5);
    socketOf(made, 1).frame({ restart: 'soon' });
    await clock.advance(2000);
    socketOf(made, 1).onSend = () => {};
    socketOf(made, 1).frame({ resync: 'A' });
    await clock.advance(10_000);
    expect(made.sockets).toHaveLength(2);
    expect(made.connection.snapshot().codes.map(({ missing }) => missing)).toEqual([false, false]);
  });

  test('a successor that is to end itself when it takes over is replaced in its turn', async () => {
    const clock = new ManualClock();
    const made = await running(['A'], {
      clock,
      serve: (socket, nth) => {
        if (nth !== 2) return wellBehaved(clock)(socket, nth);
        clock.after(10, () => {
          socket.accept();
          socket.frame({ restart: 'this one too' });
        });
        socket.onSend = (text) => {
          if (text !== '<ping>') clock.after(50, () => socket.frame({ ack: ['A'] }));
        };
      },
    });
    socketOf(made, 1).frame({ restart: 'soon' });
    await clock.advance(60_000);
    expect(made.sockets).toHaveLength(3);
    expect(made.sockets.map(({ gone }) => gone)).toEqual([true, true, false]);
    expect(made.gaps).toEqual([]);
  });

  test('a socket that was mute when its successor took over: what it did not bring is missing', async () => {
    const made = await running(['A', 'B'], { settings: { lingerMs: 100 } });
    await flow(made, 5);
    const muteAt = made.clock.micros();
    socketOf(made, 1).frame({ restart: 'soon' });
    const old = socketOf(made, 1);
    old.stubborn = true;
    old.onSend = () => {};
    await made.clock.advance(4000);
    await flow(made, 1);
    // A crash, or a stop, before it has ended leaves that to whoever comes next.
    expect(made.gaps).toEqual([]);
    expect(Math.min(...made.connection.covered().keys())).toBeLessThanOrEqual(muteAt);
    expect(made.connection.coveredUntil()).toBeLessThanOrEqual(muteAt);
    old.end();
    await made.clock.advance(1000);
    expect(made.gaps).toMatchObject([{ cause: 'cut', codes: ['KRW-A', 'KRW-B'] }]);
    expect(made.gaps[0]?.from).toBeLessThanOrEqual(muteAt);
  });

  test('a gap that was over just before the stop is told by it, and nothing after it', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 5);
    made.connection.pause();
    await made.clock.advance(2000);
    made.connection.resume();
    await made.clock.advance(100);
    expect(made.gaps).toEqual([]);
    const stopped = made.connection.stop();
    socketOf(made, 1).row('A');
    expect(made.gaps).toMatchObject([{ cause: 'pause', codes: ['KRW-A', 'KRW-B'] }]);
    await made.clock.advance(1000);
    await stopped;
    await made.clock.advance(60_000);
    expect(made.gaps).toHaveLength(1);
    expect(made.clock.pending).toBe(0);
  });
});
