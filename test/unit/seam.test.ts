import { expect, test } from 'bun:test';
import { compareIds } from '../../src/core/backfill/known-hole.ts';
import { later } from '../../src/core/pipeline/later-trade.ts';
import { Seam } from '../../src/core/pipeline/seam.ts';
import { START, tradeOf } from './backfill-parts.ts';

const SECOND = 1_000_000;

function trade(id: number, atS: number, receivedS = atS, stream_type: 'REALTIME' | 'SNAPSHOT' = 'REALTIME') {
  const facts = { id: String(id), restId: '', at: START + atS * SECOND, price: 1, volume: 1 };
  return { ...tradeOf(facts, START + receivedS * SECOND), stream_type };
}

test('the first trade of a later socket ends it; what an exchange repeats, and what the old one still brought, is known', () => {
  const seam = new Seam(trade(1, 0), null, 7);
  seam.take(trade(2, 1), 7);
  seam.take(trade(3, 2, 5, 'SNAPSHOT'), 8);
  expect(seam.after).toBeNull();
  seam.take(trade(5, 5), 8);
  expect(seam.after?.trade_id).toBe('5');
  // In the same moment as the one after: time does not tell them apart.
  seam.take(trade(6, 5), 8);
  seam.take(trade(7, 6), 8);
  expect(seam.known.map(({ trade_id }) => trade_id)).toEqual(['2', '3', '6']);
});

test('over the same socket the first trade behind the end of the gap ends it, also where that is told later', () => {
  const seam = new Seam(trade(1, 0), null, 7);
  seam.take(trade(2, 1), 7);
  seam.take(trade(4, 4), 7);
  seam.take(trade(5, 4), 7);
  seam.take(trade(6, 5), 7);
  expect(seam.after).toBeNull();
  seam.ends(START + 3 * SECOND);
  expect(seam.after?.trade_id).toBe('4');
  // What is behind the moment of that one is not beside the hole.
  expect(seam.known.map(({ trade_id }) => trade_id)).toEqual(['2', '5']);
});

test('a trade that came within the gap is none before it', () => {
  expect(new Seam(trade(1, 4), null, 7).beganBy(START + 5 * SECOND)).toBe(true);
  expect(new Seam(trade(1, 9), null, 7).beganBy(START + 5 * SECOND)).toBe(false);
  // The clock of the exchange is ahead, or it is behind.
  expect(new Seam(trade(1, 9, 4), null, 7).beganBy(START + 5 * SECOND)).toBe(true);
  expect(new Seam(trade(1, 4, 9), null, 7).beganBy(START + 5 * SECOND)).toBe(true);
  expect(new Seam(null, null, 7).beganBy(START)).toBe(true);
});

test('of the trades of one moment the one with the highest id is the latest, however a frame has them', () => {
  const [nine, ten, old] = [trade(9, 4), trade(10, 4), trade(11, 3)];
  expect(later(later(null, ten), nine)).toBe(ten);
  expect(later(later(null, nine), ten)).toBe(ten);
  expect(later(ten, old)).toBe(ten);
  expect(later(ten, trade(8, 5)).trade_id).toBe('8');
});

test('ids are in the order of numbers where they are some, else of their texts', () => {
  const ids = ['9', '10', '99', '100', '1790000000000001', '1790000000000002', 'a1', 'b0', 'b0a'];
  for (const [at, id] of ids.entries())
    for (const [other, than] of ids.entries()) expect(compareIds(id, than)).toBe(Math.sign(at - other));
});

test('what it remembers is bounded, also where the clock of the exchange stands, and its end is found all the same', () => {
  const standing = new Seam(trade(1, 0), null, 7);
  for (let id = 2; id < 20_000; id++) standing.take(trade(id, 5), 8);
  expect(standing.after?.trade_id).toBe('2');
  expect(standing.known.length).toBeLessThanOrEqual(5000);
  const long = new Seam(trade(1, 0), null, 7);
  for (let id = 2; id < 20_000; id++) long.take(trade(id, 1), 7);
  long.take(trade(20_000, 2), 8);
  expect(long.after?.trade_id).toBe('20000');
  expect(long.known.length).toBeLessThanOrEqual(5000);
});
