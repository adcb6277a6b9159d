import { expect, test } from 'bun:test';
import { BREAKER_DEFAULTS, Breaker } from '../../src/infra/kafka/client/breaker.ts';
import { ManualClock } from './manual-clock.ts';

function started() {
  const clock = new ManualClock();
  const told: string[] = [];
  const breaker = new Breaker(BREAKER_DEFAULTS, clock, (state, reason) => told.push(`${state}: ${reason}`));
  const fail = (times: number) => {
    for (let i = 0; i < times; i++) breaker.failure('down');
  };
  return { clock, told, breaker, fail };
}

test('opens at the threshold, refuses for the time, then lets a few probes through', async () => {
  const { clock, told, breaker, fail } = started();
  fail(4);
  expect(breaker.admits(1_000_000)).toBe(true);
  fail(1);
  expect(breaker.admits(0)).toBe(false);
  await clock.advance(59_999);
  expect(breaker.state).toBe('open');
  await clock.advance(1);
  expect([0, 1, 2, 3].map((underWay) => breaker.admits(underWay))).toEqual([true, true, true, false]);
  breaker.success();
  expect(breaker.state).toBe('half_open');
  breaker.success();
  expect(breaker.state).toBe('closed');
  expect(told).toEqual(['open: down', 'half_open: time for a probe', 'closed: the broker acknowledges']);
  expect(clock.pending).toBe(0);
});

test('failures older than the window do not count', async () => {
  const { clock, breaker, fail } = started();
  fail(4);
  await clock.advance(300_001);
  fail(4);
  expect(breaker.state).toBe('closed');
  fail(1);
  expect(breaker.state).toBe('open');
});

test('one failure while half open opens it again, for the whole time', async () => {
  const { clock, breaker, fail } = started();
  fail(5);
  await clock.advance(60_000);
  breaker.success();
  fail(1);
  expect(breaker.state).toBe('open');
  expect(breaker.opened).toBe(2);
  await clock.advance(59_999);
  expect(breaker.state).toBe('open');
  await clock.advance(1);
  expect(breaker.state).toBe('half_open');
  // The success before the failure does not count.
  breaker.success();
  expect(breaker.state).toBe('half_open');
});

test('a sign of life while open half-opens it at once, a second closes it and clears the failures', async () => {
  const { clock, breaker, fail } = started();
  fail(5);
  await clock.advance(3_000);
  const since = breaker.since;
  breaker.success();
  expect(breaker.state).toBe('half_open');
  expect(breaker.since).toBe(since + 3_000_000);
  breaker.success();
  expect(breaker.state).toBe('closed');
  fail(4);
  expect(breaker.state).toBe('closed');
});

test('failures while open prolong nothing', async () => {
  const { clock, breaker, fail } = started();
  fail(5);
  await clock.advance(30_000);
  fail(50);
  await clock.advance(30_000);
  expect(breaker.state).toBe('half_open');
  expect(breaker.opened).toBe(1);
});

test('an answer, or a probe asked for, half-opens it and does not close it; while closed an answer forgets failures', async () => {
  const { breaker, fail } = started();
  fail(4);
  breaker.answered();
  fail(4);
  expect(breaker.state).toBe('closed');
  fail(1);
  expect(breaker.state).toBe('open');
  for (let i = 0; i < 10; i++) breaker.answered();
  expect(breaker.state).toBe('half_open');
  fail(1);
  breaker.tryNow();
  breaker.tryNow();
  expect(breaker.state).toBe('half_open');
});

test('failures that acknowledgements come between add up to nothing', () => {
  const { breaker, fail } = started();
  for (let i = 0; i < 20; i++) {
    fail(4);
    breaker.success();
  }
  expect(breaker.state).toBe('closed');
});
