import { expect, test } from 'bun:test';
import { inTurn } from '../../src/application/backfill/fill-order.ts';
import { newRecord } from '../../src/application/backfill/new-record.ts';
import { OpenFill } from '../../src/application/backfill/open-fill.ts';
import { neighbourOf } from '../../src/core/backfill/known-hole.ts';
import { START, tradeOf } from './backfill-parts.ts';
import { coin } from './connection-parts.ts';
import { randomOf } from './random.ts';

const SECOND = 1_000_000;

/** @param hole seconds at which the trades beside it happened; null: the code has not traded since */
function fill(symbol: string, gapAt: number, hole: readonly [number, number | null]): OpenFill {
  const market = coin(symbol);
  const at = (second: number) =>
    neighbourOf(
      tradeOf({ id: `${1000 + second}`, restId: '', at: START + second * SECOND, price: 1, volume: 1 }, 0),
    );
  const [from, to] = [START + gapAt * SECOND, START + (hole[1] ?? gapAt + 1) * SECOND];
  const told = {
    gap_id: `${symbol} ${gapAt}`,
    cause: 'restart',
    first_missing_id: null,
    last_missing_id: null,
  } as const;
  const after = hole[1] === null ? null : at(hole[1]);
  const record = newRecord({ ...told, from, to }, symbol, at(hole[0]), after, from, to, 0);
  return new OpenFill(market, record, null, 0);
}

const names = (fills: readonly OpenFill[]) => fills.map(({ record }) => record.gap.gap_id);

test('the oldest gap goes first, but behind the widest hole of its code that holds it', () => {
  const holes = [
    fill('B', 30, [29, 31]),
    fill('A', 60, [10, 61]),
    fill('A', 20, [10, 22]),
    fill('A', 40, [10, 45]),
    fill('A', 70, [62, 75]),
    fill('A', 50, [48, 80]),
    fill('A', 5, [4, null]),
  ];
  expect(names(inTurn(holes))).toEqual(['A 5', 'A 60', 'A 20', 'B 30', 'A 40', 'A 50', 'A 70']);
});

test('one whose beginning the topic has not told yet holds nothing', () => {
  const unsure = fill('A', 60, [10, 61]);
  unsure.record = { ...unsure.record, unsure: { since: START, fence: 1 } };
  expect(names(inTurn([unsure, fill('A', 20, [10, 22])]))).toEqual(['A 20', 'A 60']);
});

test('thousands of one code are put in order at once, each of them once', () => {
  const random = randomOf(3);
  const holes = Array.from({ length: 5_000 }, (_, n) => {
    const from = Math.floor(random() * 100_000);
    return fill('A', from + n / 10_000, [from, from + 1 + Math.floor(random() * 500)]);
  });
  const startedAt = performance.now();
  const order = inTurn(holes);
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  expect(new Set(order).size).toBe(5_000);
});
