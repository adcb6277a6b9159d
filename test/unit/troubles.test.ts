import { describe, expect, test } from 'bun:test';
import { type PartitionStatistics, readPartitions } from '../../src/infra/kafka/client/statistics.ts';
import { type Findings, Troubles } from '../../src/infra/kafka/client/troubles.ts';
import type { TopicState } from '../../src/infra/kafka/produce/topic-lines.ts';
import type { TopicFinding } from '../../src/infra/kafka/topics/topic-findings.ts';

const NOTHING: Findings = {
  statistics: () => null,
  metadata: new Map(),
  errorText: (code) => `code ${code}`,
};

function waits(topic: string, oldestAt: number, messages = 1): TopicState {
  return { topic, refusal: null, oldestAt, messages };
}

function partition(id: number, leader: number, replicas: number[], isrs = replicas) {
  return { id, leader, replicas, isrs };
}

function statistics(topic: string, waiting: number[], brokers: PartitionStatistics['brokers']) {
  return {
    waiting: new Map([[topic, new Set(waiting)]]),
    brokers,
    inRequests: 0,
    addresses: 1,
    silentMs: 1,
  };
}

const UP = { state: 'UP', throttledMs: 0 };

describe('a topic that does not acknowledge', () => {
  test('is a trouble after 15 s, and until its oldest message is timely again: it does not flap', () => {
    const troubles = new Troubles();
    const seen: string[] = [];
    // A quota: the age goes up and down between 6 and 20 s.
    for (let second = 0; second < 300; second++) {
      const age = second < 20 ? second : 13 + 7 * Math.sin(second / 5);
      const words = troubles.words([waits('t', (second - age) * 1_000)], second * 1_000, NOTHING);
      const state = words.length > 0 ? 'troubled' : 'well';
      if (seen.at(-1) !== state) seen.push(state);
    }
    expect(seen).toEqual(['well', 'troubled']);
    expect(troubles.words([waits('t', 300_000)], 304_000, NOTHING)).toEqual([]);
  });

  test('is well when nothing waits any more', () => {
    const troubles = new Troubles();
    expect(troubles.words([waits('t', 0)], 16_000, NOTHING)).toHaveLength(1);
    expect(troubles.words([], 16_100, NOTHING)).toEqual([]);
    expect(troubles.words([waits('t', 8_000)], 16_200, NOTHING)).toEqual([]);
  });

  test.each([
    [
      'a partition without a leader',
      [partition(0, -1, [1, 2])],
      [0],
      [{ id: 1, ...UP }],
      'partition 0 has no leader',
    ],
    [
      'a leader that is away',
      [partition(0, 1, [1, 2]), partition(1, 2, [1, 2])],
      [1],
      [
        { id: 1, ...UP },
        { id: 2, state: 'DOWN', throttledMs: 0 },
      ],
      'partition 1: its leader, broker 2, is not connected',
    ],
    [
      'too few replicas',
      [partition(0, 1, [1, 2], [1]), partition(1, 1, [1, 2])],
      [0, 1],
      [{ id: 1, ...UP }],
      'partition 0: 1 of 2 replicas in sync',
    ],
    [
      'a quota',
      [partition(0, 1, [1])],
      [0],
      [{ id: 1, state: 'UP', throttledMs: 800 }],
      'broker 1 throttles by 800 ms (a quota)',
    ],
  ])('says why: %s', (_name, partitions, waiting, brokers, why) => {
    const findings: Findings = {
      ...NOTHING,
      statistics: () => statistics('t', waiting, brokers),
      metadata: new Map([['t', { name: 't', partitions } as TopicFinding]]),
    };
    expect(new Troubles().words([waits('t', 0, 7)], 20_400, findings)).toEqual([
      `t: of 7 messages the oldest waits 20 s for its acknowledgement: ${why}`,
    ]);
  });

  test('names three of many', () => {
    const topics = Array.from({ length: 12 }, (_, i) => waits(`t${i}`, i));
    const words = new Troubles().words(topics, 20_000, NOTHING);
    expect(words).toHaveLength(4);
    expect(words.at(-1)).toBe('and 9 more topics');
  });
});

test('a refusal is told in the words of the broker, where it gave some', () => {
  const refusal = { code: 44, words: 'Too old.', since: 0, at: 0, times: 1, nextAt: 500 };
  const said = (change: object) =>
    new Troubles().words([{ ...waits('t', 0, 3), refusal: { ...refusal, ...change } }], 100, NOTHING);
  expect(said({})).toEqual(['t is refused: Too old. (44); 3 messages wait and are tried again']);
  expect(said({ words: '' })[0]).toContain('t is refused: code 44;');
  // One that may pass with the next try is not told yet.
  expect(said({ nextAt: 0 })).toEqual([]);
  expect(said({ nextAt: 0, times: 2 })).toHaveLength(1);
});

test('statistics: which partitions wait, what is in requests, which addresses are known', () => {
  const broker = { nodeid: 1, source: 'learned', state: 'UP', rxidle: 4_000, throttle: { avg: 20 } };
  const internal = { nodeid: -1, source: 'internal', state: 'INIT', rxidle: -1, throttle: { avg: 0 } };
  const one = (partition: number, msgq_cnt: number, msgs_inflight: number) => ({
    partition,
    msgq_cnt,
    xmit_msgq_cnt: 0,
    msgs_inflight,
  });
  const json = JSON.stringify({
    brokers: { a: broker, b: internal },
    topics: {
      t: {
        topic: 't',
        partitions: { 0: one(0, 0, 0), 1: one(1, 3, 0), 2: one(2, 0, 5), '-1': one(-1, 9, 0) },
      },
    },
  });
  expect(readPartitions(json)).toEqual({
    waiting: new Map([['t', new Set([1, 2])]]),
    inRequests: 5,
    brokers: [{ id: 1, state: 'UP', throttledMs: 20 }],
    addresses: 1,
    silentMs: 4,
  });
  expect(readPartitions('{}')).toBeNull();
});
