import { describe, expect, test } from 'bun:test';
import { kraken } from '../../exchanges/kraken.ts';
import { Pulse } from '../../src/core/connection/heartbeat.ts';
import type { Heartbeat } from '../../src/core/exchange.ts';

interface Life {
  /** Seconds at which something was sent. */
  readonly sent: number[];
  /** The second at which the socket was given up; null where it lived. */
  readonly died: number | null;
}

/** A socket watched every second for `seconds`; `hears` says whether a frame came in this second. */
function live(rule: Heartbeat, seconds: number, hears: (second: number, answered: boolean) => boolean): Life {
  const pulse = new Pulse(rule, 0);
  const sent: number[] = [];
  for (let second = 1; second <= seconds; second++) {
    if (hears(second, sent.at(-1) === second - 1)) pulse.hear();
    const said = pulse.check(second * 1000);
    if (said === 'dead') return { sent, died: second };
    if (said.beat !== null) sent.push(second);
  }
  return { sent, died: null };
}

const TEXT: Heartbeat = { send: { text: 'ping' }, everyMs: 20_000, deadAfterMs: 30_000 };

describe('a beat that the client owes', () => {
  test('comes at its interval, however much is heard', () => {
    expect(live(TEXT, 60, () => true)).toEqual({ sent: [20, 40, 60], died: null });
  });

  test('comes earlier as a question to a socket silent for half of its time', () => {
    expect(live(TEXT, 40, () => false)).toEqual({ sent: [15, 30], died: 31 });
  });
});

describe('a server that pings', () => {
  const rule: Heartbeat = { deadAfterMs: 10_000 };

  test('is left alone while it is heard', () => {
    expect(live(rule, 30, (second) => second % 4 === 0).sent).toEqual([]);
  });

  test('is asked once it is silent, and given up where it does not answer', () => {
    expect(live(rule, 30, (_, answered) => answered).died).toBeNull();
    expect(live(rule, 30, () => false)).toEqual({ sent: [5, 10], died: 11 });
  });
});

test('Kraken, whose silence of 5 s is its end: a quiet socket that answers lives', () => {
  expect(live(kraken.heartbeat, 60, (_, answered) => answered).died).toBeNull();
  expect(live(kraken.heartbeat, 60, () => false).died).toBe(6);
});
