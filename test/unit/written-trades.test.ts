import { describe, expect, test } from 'bun:test';
import { Fault } from '../../src/common/errors.ts';
import { neighbourOf } from '../../src/core/backfill/known-hole.ts';
import type { Trade } from '../../src/core/market/rows.ts';
import { writtenTrades } from '../../src/infra/kafka/consume/written-trades.ts';
import { BTC, ETH, JSON_CODECS, stored, Topic, trade } from './former-life-parts.ts';
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
  const ask = async (of: typeof BTC, since = SINCE, from = Number.POSITIVE_INFINITY) => {
    const { last, known, whole } = await written.before(UPBIT, of, { since, fence: 9 }, from);
    return { last: last?.trade_id ?? null, known: known.map(({ trade_id }) => trade_id), whole };
  };
  return { clock, topic, state, written, ask };
}

test('the last trade that readers keep of those before, and whether any can follow', async () => {
  const { clock, topic, ask } = rig();
  topic.has_(stored(BTC, [1, 2], 4));
  topic.has_(stored(BTC, [4, 3], 5));
  topic.has_(stored(ETH, [70], 5));
  expect(await ask(BTC)).toEqual({ last: '4', known: [], whole: false });
  topic.has_(stored(BTC, [20], 9));
  // What a broker gives out late of the one before is dropped for its fence.
  topic.has_(stored(BTC, [5], 5));
  topic.has_(stored(BTC, [21], 10));
  await clock.advance(1_000);
  expect(await ask(BTC)).toEqual({ last: '4', known: [], whole: true });
  expect(await ask(ETH)).toEqual({ last: '70', known: [], whole: false });
});

test('what is late has no place in the order, but it is known: what an outbox brought, and what was fetched', async () => {
  const { topic, ask } = rig();
  topic.has_(stored(BTC, [1], 4));
  topic.has_(stored(BTC, [7], 4), [{ fence: '4' }, { late: 'outbox' }]);
  topic.has_(stored(BTC, [8], 12), [{ fence: '12' }, { late: 'backfill' }]);
  expect(await ask(BTC)).toEqual({ last: '1', known: ['7', '8'], whole: false });
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

test('what was received after the beginning of the hole is known, and not what is before it', async () => {
  const { topic, ask } = rig();
  topic.has_(stored(BTC, [1, 2], 4));
  topic.has_(stored(BTC, [7, 8], 4));
  topic.has_(stored(BTC, [700, 701], 4));
  topic.has_(stored(BTC, [900], 9));
  // Rows are received 5 µs after they happened, a millisecond each; what came without a pause is whole.
  expect(await ask(BTC, SINCE, SINCE + 5_000)).toEqual({ last: '8', known: ['700', '701'], whole: true });
});

test('holes of several holders of a code are asked for in any order, and each has what was written before it', async () => {
  const { topic, written } = rig();
  for (const fence of [4, 5, 6, 7]) topic.has_(stored(BTC, [fence * 10, fence * 10 + 1], fence));
  const last = async (fence: number) => {
    const found = await written.before(UPBIT, BTC, { since: SINCE, fence }, Number.POSITIVE_INFINITY);
    return [found.last?.trade_id ?? null, found.whole];
  };
  expect([await last(5), await last(7), await last(4), await last(6), await last(9)]).toEqual([
    ['41', true],
    ['61', true],
    [null, true],
    ['51', true],
    ['71', false],
  ]);
});

test('what a holder wrote last is kept however long the next one writes', async () => {
  const { topic, ask } = rig();
  for (const ids of [
    [1, 2],
    [7, 8],
    [700, 701],
  ])
    topic.has_(stored(BTC, ids, 4));
  for (let id = 900; id < 1000; id++) topic.has_(stored(BTC, [id], 9));
  expect(await ask(BTC, SINCE, SINCE + 5_000)).toEqual({ last: '8', known: ['700', '701'], whole: true });
});

test('of a long holder the last messages are kept, of a large topic the last one: nobody was away before it', async () => {
  const { clock, topic, ask } = rig();
  for (let id = 1; id <= 100; id++) topic.has_(stored(BTC, [id], 4));
  topic.has_(stored(BTC, [900], 9));
  // A hole that began long ago: nobody can say any more whether there was a pause since, but in what is kept.
  expect(await ask(BTC, SINCE, SINCE + 5_000)).toEqual({ last: '100', known: [], whole: true });
  topic.has_(stored(ETH, [1], 4));
  topic.has_(stored(ETH, [700], 4));
  const large = { ...stored(BTC, [1000], 9) };
  for (let n = 0; n < 40; n++)
    topic.has_({
      ...large,
      key: `upbit|X${n}`,
      value: Buffer.concat([large.value, Buffer.alloc(300_000, 32)]),
    });
  await clock.advance(1_000);
  expect(await ask(ETH, SINCE, SINCE + 5_000)).toEqual({ last: '700', known: [], whole: false });
  expect(await ask(BTC, SINCE, SINCE + 5_000)).toEqual({ last: '100', known: [], whole: true });
});

test('a reading that breaks off is begun anew, and nothing of it is known twice', async () => {
  const { clock, topic, ask } = rig();
  topic.has_(stored(BTC, [1], 4));
  topic.has_(stored(BTC, [7], 4), [{ fence: '4' }, { late: 'outbox' }]);
  let breaks = 1;
  topic.onRead = () => {
    if (breaks-- > 0) throw new Fault('broker_unavailable', 'kafka:9092', 'Nothing more came.', '');
  };
  expect(ask(BTC)).rejects.toThrow('Nothing more came.');
  await clock.advance(1_000);
  expect(await ask(BTC)).toEqual({ last: '1', known: ['7'], whole: false });
});

describe('behind a hole', () => {
  const before = neighbourOf(trade(BTC, 3) as Trade);
  const end = { before, from: SINCE, to: SINCE + 50_000, fence: 4 };
  const behind = async (messages: readonly Parameters<Topic['has_']>[], more: Partial<typeof end> = {}) => {
    const { topic, written, clock } = rig();
    for (const message of messages) topic.has_(...message);
    const asked = [BTC, ETH].map((of) => written.behind(UPBIT, of, { ...end, ...more }));
    await clock.advance(1_100);
    const [{ first, known } = { first: null, known: [] }] = await Promise.all(asked);
    expect(topic.asked.map(({ untilMs }) => untilMs)).toEqual([end.to / 1000 + 600_000]);
    return { first: first?.trade_id ?? null, known: known.map(({ trade_id }) => trade_id) };
  };

  test('stands what its maker wrote when the code was received again; what came before that is known', async () => {
    const messages = [[stored(BTC, [2, 3], 4)], [stored(BTC, [9], 4)], [stored(BTC, [60, 61], 4)]] as const;
    expect(await behind(messages.map((one) => [...one]))).toEqual({ first: '60', known: ['9'] });
  });

  test('or whoever had the code since, be it before that; what a broker gave out behind it is nothing', async () => {
    const late = [{ fence: '9' }, { late: 'backfill' }];
    expect(
      await behind([[stored(BTC, [30], 9)], [stored(BTC, [31, 60], 4)], [stored(BTC, [10], 9), late]]),
    ).toEqual({ first: '30', known: ['10'] });
  });

  test('or nothing yet', async () => {
    expect(await behind([[stored(ETH, [60], 9)], [stored(BTC, [3], 4)]])).toEqual({ first: null, known: [] });
  });

  test('brokers that are away are said', async () => {
    const { state, written, clock } = rig();
    state.away = true;
    const asked = written.behind(UPBIT, BTC, end);
    asked.catch(() => {});
    await clock.advance(1_100);
    expect(asked).rejects.toThrow('Connection refused.');
  });
});
