import { expect, test } from 'bun:test';
import { byIds } from '../../src/core/backfill/by-ids.ts';
import type { Trade } from '../../src/core/market/rows.ts';
import type { Neighbour } from '../../src/core/past-trades.ts';
import { MARKET, START, tradeOf } from './backfill-parts.ts';

const single = (id: number, price: number, volume: number): Trade =>
  tradeOf({ id: String(id), restId: '', at: START + id, price, volume }, START);
/** As a topic says it: without how many trades it merges. */
const merged = (id: number, price: number, volume: number): Neighbour => ({
  ...single(id, price, volume),
  fills: 0,
});
/** 11 and 12 to 14 are rows of a socket, 15 to 17 are missing, 18 and 19 are the row behind them. */
const PAGE = [
  ...[single(11, 7, 1), single(12, 7, 0.1), single(13, 7, 0.2), single(14, 7, 0.3)],
  ...[single(15, 7, 1), single(16, 8, 1), single(17, 8, 2), single(18, 8, 0.7), single(19, 8, 0.1)],
];

function found(page: readonly Trade[], known: readonly Neighbour[], after: Neighbour) {
  const hole = { market: MARKET, before: merged(10, 7, 1), after, from: START, to: START + 100, known };
  const { rows, complete } = byIds(hole, new Map(page.map((row) => [Number(row.trade_id), row])));
  return { ids: rows.map(({ trade_id }) => trade_id), complete };
}

test('rows of a topic stand for as many trades as make up their volume, at their price', () => {
  expect(found(PAGE, [merged(11, 7, 1), merged(14, 7, 0.6)], merged(19, 8, 0.8))).toEqual({
    ids: ['15', '16', '17'],
    complete: true,
  });
});

test('where that cannot be seen a row stands for its own trade alone: nothing that is missing is taken for there', () => {
  // Its first trade is not shown.
  const page = PAGE.filter(({ trade_id }) => trade_id !== '12');
  expect(found(page, [merged(11, 7, 1), merged(14, 7, 0.6)], merged(19, 8, 0.8))).toEqual({
    ids: ['13', '15', '16', '17'],
    complete: false,
  });
  // Volumes do not make it up.
  expect(found(PAGE, [merged(11, 7, 1), merged(14, 7, 0.55)], merged(19, 8, 0.8)).ids).toEqual([
    '12',
    '13',
    '15',
    '16',
    '17',
  ]);
});
