import { expect, test } from 'bun:test';
import { type Rig, running, socketOf } from './connection-parts.ts';

const MINUTE = 60_000;
const HOURS = 12;

test('at the defaults a code with one trade in ten minutes is never called stale, beside busy ones or alone', async () => {
  for (const busy of [true, false]) {
    const made = await running(['BUSY', 'QUIET']);
    const socket = socketOf(made, 1);
    for (let second = 0; second < HOURS * 3600; second++) {
      if (busy) socket.row('BUSY');
      if (second % 600 === 5) socket.row('QUIET');
      await made.clock.advance(1000);
    }
    expect([busy, made.silent]).toEqual([busy, []]);
    expect(made.gaps).toEqual([]);
    expect(made.states).toEqual(['connecting', 'live']);
    expect(made.sockets).toHaveLength(1);
    expect(made.connection.snapshot().codes.filter(({ stale }) => stale)).toEqual([]);
    await Promise.all([made.connection.stop(), made.clock.advance(1000)]);
  }
}, 30_000);

test('a busy code beside it is, after two minutes, and its return is told', async () => {
  const made = await running(['BUSY', 'QUIET']);
  const go = async (seconds: number, busy: boolean) => {
    for (let second = 0; second < seconds; second++) {
      if (busy) made.sockets.at(-1)?.row('BUSY');
      if (second % 600 === 5) made.sockets.at(-1)?.row('QUIET');
      await made.clock.advance(1000);
    }
  };
  await go(3600, true);
  await go((2 * MINUTE) / 1000 - 2, false);
  expect(made.silent).toEqual([]);
  await go(5, false);
  expect(made.silent).toEqual(['-BUSY']);
  expect(made.gaps[0]).toMatchObject({ cause: 'stale', codes: ['KRW-BUSY'], to: null });
  // The quiet one was not received either while nothing came; another socket has it since.
  expect(made.gaps[1]).toMatchObject({ cause: 'stale', codes: ['KRW-QUIET'] });
  expect(made.gaps[1]?.to).not.toBeNull();
  await go(1, true);
  expect(made.silent).toEqual(['-BUSY', '+BUSY']);
});

/** A connection whose first socket brings rows at these seconds and then none, though it stays alive; when it was replaced. */
async function mute(
  rowsAt: readonly number[],
  untilS: number,
): Promise<{ made: Rig; replacedS: number | null }> {
  const made = await running(['A', 'B', 'QUIET']);
  let replacedS: number | null = null;
  for (let tenth = 0; tenth < untilS * 10; tenth++) {
    if (rowsAt.includes(tenth / 10)) socketOf(made, 1).row(tenth % 20 === 0 ? 'A' : 'B');
    await made.clock.advance(100);
    if (made.sockets.length > 1) replacedS ??= tenth / 10;
  }
  return { made, replacedS };
}

const SOON = Array.from({ length: 40 }, (_, i) => i / 2);

test('a socket that turns mute before the pace of any code is known is replaced, and what it may have lost is on record', async () => {
  const { made, replacedS } = await mute(SOON, 150);
  expect(replacedS).toBeWithin(139, 143);
  expect(made.states).toEqual(['connecting', 'live', 'stale']);
  expect(made.silent).toEqual([]);
  const lost = made.gaps.flatMap(({ codes }) => codes);
  expect([...new Set(lost)].sort()).toEqual(['KRW-A', 'KRW-B', 'KRW-QUIET']);
  const last = made.clock.micros() - (150 - 19.5) * 1e6;
  for (const { from, cause } of made.gaps) {
    expect(cause).toBe('stale');
    expect(Math.abs(from - last)).toBeLessThan(300_000);
  }
  socketOf(made, 2).row('A');
  await made.clock.advance(1000);
  expect(made.states.at(-1)).toBe('live');
  expect(made.connection.snapshot().codes.filter(({ missing }) => missing)).toEqual([]);
});

test('however few rows it brought: 20 times the silence between them, no sooner than the setting', async () => {
  expect((await mute([1, 11, 21], 240)).replacedS).toBeWithin(219, 224);
  expect((await mute([1, 2], 140)).replacedS).toBeWithin(121, 125);
  expect((await mute([1], 600)).replacedS).toBeNull();
});

test('a burst of prints every ten minutes makes a stream dark once at most', async () => {
  const made = await running(['QUIET']);
  for (let second = 0; second < 6 * 3600; second++) {
    if (second % 600 < 3) made.sockets.at(-1)?.row('QUIET');
    await made.clock.advance(1000);
  }
  expect(made.silent).toEqual([]);
  expect(made.states.filter((state) => state === 'stale').length).toBeLessThanOrEqual(1);
});
