import { expect, test } from 'bun:test';
import { InOrder } from '../../src/infra/kafka/consume/in-order.ts';

const at = (offset: number, partition = 0) => ({ topic: 't', partition, offset });

test('an offset is stored when everything before it in its partition is done', () => {
  const stored: string[] = [];
  const order = new InOrder(({ partition, offset }) => stored.push(`${partition}:${offset}`));
  const [a, b, c, other] = [
    order.begin(at(5)),
    order.begin(at(6)),
    order.begin(at(9)),
    order.begin(at(1, 1)),
  ];
  b?.();
  expect(stored).toEqual([]);
  other?.();
  expect(stored).toEqual(['1:1']);
  a?.();
  expect(stored).toEqual(['1:1', '0:6']);
  c?.();
  c?.();
  expect(stored).toEqual(['1:1', '0:6', '0:9']);
  expect(order.open).toBe(0);
});

test('a partition taken away is no longer ours to store, though it comes back', () => {
  const stored: number[] = [];
  const order = new InOrder(({ offset }) => stored.push(offset));
  const old = order.begin(at(5));
  order.forget(at(0));
  const again = order.begin(at(5));
  old();
  expect(stored).toEqual([]);
  expect(order.open).toBe(1);
  again();
  expect(stored).toEqual([5]);
});
