import { expect, test } from 'bun:test';
import { Fault } from '../../src/common/errors.ts';
import { writtenTrades } from '../../src/infra/kafka/consume/written-trades.ts';
import { BTC, ETH, JSON_CODECS, stored, Topic } from './former-life-parts.ts';
import { ManualClock } from './manual-clock.ts';

const UPBIT = { id: 'upbit', region: 'korea' } as const;
const SINCE = 1_790_000_000_000_000;

function rig() {
  const clock = new ManualClock();
  const topic = new Topic();
  const state = { away: false, opened: 0 };
  const written = writtenTrades({
    encodingOf: () => JSON_CODECS.get('trade-data'),
    async openReader() {
      state.opened++;
      if (state.away) throw new Fault('broker_unavailable', 'kafka:9092', 'Connection refused.', '');
      return topic;
    },
    clock,
  });
  const ask = async (of: typeof BTC, since = SINCE) => {
    const { last, late, whole } = await written.before(UPBIT, of, { since, fence: 9 });
    return { last: last?.trade_id ?? null, late: late.map(({ trade_id }) => trade_id), whole };
  };
  return { clock, topic, state, ask };
}

test('the last trade that readers keep of those before, and whether any can follow', async () => {
  const { clock, topic, ask } = rig();
  topic.has_(stored(BTC, [1, 2], 4));
  topic.has_(stored(BTC, [4, 3], 5));
  topic.has_(stored(ETH, [70], 5));
  expect(await ask(BTC)).toEqual({ last: '4', late: [], whole: false });
  topic.has_(stored(BTC, [20], 9));
  // What a broker gives out late of the one before is dropped for its fence.
  topic.has_(stored(BTC, [5], 5));
  topic.has_(stored(BTC, [21], 10));
  await clock.advance(1_000);
  expect(await ask(BTC)).toEqual({ last: '4', late: [], whole: true });
  expect(await ask(ETH)).toEqual({ last: '70', late: [], whole: false });
});

test('what is late has no place in the order: what an outbox brought is known, what was fetched is nothing', async () => {
  const { topic, ask } = rig();
  topic.has_(stored(BTC, [1], 4));
  topic.has_(stored(BTC, [7], 4), [{ fence: '4' }, { late: 'outbox' }]);
  topic.has_(stored(BTC, [8], 12), [{ fence: '12' }, { late: 'backfill' }]);
  expect(await ask(BTC)).toEqual({ last: '1', late: ['7'], whole: false });
});

test('one reading answers for all codes, and goes on where it ended; an earlier time begins another', async () => {
  const { clock, topic, state, ask } = rig();
  topic.has_(stored(BTC, [1], 4));
  topic.has_(stored(ETH, [2], 4));
  const all = await Promise.all([ask(BTC), ask(ETH), ask(BTC, SINCE + 1)]);
  expect([all.map(({ last }) => last), state.opened]).toEqual([['1', '2', '1'], 1]);
  expect(topic.asked[0]?.from).toMatchObject({ sinceMs: SINCE / 1000 - 10_000 });
  await clock.advance(1_000);
  topic.has_(stored(ETH, [3], 4));
  expect((await ask(ETH)).last).toBe('3');
  expect(topic.asked[1]?.from).toEqual([{ partition: 0, first: 0, end: 2, cut: false }]);
  await ask(BTC, SINCE - 60_000_000);
  expect(topic.asked[2]?.from).toMatchObject({ sinceMs: SINCE / 1000 - 70_000 });
  expect([state.opened, topic.closed]).toEqual([3, 3]);
  // Nothing is kept when nobody asks any more.
  await clock.advance(61_000);
  expect(clock.pending).toBe(0);
  await ask(BTC);
  expect(topic.asked[3]?.from).toMatchObject({ sinceMs: SINCE / 1000 - 10_000 });
});

test('brokers that are away are said, and the next question asks them again', async () => {
  const { topic, state, ask } = rig();
  topic.has_(stored(BTC, [1], 4));
  state.away = true;
  expect(ask(BTC)).rejects.toThrow('Connection refused.');
  await Bun.sleep(0);
  state.away = false;
  expect((await ask(BTC)).last).toBe('1');
});
