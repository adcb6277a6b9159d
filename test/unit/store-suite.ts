import { describe, expect, test } from 'bun:test';
import type { FillRecord } from '../../src/application/backfill/fill-task.ts';
import type { ActualStream, StateStore, StoredOutcome } from '../../src/application/state-store.ts';
import type { BreakerFigures } from '../../src/core/connection/host-breaker.ts';
import { type DesiredStream, emptyStream, type StreamKey } from '../../src/core/desired/stream.ts';
import type { Neighbour } from '../../src/core/past-trades.ts';
import { leaseSuite } from './lease-suite.ts';

const KEY: StreamKey = { exchange: 'upbit', request_type: 'ticker' };
const OTHER: StreamKey = { exchange: 'binance', request_type: 'trade' };
const FIGURES: BreakerFigures = {
  failureThreshold: 3,
  windowMs: 1000,
  openMs: 500,
  halfOpenMaxCalls: 2,
  successThreshold: 2,
};

const TRADE: Neighbour = {
  ...{ trade_id: '17853950437790001', timestamp: 1_790_000_000_000_000, fills: 1 },
  ...{ price: 91_361_000, volume: 0.01275549, side: 'SELL' },
};

function fillRecord(name: string, result: FillRecord['result']): FillRecord {
  const gap = {
    ...{ gap_id: `gap of ${name}`, from: 1, to: 2, cause: 'cut' as const },
    ...{ first_missing_id: null, last_missing_id: null },
  } as const;
  return {
    ...{
      name,
      gap,
      symbol: 'BTC-USDT',
      since: 3,
      before: TRADE,
      after: null,
      from: 1,
      to: 2,
      known: [],
      result,
    },
    filled: { rows: 0, first_id: null, last_id: null },
  };
}

function stream(version: number, codes: string[]): DesiredStream {
  return { ...emptyStream(KEY), version, codes, shards: [codes], correlation_id: `c-${version}` };
}

function outcome(offset: number, replyId = `reply-${offset}`): StoredOutcome {
  return {
    place: { group: 'g', topic: 'ws.command', partition: 0, offset },
    reply: {
      replyId,
      target: { exchange: 'upbit', region: 'korea', request_type: 'ticker' },
      correlationId: null,
      outcome: 'accepted',
      reason: null,
      resolved: [{ asked: 'BTC', symbol: 'KRW-BTC', code: 'KRW-BTC' }],
      errors: [],
      detail: { codes: 1 },
    },
  };
}

function actual(connectionId: string, createdAt: number, symbols: string[]): ActualStream {
  return {
    target: { exchange: 'upbit', region: 'korea', request_type: 'ticker' },
    status: 'connected',
    connectionId,
    createdAt: createdAt * 1_000_000,
    lastActive: (createdAt + 1) * 1_000_000,
    symbols,
  };
}

/**
 * What every driver of the state store has to do.
 * @param open gives a store that is started and empty
 * @param pass lets `ms` milliseconds of the store's time pass
 */
export function storeSuite(
  name: string,
  open: () => Promise<StateStore>,
  pass: (ms: number) => Promise<void>,
): void {
  describe(name, () => {
    test('what is to be fetched comes back as it was written, until it is removed; so do the latest trades', async () => {
      const { fills } = await open();
      expect(await fills.tasks('okx')).toEqual([]);
      const one = fillRecord('one', null);
      const done = fillRecord('two', { state: 'partial', proof: 'none', reason: 'it is so' });
      await fills.put('okx', [one, done]);
      await fills.put('okx', []);
      expect((await fills.tasks('okx')).toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([one, done]);
      expect(await fills.tasks('binance')).toEqual([]);
      const further = {
        ...one,
        after: TRADE,
        known: [TRADE],
        unsure: { since: 1_790_000_000_000_000, fence: 12 },
        filled: { rows: 2, first_id: '1', last_id: '2' },
      };
      await fills.put('okx', [further]);
      await fills.remove('okx', ['two', 'never']);
      expect(await fills.tasks('okx')).toEqual([further]);
      await fills.keepLastTrades('okx', new Map([['BTC-USDT', TRADE]]));
      await fills.keepLastTrades('okx', new Map());
      expect(await fills.lastTrades('okx', ['ETH-USDT', 'BTC-USDT'])).toEqual([null, TRADE]);
      await fills.keepLastTrades('okx', new Map([['BTC-USDT', { ...TRADE, final: true }]]));
      expect(await fills.lastTrades('okx', ['BTC-USDT'])).toEqual([{ ...TRADE, final: true }]);
      await fills.keepLastTrades('okx', new Map([['BTC-USDT', { ...TRADE, delivered: 7 }]]));
      expect(await fills.lastTrades('okx', ['BTC-USDT'])).toEqual([{ ...TRADE, delivered: 7 }]);
      expect(await fills.lastTrades('binance', ['BTC-USDT'])).toEqual([null]);
      expect(await fills.lastTrades('okx', [])).toEqual([]);
    });

    test('desired state comes back as it was written, by version', async () => {
      const { desired } = await open();
      expect(await desired.read(KEY)).toBeNull();
      const full: DesiredStream = {
        ...stream(1, ['KRW-BTC', 'KRW-ETH']),
        selector: '*',
        exceptions: ['KRW-XRP'],
        pinned: ['KRW-BTC'],
        pins: [{ collector: 'one', place: 'here', symbols: ['KRW-BTC'] }],
        configured: ['KRW-BTC', '*'],
        shards: [['KRW-BTC'], [], ['KRW-ETH']],
        origin: 'wss://api.upbit.com:8443',
      };
      expect(await desired.write(0, full)).toBe('written');
      expect(await desired.read(KEY)).toEqual(full);
      expect(await desired.readAll([OTHER, KEY])).toEqual([full]);
      const empty: DesiredStream = { ...emptyStream(KEY), version: 2 };
      expect(await desired.write(1, empty)).toBe('written');
      expect(await desired.write(1, full)).toBe('outdated');
      expect(await desired.read(KEY)).toEqual(empty);
    });

    test('of writers at one version exactly one wins, and the others write nothing', async () => {
      const { desired, outcomes } = await open();
      await desired.write(0, stream(1, ['KRW-BTC']));
      const writers = Array.from({ length: 8 }, (_, at) =>
        desired.write(1, stream(2, [`KRW-${at}`]), outcome(at)),
      );
      const won = (await Promise.all(writers)).flatMap((became, at) => (became === 'written' ? [at] : []));
      expect(won).toHaveLength(1);
      expect((await desired.read(KEY))?.codes).toEqual([`KRW-${won[0]}`]);
      for (let at = 0; at < 8; at++) {
        const kept = await outcomes.read(outcome(at).place);
        expect(kept).toEqual(at === won[0] ? outcome(at).reply : null);
      }
    });

    test('the last version of a stream is known beside it, and the store has one epoch', async () => {
      const { desired } = await open();
      expect(await desired.lastVersion(KEY)).toBe(0);
      await desired.write(0, stream(7, ['KRW-BTC']));
      expect(await desired.lastVersion(KEY)).toBe(7);
      expect(await desired.lastVersion(OTHER)).toBe(0);
      const first = await desired.epoch();
      expect(first.ageMs).toBeGreaterThanOrEqual(0);
      expect((await desired.epoch()).id).toBe(first.id);
    });

    test('a write is made only in the epoch, and beside the streams, that it was reckoned with', async () => {
      const { desired, outcomes } = await open();
      const epoch = (await desired.epoch()).id;
      const other: DesiredStream = { ...emptyStream(OTHER), version: 3 };
      await desired.write(0, other);
      const one = stream(1, ['KRW-BTC']);
      expect(await desired.write(0, one, outcome(1), { epoch: 'another' })).toBe('outdated');
      expect(await desired.write(0, one, outcome(1), { epoch: epoch.slice(0, -1) })).toBe('outdated');
      for (const version of [0, 2, 4])
        expect(await desired.write(0, one, outcome(1), { others: [{ key: OTHER, version }] })).toBe(
          'outdated',
        );
      expect(await desired.read(KEY)).toBeNull();
      expect(await outcomes.read(outcome(1).place)).toBeNull();
      const guard = { epoch, others: [{ key: OTHER, version: 3 }] };
      expect(await desired.write(0, one, outcome(1), guard)).toBe('written');
      expect(await outcomes.read(outcome(1).place)).toEqual(outcome(1).reply);
      const missing = { others: [{ key: { ...OTHER, exchange: 'okx' }, version: 0 }] };
      expect(await desired.write(1, stream(2, []), undefined, missing)).toBe('written');
    });

    test('answers stay bounded where records of another kind lie between them', async () => {
      const { outcomes } = await open();
      // Only every third record of the topic is a command.
      const offsets = Array.from({ length: 4200 }, (_, at) => at * 3);
      for (let at = 0; at < offsets.length; at += 100)
        await Promise.all(offsets.slice(at, at + 100).map((offset) => outcomes.write(outcome(offset))));
      const last = offsets.at(-1) ?? 0;
      expect(await outcomes.read(outcome(last).place)).toEqual(outcome(last).reply);
      expect(await outcomes.read(outcome(0).place)).toBeNull();
      expect(await outcomes.read(outcome(3 * 100).place)).toBeNull();
    });

    test('an outcome comes back whole; old ones go', async () => {
      const { outcomes } = await open();
      await outcomes.write(outcome(5));
      await outcomes.write(outcome(6));
      expect(await outcomes.read(outcome(5).place)).toEqual(outcome(5).reply);
      expect(await outcomes.read({ ...outcome(5).place, partition: 1 })).toBeNull();
      await outcomes.write(outcome(5 + 4096));
      expect(await outcomes.read(outcome(5).place)).toBeNull();
      expect(await outcomes.read(outcome(6).place)).toEqual(outcome(6).reply);
    });

    test('the first answer to a record stands, also against a write; another record at its place has its own', async () => {
      const { desired, outcomes } = await open();
      const first = outcome(1, 'id-1');
      const second = { ...first, reply: { ...first.reply, outcome: 'noop' as const } };
      expect(await outcomes.write(first)).toEqual(first.reply);
      expect(await outcomes.write(second)).toEqual(first.reply);
      expect(await desired.write(0, stream(1, ['KRW-BTC']), second)).toBe('answered');
      expect(await desired.read(KEY)).toBeNull();
      const other = outcome(1, 'id-2');
      expect(await outcomes.write(other)).toEqual(other.reply);
    });

    test('a write nudges with the stream that was written', async () => {
      const { desired } = await open();
      const heard = Promise.withResolvers<string>();
      desired.onNudge(heard.resolve);
      // A subscription may not be through yet when the store is: the poll is there for that.
      for (let version = 0; version < 50; version++) {
        await desired.write(version, stream(version + 1, ['KRW-BTC']));
        if (await Promise.race([heard.promise, Bun.sleep(20).then(() => null)])) break;
      }
      expect(await heard.promise).toBe('upbit|ticker');
    });

    test('actual state: a newer owner takes over, an older one neither writes nor deletes', async () => {
      const { actual: store } = await open();
      const { target } = actual('a', 100, []);
      expect(await store.read(target)).toBeNull();
      expect(await store.write(actual('old', 100, ['KRW-BTC', 'KRW-ETH']))).toBe(true);
      expect(await store.write(actual('new', 200, ['KRW-XRP']))).toBe(true);
      expect(await store.write(actual('old', 100, ['KRW-BTC']))).toBe(false);
      expect(await store.remove(target, 'old')).toBe(false);
      expect(await store.read(target)).toEqual(actual('new', 200, ['KRW-XRP']));
      expect(await store.remove(target, 'new')).toBe(true);
      expect(await store.read(target)).toBeNull();
    });

    test('market lists', async () => {
      const { markets } = await open();
      expect(await markets.read('upbit')).toBeNull();
      const listings = [{ symbol: 'KRW-BTC', base: 'BTC', quote: 'KRW' }];
      await markets.write('upbit', 7, listings);
      expect(await markets.read('upbit')).toEqual({ at: 7, listings });
    });

    leaseSuite(open, pass);

    describe('breaker', () => {
      type Step = ['allow' | 'good' | 'bad' | 'open' | 'close', number, boolean, string];
      const cases: [string, Step[]][] = [
        [
          'opens at the threshold and refuses until its time',
          [
            ['bad', 0, false, 'closed'],
            ['bad', 10, false, 'closed'],
            ['allow', 15, true, 'closed'],
            ['bad', 20, false, 'open'],
            ['allow', 30, false, 'open'],
            ['allow', 519, false, 'open'],
            ['allow', 520, true, 'half_open'],
          ],
        ],
        [
          'failures count as long as the window is, whatever succeeds in between',
          [
            ['bad', 0, false, 'closed'],
            ['bad', 10, false, 'closed'],
            ['good', 20, false, 'closed'],
            ['bad', 1005, false, 'closed'],
            ['bad', 1015, false, 'closed'],
            ['good', 1016, false, 'closed'],
            ['bad', 1017, false, 'open'],
          ],
        ],
        [
          'half open lets a few through; successes close it',
          [
            ['bad', 0, false, 'closed'],
            ['bad', 0, false, 'closed'],
            ['bad', 0, false, 'open'],
            ['allow', 500, true, 'half_open'],
            ['allow', 501, true, 'half_open'],
            ['allow', 502, false, 'half_open'],
            ['good', 510, false, 'half_open'],
            ['good', 520, false, 'closed'],
            ['bad', 530, false, 'closed'],
          ],
        ],
        [
          'one failure while half open opens it again for the whole time',
          [
            ['bad', 0, false, 'closed'],
            ['bad', 0, false, 'closed'],
            ['bad', 0, false, 'open'],
            ['allow', 500, true, 'half_open'],
            ['bad', 510, false, 'open'],
            ['allow', 1009, false, 'open'],
            ['allow', 1010, true, 'half_open'],
          ],
        ],
        [
          'trials that nobody reports are not held for ever; one good trial closes it in the end',
          [
            ['bad', 0, false, 'closed'],
            ['bad', 0, false, 'closed'],
            ['bad', 0, false, 'open'],
            ['allow', 500, true, 'half_open'],
            ['allow', 501, true, 'half_open'],
            ['allow', 999, false, 'half_open'],
            ['allow', 1000, true, 'half_open'],
            ['good', 1001, false, 'half_open'],
            ['allow', 1500, true, 'closed'],
          ],
        ],
        [
          'an operator opens it until an operator closes it',
          [
            ['open', 0, false, 'open'],
            ['open', 1, false, 'open'],
            ['allow', 100_000, false, 'open'],
            ['good', 100_001, false, 'open'],
            ['close', 100_002, false, 'closed'],
            ['allow', 100_003, true, 'closed'],
          ],
        ],
      ];
      test.each(cases)('%s', async (_name, steps) => {
        const { breakers } = await open();
        const start = 1_790_000_000_000;
        let state = 'closed';
        for (const [what, at, allowed, after] of steps) {
          const now = start + at;
          const given =
            what === 'allow'
              ? await breakers.allow('h', FIGURES, now)
              : what === 'good' || what === 'bad'
                ? await breakers.report('h', what === 'good', FIGURES, now)
                : await breakers.force('h', what === 'open' ? 'open' : 'closed', now);
          const seen = { at, allowed: given.allowed, state: given.breaker.state, changed: given.changed };
          expect(seen).toEqual({
            at,
            allowed,
            state: after as typeof given.breaker.state,
            changed: state !== after,
          });
          expect((await breakers.read(['h']))[0]?.state).toBe(given.breaker.state);
          if (what === 'allow' && !given.allowed) expect(given.retryInMs).toBeGreaterThan(0);
          state = after;
        }
      });

      test('one that an operator opened is written back where it was lost, and not where it was closed since', async () => {
        const { breakers } = await open();
        const at = 1_790_000_000_000;
        const { breaker: known } = await breakers.force('lost', 'open', at);
        const { breakers: empty } = await open();
        expect((await empty.recall({ ...known, host: 'other' }, at + 1)).changed).toBe(true);
        expect((await empty.read(['other']))[0]).toEqual({ ...known, host: 'other' });
        await empty.force('other', 'closed', at + 2);
        expect((await empty.recall({ ...known, host: 'other' }, at + 3)).changed).toBe(false);
        expect((await empty.read(['other']))[0]?.state).toBe('closed');
      });

      test('of many who ask at once only the trials are let through, and one tells of the change', async () => {
        const { breakers } = await open();
        const now = 1_790_000_000_000;
        const reports = Array.from({ length: 12 }, () => breakers.report('h', false, FIGURES, now));
        expect((await Promise.all(reports)).filter(({ changed }) => changed)).toHaveLength(1);
        const asks = Array.from({ length: 12 }, () => breakers.allow('h', FIGURES, now + 500));
        const answers = await Promise.all(asks);
        expect(answers.filter(({ allowed }) => allowed)).toHaveLength(FIGURES.halfOpenMaxCalls);
        expect(answers.filter(({ changed }) => changed)).toHaveLength(1);
      });
    });
  });
}
