import { describe, expect, test } from 'bun:test';
import { Subscriptions } from '../../src/core/connection/subscriptions.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { coin, fakeExchange, LIMITS, seeded } from './connection-parts.ts';

const NONE: ReadonlySet<string> = new Set();

function make(symbols: readonly string[], over: Partial<Exchange> = {}, suspects = NONE) {
  const exchange = fakeExchange(over);
  const session = exchange.session('trade', new Markets(() => null));
  const subscriptions = new Subscriptions(exchange, symbols.map(coin), suspects);
  /** All frames that are to be sent now. */
  const drain = (nowMs = 0): string[] => {
    const frames: string[] = [];
    while (subscriptions.pending) frames.push(...subscriptions.next(session, nowMs));
    return frames;
  };
  return { subscriptions, drain };
}

function named(markets: readonly { symbol: string }[]): string[] {
  return markets.map(({ symbol }) => symbol);
}

describe('exchanges whose requests add up', () => {
  test('frames name at most the permitted number of codes', () => {
    const { drain } = make(['A', 'B', 'C', 'D', 'E']);
    expect(drain()).toEqual(['{"sub":["A","B"]}', '{"sub":["C","D"]}', '{"sub":["E"]}']);
    expect(drain()).toEqual([]);
  });

  test('rows that were sent before its refusal do not confirm a code, later ones do', () => {
    const { subscriptions, drain } = make(['A']);
    drain();
    expect(named(subscriptions.refused(['A'], 100))).toEqual(['A']);
    expect(subscriptions.data('A', 100)).toBeNull();
    expect(subscriptions.data('A', 1500)).toBeNull();
    expect(subscriptions.confirmed('A')).toBe(false);
    expect(subscriptions.data('A', 3000)).toEqual(coin('A'));
  });

  test('the last rows of a code that was dropped do not confirm it when it is wanted again; an answer does', () => {
    for (const subscribing of ['add', 'replace'] as const) {
      const dropped = (): Subscriptions => {
        const { subscriptions, drain } = make(['A', 'B'], { subscribing });
        drain(0);
        for (const symbol of ['A', 'B']) subscriptions.data(symbol, 100);
        subscriptions.want([coin('B')]);
        drain(10_000);
        subscriptions.want(['A', 'B'].map(coin));
        drain(10_100);
        expect(subscriptions.data('A', 10_200)).toBeNull();
        expect(subscriptions.confirmed('A')).toBe(false);
        expect(subscriptions.confirmed('B')).toBe(true);
        return subscriptions;
      };
      expect(named(dropped().ack(['A'], 10_300))).toEqual(['A']);
      expect(dropped().data('A', 10_300, true)).toEqual(coin('A'));
      expect(dropped().data('A', 12_000)).toEqual(coin('A'));
    }
  });

  test('frames hold at most the permitted number of characters', () => {
    const symbols = Array.from({ length: 50 }, (_, i) => `SYMBOL${i}`);
    const { drain } = make(symbols, { limits: { ...LIMITS, codesPerFrame: 50, frameChars: 120 } });
    const frames = drain();
    expect(Math.max(...frames.map(({ length }) => length))).toBeLessThanOrEqual(120);
    expect(frames.flatMap((frame) => JSON.parse(frame).sub)).toEqual(symbols);
  });

  test('a code too long for any frame is sent all the same', () => {
    const { drain } = make(['A'.repeat(50)], { limits: { ...LIMITS, frameChars: 10 } });
    expect(drain()).toHaveLength(1);
  });

  test('differences alone are sent', () => {
    const { subscriptions, drain } = make(['A', 'B', 'C']);
    drain();
    subscriptions.want(['B', 'C', 'D'].map(coin));
    expect(drain()).toEqual(['{"unsub":["A"]}', '{"sub":["D"]}']);
    subscriptions.want(['B', 'C', 'D'].map(coin));
    expect(drain()).toEqual([]);
  });

  test('what was never sent needs no drop, what comes back before its drop needs nothing', () => {
    const { subscriptions, drain } = make(['A', 'B']);
    subscriptions.want([coin('B')]);
    expect(drain()).toEqual(['{"sub":["B"]}']);
    expect(named(subscriptions.ack(['B'], 0))).toEqual(['B']);
    subscriptions.want([]);
    subscriptions.want([coin('B')]);
    expect(drain()).toEqual([]);
    expect(subscriptions.confirmed('B')).toBe(true);
  });

  test('a request refused as a whole is halved until the bad code stands alone', () => {
    const symbols = ['A', 'B', 'C', 'D', 'BAD', 'E', 'F', 'G'];
    const { subscriptions, drain } = make(symbols, { limits: { ...LIMITS, codesPerFrame: 8 } });
    const final: string[] = [];
    let requests = 0;
    for (let round = 0; round < 10; round++) {
      for (const frame of drain()) {
        requests++;
        const { sub } = JSON.parse(frame);
        if (sub.includes('BAD')) final.push(...named(subscriptions.refused(sub, 0)));
        else subscriptions.ack(sub, 0);
      }
    }
    expect(final).toEqual(['BAD']);
    expect(symbols.filter((symbol) => subscriptions.confirmed(symbol))).toHaveLength(7);
    expect(subscriptions.settled).toBe(true);
    expect(requests).toBeLessThan(12);
  });

  test('suspects are asked for alone and last', () => {
    const { drain } = make(['BAD', 'A', 'B'], {}, new Set(['BAD']));
    expect(drain()).toEqual(['{"sub":["A","B"]}', '{"sub":["BAD"]}']);
  });
});

describe('exchanges whose requests replace the list', () => {
  const replace = { subscribing: 'replace', limits: { ...LIMITS, codesPerFrame: 100 } } as const;

  test('every request is the whole list', () => {
    const { subscriptions, drain } = make(['A', 'B'], replace);
    expect(drain()).toEqual(['{"list":["A","B"]}']);
    subscriptions.want(['A', 'C'].map(coin));
    expect(drain()).toEqual(['{"list":["A","C"]}']);
    subscriptions.resync('A');
    expect(drain()).toEqual(['{"list":["A","C"]}']);
  });

  test('a refused code is left out of it, one asked for in vain is not', () => {
    const { subscriptions, drain } = make(['A', 'BAD', 'MUTE'], replace);
    drain();
    expect(named(subscriptions.refused(['BAD'], 0))).toEqual(['BAD']);
    subscriptions.data('A', 0);
    subscriptions.overdue(10_000, 10_000);
    expect(drain(10_000)).toEqual(['{"list":["A","MUTE"]}']);
    expect(named(subscriptions.overdue(20_000, 10_000))).toEqual(['MUTE']);
    subscriptions.want(['A', 'BAD', 'MUTE', 'B'].map(coin));
    expect(drain(20_000)).toEqual(['{"list":["A","MUTE","B"]}']);
  });
});

describe('confirmations', () => {
  test('are news once, by ack or by data', () => {
    const { subscriptions, drain } = make(['A', 'B']);
    drain();
    expect(named(subscriptions.ack(['A', 'UNKNOWN'], 0))).toEqual(['A']);
    expect(subscriptions.ack(['A'], 0)).toEqual([]);
    expect(subscriptions.data('A', 0)).toBeNull();
    expect(subscriptions.data('B', 0)?.symbol).toBe('B');
    expect(subscriptions.settled).toBe(true);
  });

  test('of what was not asked for are no confirmations', () => {
    const { subscriptions } = make(['A']);
    expect(subscriptions.data('A', 0)).toBeNull();
    expect(subscriptions.ack(['A'], 0)).toEqual([]);
  });

  test('that are late stop the repetition', () => {
    const { subscriptions, drain } = make(['A']);
    drain(0);
    subscriptions.overdue(10_000, 10_000);
    expect(named(subscriptions.ack(['A'], 0))).toEqual(['A']);
    expect(drain(10_000)).toEqual([]);
  });

  test('of the old subscription do not count once the code is to be subscribed anew', () => {
    const { subscriptions, drain } = make(['A']);
    drain();
    subscriptions.ack(['A'], 0);
    subscriptions.resync('A');
    expect(subscriptions.data('A', 0)).toBeNull();
    expect(drain()).toEqual(['{"unsub":["A"]}', '{"sub":["A"]}']);
    expect(subscriptions.data('A', 1999)).toBeNull();
    expect(subscriptions.data('A', 2000)?.symbol).toBe('A');
  });
});

test('whatever comes and goes, the frames leave the exchange with what is wanted', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seeded(seed);
    const mode = random() < 0.5 ? 'add' : 'replace';
    const { subscriptions, drain } = make(['S0', 'S1'], { subscribing: mode });
    let wanted = ['S0', 'S1'];
    const held = new Set<string>();
    for (let step = 0; step < 60; step++) {
      const chance = random();
      if (chance < 0.4) {
        wanted = Array.from({ length: 12 }, (_, i) => `S${i}`).filter(() => random() < 0.5);
        subscriptions.want(wanted.map(coin));
      } else if (chance < 0.5) subscriptions.resync(`S${Math.floor(random() * 12)}`);
      else if (chance < 0.6) subscriptions.overdue(step * 10_000, 10_000);
      else if (chance < 0.8) {
        for (const frame of drain(step * 10_000)) {
          const { sub, unsub, list } = JSON.parse(frame);
          if (list) held.clear();
          for (const symbol of unsub ?? []) expect(held.delete(symbol)).toBe(true);
          for (const symbol of sub ?? list ?? []) held.add(symbol);
        }
        expect([...held].sort()).toEqual([...wanted].sort());
      } else
        subscriptions.ack(
          [...held].filter(() => random() < 0.5),
          step * 10_000,
        );
    }
  }
});
