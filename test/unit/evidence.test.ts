import { describe, expect, test } from 'bun:test';
import type { Covered } from '../../src/application/state-store.ts';
import { Evidence } from '../../src/application/streams/evidence.ts';

const NOW = 1000;
const NONE: ReadonlySet<string> = new Set();

/** A shard that is held under this fence from the beginning. */
function shardOf(
  symbols: readonly string[],
  fence: number,
  since: readonly Covered[] = [],
  beside = NONE,
): Evidence {
  const evidence = new Evidence(since);
  evidence.want({ symbols, beside }, NOW, NOW);
  evidence.hold(fence, null, []);
  return evidence;
}

describe('a code that is on record more than once', () => {
  test.each([
    ['the higher fence counts, be it of a later moment', { until: 5, fence: 7 }, { until: 3, fence: 6 }, 5],
    ['or of an earlier one', { until: 3, fence: 7 }, { until: 5, fence: 6 }, 3],
    ['of equal ones the earlier moment', { until: 3, fence: 7 }, { until: 5, fence: 7 }, 3],
    ['one without a fence counts least', { until: 3 }, { until: 5, fence: 1 }, 5],
    ['of two without, the earlier moment', { until: 5 }, { until: 3 }, 3],
  ])('%s', (_, first, second, until) => {
    const records = [first, second].map((one) => ({ ...one, symbols: ['A'] }));
    for (const since of [records, records.toReversed()])
      expect(shardOf(['A'], 9, since).take(() => true)).toEqual([{ until, symbols: ['A'] }]);
  });
});

describe('a code that another shard is to have', () => {
  const beside = new Set(['B']);

  test('is on record under the fence that it was had under, until it is there under a later one', () => {
    const evidence = shardOf(['A', 'B'], 4);
    evidence.want({ symbols: ['A'], beside }, NOW, NOW - 100);
    evidence.hold(6, null, []);
    const left = { until: NOW - 100, symbols: ['B'], fence: 4 };
    const known = [{ until: 2000, symbols: ['A'] }];
    const said = () => evidence.covered(known, 2000, 2000);
    expect(said()).toEqual([{ until: 2000, symbols: ['A'], fence: 6 }, left]);
    expect(evidence.kept()).toEqual([left]);
    for (const fence of [undefined, 3, 4]) {
      evidence.taken([{ until: 1, symbols: ['B'], ...(fence === undefined ? {} : { fence }) }]);
      expect(said()).toContainEqual(left);
    }
    evidence.taken([{ until: 1, symbols: ['B'], fence: 5 }]);
    expect(said()).toEqual([{ until: 2000, symbols: ['A'], fence: 6 }]);
    expect(evidence.kept()).toEqual([]);
  });

  test('is missing since it left where it comes back, and gone where nobody wants it', () => {
    for (const back of [true, false]) {
      const evidence = shardOf(['A', 'B'], 4);
      evidence.want({ symbols: ['A'], beside }, NOW, NOW - 100);
      evidence.covered([], 2000, 2000);
      evidence.want({ symbols: back ? ['A', 'B'] : ['A'], beside: NONE }, 3000, 3000);
      const left = [{ until: NOW - 100, symbols: ['B'] }];
      expect(evidence.take(() => true)).toEqual(back ? left : []);
      expect(evidence.unwanted()).toEqual(back ? [] : left);
    }
  });

  test('and that was on record when the shard was taken stays as it was', () => {
    const since = [{ until: 5, symbols: ['A', 'B'], fence: 4 }];
    const evidence = shardOf(['A'], 6, since, beside);
    expect(evidence.unwanted()).toEqual([]);
    expect(evidence.take(() => true)).toEqual([{ until: 5, symbols: ['A'] }]);
    expect(evidence.covered([], 2000, 2000)).toContainEqual({ until: 5, symbols: ['B'], fence: 4 });
  });

  test('without fences there is nobody to keep it for', () => {
    const evidence = new Evidence([]);
    evidence.want({ symbols: ['A', 'B'], beside: NONE }, NOW, NOW);
    evidence.hold(null, null, []);
    evidence.want({ symbols: ['A'], beside }, NOW, NOW);
    expect(evidence.covered([], 2000, 2000)).toEqual([{ until: 2000, symbols: ['A'] }]);
    expect(evidence.kept()).toEqual([]);
  });
});

test('a fence that says nothing of a code yet is not on record with it', () => {
  const evidence = new Evidence([]);
  evidence.want({ symbols: ['A', 'B'], beside: NONE }, NOW, NOW);
  evidence.hold(4, new Set(['A']), []);
  expect(evidence.covered([], 2000, 2000)).toEqual([
    { until: 2000, symbols: ['A'], fence: 4 },
    { until: 2000, symbols: ['B'] },
  ]);
});
