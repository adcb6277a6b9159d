import { describe, expect, test } from 'bun:test';
import type { StateStore, Taken } from '../../src/application/state-store.ts';
import { emptyStream, type StreamKey } from '../../src/core/desired/stream.ts';

const KEY: StreamKey = { exchange: 'upbit', request_type: 'ticker' };

/**
 * What every driver of the state store has to do for leases.
 * @param open gives a store that is started and empty
 * @param pass lets `ms` milliseconds of the store's time pass
 */
export function leaseSuite(open: () => Promise<StateStore>, pass: (ms: number) => Promise<void>): void {
  describe('leases', () => {
    const shard = { ...KEY, shard: 0 };
    const second = { ...KEY, shard: 1 };
    const covered = [
      { until: 1_790_000_000_000_000, symbols: ['KRW-BTC', 'KRW-ETH'], gap_id: 'g' },
      { until: 1_789_000_000_000_000, symbols: ['KRW-XRP'], fence: 1_790_000_000_000 },
    ];

    async function take({ leases }: StateStore, who: string, what = shard, heirOf: string[] = []) {
      const [taken] = await leases.acquire([what], who, 300, heirOf);
      if (taken === 'outdated') throw new Error('no version was asked for');
      return taken ?? null;
    }

    async function taken(...args: Parameters<typeof take>): Promise<Taken> {
      const one = await take(...args);
      if (!one) throw new Error('a lease that is free was refused');
      return one;
    }

    test('one holder, rising fences, an end without renewal', async () => {
      const store = await open();
      const { leases } = store;
      const { lease: first } = await taken(store, 'a');
      expect(await take(store, 'b')).toBeNull();
      expect(await take(store, 'a')).toBeNull();
      expect(await leases.holders([second, shard])).toEqual([null, { collector: 'a', fence: first.fence }]);
      await pass(200);
      expect(await leases.renew([{ lease: first, covered: null }], 300)).toEqual([true]);
      await pass(200);
      expect(await take(store, 'b')).toBeNull();
      await pass(200);
      const { lease: next } = await taken(store, 'b');
      expect(next.fence).toBeGreaterThan(first.fence);
      expect(await leases.renew([{ lease: first, covered: null }], 300)).toEqual([false]);
      await leases.release([{ lease: first, covered: null }]);
      expect(await leases.holders([shard])).toEqual([{ collector: 'b', fence: next.fence }]);
      await leases.release([{ lease: next, covered: null }]);
      expect(await leases.holders([shard])).toEqual([null]);
    });

    test('many at once: each for itself, and two who ask at once never have the same', async () => {
      const { leases } = await open();
      const shards = Array.from({ length: 40 }, (_, at) => ({ ...KEY, shard: at }));
      const [a, b] = await Promise.all([
        leases.acquire(shards, 'a', 30_000, []),
        leases.acquire([...shards].reverse(), 'b', 30_000, []),
      ]);
      const got = [...a, ...b].flatMap((one) => (one && one !== 'outdated' ? [one.lease] : []));
      expect(new Set(got.map(({ shard: of }) => of.shard)).size).toBe(40);
      expect(got).toHaveLength(40);
      expect(new Set(got.map(({ fence }) => fence)).size).toBe(40);
      const kept = await leases.renew(
        got.map((lease) => ({ lease, covered: null })),
        30_000,
      );
      expect(kept.every(Boolean)).toBe(true);
    });

    test('no fence is below the time in ms: a store without memory does not begin at 1', async () => {
      const { lease } = await taken(await open(), 'a');
      expect(lease.fence).toBeGreaterThan(1_700_000_000_000);
      expect(Number.isSafeInteger(lease.fence)).toBe(true);
    });

    test('a fence exceeds what is asked for, and those of leases that were renewed', async () => {
      const store = await open();
      const { leases } = store;
      const far = 9_000_000_000_000;
      const [above] = await leases.acquire([shard], 'a', 30_000, [], far);
      expect(above).toMatchObject({ lease: { fence: far + 1 } });
      expect((await taken(store, 'a', second)).lease.fence).toBe(far + 2);
      // As after a failover to a replica that had not heard of the last ones.
      await leases.renew([{ lease: { shard, collector: 'a', fence: far + 1000 }, covered: null }], 300);
      expect((await taken(store, 'a', { ...KEY, shard: 2 })).lease.fence).toBe(far + 1001);
      await leases.renew([{ lease: { shard, collector: 'a', fence: far + 1 }, covered: null }], 300);
      expect((await taken(store, 'a', { ...KEY, shard: 3 })).lease.fence).toBe(far + 1002);
    });

    test('a lease is taken by the latest desired state only, where it is asked for by a version', async () => {
      const { leases, desired } = await open();
      const asked = { ...shard, version: 1 };
      const stateOf = (version: number) => ({ ...emptyStream(KEY), version, codes: ['A'], shards: [['A']] });
      const acquire = async (version: number, heirOf: string[] = []) =>
        (await leases.acquire([{ ...asked, version }], 'a', 30_000, heirOf))[0];
      // A store that was emptied knows of no version.
      expect(await acquire(7)).toMatchObject({ lease: { shard, collector: 'a' } });
      await desired.write(0, stateOf(1));
      expect(await acquire(1)).toBeNull();
      expect(await acquire(1, ['a'])).toMatchObject({ lease: { shard } });
      await desired.write(1, stateOf(2));
      expect(await acquire(1, ['a'])).toBe('outdated');
      expect(await acquire(3, ['a'])).toBe('outdated');
      expect(await acquire(1)).toBeNull();
      expect(await acquire(2, ['a'])).toMatchObject({ lease: { shard } });
    });

    test('an heir takes what its dead have, with a new fence, and nothing else', async () => {
      const store = await open();
      const { lease: first } = await taken(store, 'a|1');
      await taken(store, 'b', second);
      const { lease: next } = await taken(store, 'c', shard, ['x', 'a|1']);
      expect(next).toMatchObject({ collector: 'c', shard });
      expect(next.fence).toBeGreaterThan(first.fence);
      expect(await take(store, 'c', second, ['x', 'a|1'])).toBeNull();
      expect((await taken(store, 'c', shard, ['c'])).lease.fence).toBeGreaterThan(next.fence);
    });

    test('how far the holder got is there for the next one, until nothing of it is on record', async () => {
      const store = await open();
      const { leases } = store;
      const { lease: first, before } = await taken(store, 'a');
      expect(before).toBeNull();
      await leases.renew([{ lease: first, covered }], 300);
      await leases.renew([{ lease: first, covered: null }], 300);
      await pass(400);
      const { lease: next, before: end } = await taken(store, 'b');
      expect(end).toEqual({ collector: 'a', covered });
      // Whoever lost the lease has no more say.
      await leases.renew([{ lease: first, covered: [{ until: 1, symbols: [] }] }], 300);
      await leases.release([{ lease: next, covered: [{ until: 7, symbols: ['KRW-BTC'] }] }]);
      const { lease: third, before: released } = await taken(store, 'c');
      expect(released).toEqual({ collector: 'b', covered: [{ until: 7, symbols: ['KRW-BTC'] }] });
      await leases.release([{ lease: third, covered: [] }]);
      const { before: wiped } = await taken(store, 'd');
      expect(wiped).toBeNull();
    });

    test('what is on record beside it, of which shards, and who took it last', async () => {
      const store = await open();
      const { leases } = store;
      const other = { exchange: 'upbit', request_type: 'trade', shard: 0 } as const;
      expect(await leases.recorded([KEY])).toEqual([]);
      const { lease: first, last, beside } = await taken(store, 'a');
      expect({ last, beside }).toEqual({ last: null, beside: [] });
      const { lease: next } = await taken(store, 'b', second);
      const { lease: foreign } = await taken(store, 'b', other);
      await leases.release([{ lease: foreign, covered: [{ until: 3, symbols: ['KRW-XRP'] }] }]);
      await leases.renew([{ lease: next, covered }], 300);
      expect(await leases.recorded([KEY])).toEqual([second]);
      expect(await leases.records([KEY])).toEqual([{ shard: second, covered }]);
      await leases.release([{ lease: first, covered: null }]);
      expect(await taken(store, 'c')).toMatchObject({ before: null, last: 'a', beside: covered });
      expect(await taken(store, 'd', second, ['b'])).toMatchObject({ last: 'b', beside: [] });
      expect(new Set(await leases.recorded([KEY, other]))).toEqual(new Set([second, other]));
    });

    test('a lease that is given back nudges', async () => {
      const store = await open();
      const heard = Promise.withResolvers<string>();
      store.desired.onNudge(heard.resolve);
      // A subscription may not be through yet when the store is: the poll is there for that.
      for (let round = 0; round < 50; round++) {
        const { lease } = await taken(store, 'a');
        await store.leases.release([{ lease, covered: null }]);
        if (await Promise.race([heard.promise, Bun.sleep(20).then(() => null)])) break;
      }
      expect(await heard.promise).toBe('upbit|ticker');
    });
  });

  test('collectors are alive as long as they say so', async () => {
    const { collectors } = await open();
    const info = { exchanges: ['upbit'], stopping: false, process: { machine: 'm', pid: 7, started: 9 } };
    const other = { exchanges: [], stopping: true, process: null };
    await collectors.announce('b', info, 300);
    await collectors.announce('a', other, 60_000);
    await collectors.announce('c', info, 60_000);
    expect(await collectors.alive()).toEqual([
      { id: 'a', info: other },
      { id: 'b', info },
      { id: 'c', info },
    ]);
    await collectors.leave(['c']);
    await pass(400);
    expect(await collectors.alive()).toEqual([{ id: 'a', info: other }]);
  });

  test('opens: as many as fit every window, over all who ask, and a place given back is free', async () => {
    const { opens } = await open();
    const windows = [
      { count: 2, perMs: 1000 },
      { count: 3, perMs: 60_000 },
    ];
    const now = 1_790_000_000_000;
    const take = (id: string, at: number, key = 'h|a') => opens.take(key, id, windows, now + at);
    const asked = await Promise.all(Array.from({ length: 6 }, (_, at) => take(`at once ${at}`, 0)));
    expect(asked.toSorted((a, b) => a - b)).toEqual([0, 0, 1000, 1000, 1000, 1000]);
    expect(await take('3', 400)).toBe(600);
    expect(await take('other', 400, 'h|b')).toBe(0);
    await opens.giveBack('h|a', `at once ${asked.indexOf(0)}`);
    expect(await take('3', 400)).toBe(0);
    expect(await take('4', 1000)).toBe(0);
    expect(await take('5', 2000)).toBe(58_000);
    expect(await take('5', 60_000)).toBe(0);
    // A clock that was set back keeps nobody waiting for longer than a window.
    expect(await take('6', -5_000_000)).toBe(60_000);
  });

  test('who shut an address out is remembered', async () => {
    const { opens } = await open();
    expect(await opens.lastShutOut('h|a')).toBeNull();
    const shutOut = { untilMs: 1_790_000_060_000, reason: 'HTTP 418 on opening' };
    await opens.shutOut('h|a', shutOut, 60_000.4);
    expect(await opens.lastShutOut('h|a')).toEqual(shutOut);
    expect(await opens.lastShutOut('h|b')).toBeNull();
  });
}
