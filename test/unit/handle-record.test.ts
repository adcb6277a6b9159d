import { expect, test } from 'bun:test';
import { handleRecord } from '../../src/infra/kafka/consume/handle-record.ts';
import { InOrder } from '../../src/infra/kafka/consume/in-order.ts';
import { ManualClock, settle } from './manual-clock.ts';

/** Records whose handler ends when the test says so. */
function rig() {
  const clock = new ManualClock();
  const stored: number[] = [];
  const failures: unknown[] = [];
  const order = new InOrder(({ offset }) => stored.push(offset));
  const handled: { offset: number; end: () => void; fail: (error: Error) => void }[] = [];
  let stopped = false;
  const take = (offset: number) =>
    handleRecord(
      offset,
      () =>
        new Promise<void>((resolve, reject) => {
          handled.push({ offset, end: resolve, fail: reject });
        }),
      order.begin({ topic: 't', partition: 0, offset }),
      { clock, stopped: () => stopped, failed: (error) => failures.push(error) },
    );
  return {
    clock,
    stored,
    failures,
    handled,
    take,
    stop: () => {
      stopped = true;
    },
  };
}

test('an offset is stored when the handler is done with the record, and not before', async () => {
  const { stored, handled, take, clock } = rig();
  void take(5);
  void take(6);
  await clock.advance(60_000);
  expect(handled.map(({ offset }) => offset)).toEqual([5, 6]);
  expect(stored).toEqual([]);
  handled[1]?.end();
  await settle();
  expect(stored).toEqual([]);
  handled[0]?.end();
  await settle();
  expect(stored).toEqual([6]);
});

test('a record that fails comes again after a second, its offset is not stored meanwhile', async () => {
  const { stored, failures, handled, take, clock } = rig();
  void take(5);
  handled[0]?.fail(new Error('store away'));
  await clock.advance(999);
  expect([handled.length, stored.length, failures.length]).toEqual([1, 0, 1]);
  await clock.advance(1);
  expect(handled.map(({ offset }) => offset)).toEqual([5, 5]);
  handled[1]?.end();
  await settle();
  expect(stored).toEqual([5]);
});

test('at the stop a record that fails is left for the next one, unstored', async () => {
  const { stored, handled, take, clock, stop } = rig();
  const taken = take(5);
  stop();
  handled[0]?.fail(new Error('stops'));
  await taken;
  await clock.advance(5_000);
  expect([handled.length, stored.length]).toEqual([1, 0]);
});
