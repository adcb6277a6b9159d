import { expect, test } from 'bun:test';
import type { RequestType } from '../../src/core/market/market.ts';
import { type Account, ByteBudget, RESUME_AT } from '../../src/core/pipeline/budget.ts';

const TOTAL = 1_000_000;
const TYPES: readonly RequestType[] = ['orderbook', 'ticker', 'trade'];

/** Streams of all types, and others that hold what the test says, each below its own share. */
function budget() {
  const all = new ByteBudget(TOTAL);
  const changes: string[] = [];
  const open = (type: RequestType): Account =>
    all.open(type, (stop) => changes.push(`${type} ${stop ? 'stops' : 'goes on'}`));
  const streams = TYPES.map(open);
  const others = Array.from({ length: 8 }, () => all.open('trade', () => {}));
  const hold = (share: number): void => {
    for (const [nth, one] of others.entries()) {
      const bytes = Math.floor((share * TOTAL) / others.length) + (nth === 0 ? 1 : 0);
      one.reserve(bytes - one.used);
    }
  };
  const stopped = () => TYPES.filter((_, nth) => streams[nth]?.stopped);
  return { all, changes, hold, stopped, streams };
}

test('order books stop first, at 75 %; then tickers, at 85 %; then trades, when it is full', () => {
  const { hold, stopped, changes } = budget();
  hold(0.74);
  expect(stopped()).toEqual([]);
  hold(0.755);
  expect(stopped()).toEqual(['orderbook']);
  hold(0.84);
  expect(stopped()).toEqual(['orderbook']);
  hold(0.855);
  expect(stopped()).toEqual(['orderbook', 'ticker']);
  hold(0.99);
  expect(stopped()).toEqual(['orderbook', 'ticker']);
  hold(1.001);
  expect(stopped()).toEqual(['orderbook', 'ticker', 'trade']);
  expect(changes).toEqual(['orderbook stops', 'ticker stops', 'trade stops']);
});

test('they go on in the other order, each well below its mark, so that none flaps', () => {
  const { hold, stopped, changes } = budget();
  hold(1.001);
  changes.length = 0;
  hold(RESUME_AT + 0.01);
  expect(stopped()).toEqual(['orderbook', 'ticker', 'trade']);
  hold(RESUME_AT - 0.01);
  hold(0.85 * RESUME_AT - 0.01);
  hold(0.75 * RESUME_AT + 0.01);
  expect(stopped()).toEqual(['orderbook']);
  hold(0.75 * RESUME_AT - 0.01);
  expect(stopped()).toEqual([]);
  expect(changes).toEqual(['trade goes on', 'ticker goes on', 'orderbook goes on']);
});

test('an order book stream above its share stops alone, whatever is free', () => {
  const { all, stopped, streams } = budget();
  streams[0]?.reserve(all.share + 1);
  expect(stopped()).toEqual(['orderbook']);
  streams[0]?.release(all.share * 0.5);
  expect(stopped()).toEqual([]);
});
