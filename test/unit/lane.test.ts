import { expect, test } from 'bun:test';
import { Lane } from '../../src/core/pipeline/lane.ts';
import { SeenIds } from '../../src/core/pipeline/seen-ids.ts';
import { MARKET, START, tradeOf } from './backfill-parts.ts';

const [first, second, third] = [1, 2, 3].map((id) =>
  tradeOf({ id: String(id), restId: '', at: START + id, price: 1, volume: 1 }, START + id),
);

test('where the last trades of a code were not written, what is missing next begins behind the one that was', () => {
  if (!first || !second || !third) throw new Error('three trades');
  const lane = new Lane(MARKET, new SeenIds(), false);
  lane.ackedTrade = first;
  lane.lastTrade = third;
  lane.failed([second]);
  expect(lane.openSeam(1).before).toBe(third);
  lane.failed([third]);
  expect(lane.openSeam(1).before).toBe(first);
});
