import { expect, test } from 'bun:test';
import { running, socketOf } from './connection-parts.ts';

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
  expect(made.gaps.at(-1)).toMatchObject({ cause: 'stale', codes: ['KRW-BUSY'], to: null });
  await go(1, true);
  expect(made.silent).toEqual(['-BUSY', '+BUSY']);
});
