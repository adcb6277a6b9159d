import { expect, test } from 'bun:test';
import { Ledger } from '../../src/application/backfill/ledger.ts';
import { ReadChains } from '../../src/application/backfill/read-chains.ts';
import { byValue } from '../../src/core/backfill/by-time.ts';
import { neighbourOf } from '../../src/core/backfill/known-hole.ts';
import type { Trade } from '../../src/core/market/rows.ts';
import { MARKET, START, tradeOf } from './backfill-parts.ts';
import { coin } from './connection-parts.ts';

const MS = 1000;
/** A hundred a second, as REST has them. */
const rest = (from: number, count: number): Trade[] =>
  Array.from({ length: count }, (_, n) => {
    const at = START + (from + n) * 10 * MS;
    const facts = { id: `${from + n}`, restId: '', at, price: 1 + (n % 7), volume: 1 + (n % 11) };
    return { ...tradeOf(facts, at, MARKET), trade_id: `7${String(from + n).padStart(9, '0')}` };
  });

/** The trades as the socket has them, with ids of another space. */
function holeOf(rows: readonly Trade[], ledger: Ledger) {
  const side = (row: Trade | undefined) => neighbourOf({ ...(row as Trade), trade_id: `9${row?.trade_id}` });
  const [before, after] = [side(rows[0]), side(rows.at(-1))];
  const known = ledger.known(before, after, false);
  return { market: MARKET, before, after, from: before.timestamp, to: after.timestamp, known };
}

test('of holes that overlap by many trades each is written once, as long as one of them is open', () => {
  const ledger = new Ledger();
  const past = rest(0, 20_000);
  const chain = new Set(past.map(({ trade_id }) => trade_id));
  // A code that changed hands again and again while the brokers were away: its holes begin with the same trade.
  const found = [12_000, 15_000, 20_000].map((end) => {
    const { rows, complete } = byValue(holeOf(past.slice(0, end), ledger), past.slice(0, end), chain);
    expect(complete).toBe(true);
    ledger.add(rows, false);
    return rows.length;
  });
  expect(found).toEqual([11_998, 3_000, 5_000]);
  ledger.closed();
  const left = ledger.known(null, null, false);
  expect([left.length, left.at(-1)?.trade_id]).toEqual([5_000, past.at(-2)?.trade_id]);
});

test('what was written and seen in the topic too stands for one trade of equal ones', () => {
  const ledger = new Ledger();
  const facts = { restId: '', at: START + 5 * MS, price: 2, volume: 3 };
  const [first, second] = ['71', '72'].map((id) => ({ ...tradeOf({ ...facts, id }, 0), trade_id: id }));
  const [begin, end] = [rest(0, 1)[0] as Trade, rest(1, 1)[0] as Trade];
  ledger.add([first as Trade], false);
  const hole = holeOf([begin, end], ledger);
  const all = [begin, first as Trade, second as Trade, end];
  const known = [...hole.known, neighbourOf(first as Trade)];
  const found = byValue({ ...hole, known }, all, new Set(all.map(({ trade_id }) => trade_id)));
  expect(found.rows.map(({ trade_id }) => trade_id)).toEqual(['72']);
});

test('of what was read the parts are kept that lie in a hole of the code, within a bound, until it has none', () => {
  const chains = new ReadChains();
  const other = coin('B');
  chains.keep('A', rest(0, 15_000));
  chains.keep('B', rest(0, 15_000));
  const hole = { before: null, after: null, from: START + 50_000 * MS, to: START + 60_000 * MS };
  const within = (market: typeof MARKET) => chains.within({ ...hole, market }).map(({ length }) => length);
  // A second beside it on either side.
  expect([within(MARKET), within(other)]).toEqual([[1_201], [1_201]]);
  chains.keep('A', rest(20_000, 15_000));
  expect([within(MARKET), within(other)]).toEqual([[], [1_201]]);
  chains.forget('B');
  expect(within(other)).toEqual([]);
  chains.keep('B', rest(0, 40_001));
  expect(within(other)).toEqual([]);
});
