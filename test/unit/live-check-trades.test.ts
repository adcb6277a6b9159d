import { describe, expect, test } from 'bun:test';
import { idBreaks, matchTrades, sameTime } from '../../src/core/live-check/trade-match.ts';
import { TradeWatch } from '../../src/core/live-check/trade-watch.ts';
import { market } from '../../src/core/market/market.ts';
import type { Side, StreamType, Trade } from '../../src/core/market/rows.ts';

const BTC = market('BTC', 'BTC', 'KRW');
const AT = 1_790_000_000_000_000;
const MS = 1000;
const S = 1_000_000;

interface Some {
  readonly at?: number;
  readonly price?: number;
  readonly volume?: number;
  readonly side?: Side;
  readonly fills?: number;
  readonly stream_type?: StreamType;
}

/** Trade n happened n ms after AT unless told, and arrived a ms later. */
function trade(id: number | string, { at = Number(id) * MS, ...more }: Some = {}): Trade {
  const { price = 100 + (Number(id) % 7), volume = 1 + (Number(id) % 3) } = more;
  return {
    ...{ kind: 'trade', market: BTC, timestamp: AT + at, received_at: AT + at + MS, stream_type: 'REALTIME' },
    ...{ trade_id: String(id), fills: 1, side: 'BUY', price, volume, amount: price * volume },
    ...more,
  };
}

const many = (from: number, to: number): Trade[] =>
  Array.from({ length: to - from + 1 }, (_, nth) => trade(from + nth));
const ids = (trades: readonly Trade[]): string[] => trades.map(({ trade_id }) => trade_id);
const BY_IDS = { tradeIds: 'consecutive', otherIds: false } as const;
const BY_TIME = { tradeIds: 'unordered', otherIds: false } as const;
const BY_VALUE = { tradeIds: 'unordered', otherIds: true } as const;

describe('trades of the socket against a list of REST', () => {
  test('the same where id, time, price, volume and side are, whatever the order of the list', () => {
    const { same, ...rest } = matchTrades(many(10, 20), many(5, 25).reverse(), BY_IDS);
    expect(ids(same)).toEqual(ids(many(10, 20)));
    expect(rest.different).toEqual([]);
    expect(rest.absent).toEqual([]);
    expect(rest.unseen).toEqual([]);
    expect(ids(rest.extra)).toEqual(ids([...many(5, 9), ...many(21, 25)]));
  });

  test('each field that differs is named', () => {
    const live = many(1, 6);
    const listed = [
      trade(1, { side: 'SELL' }),
      trade(2, { price: 1 }),
      trade(3, { volume: 9 }),
      trade(4, { at: 999 * MS }),
      trade(5, { volume: trade(5).volume * (1 + 1e-12) }),
      trade(6),
    ];
    const { different, same } = matchTrades(live, listed, BY_IDS);
    expect(different.map(({ fields }) => fields)).toEqual([['side'], ['price'], ['volume'], ['time']]);
    expect(ids(same)).toEqual(['5', '6']);
  });

  test('what REST lacks between two that it has is absent, behind the newest it is not seen yet', () => {
    const match = matchTrades(many(10, 20), [...many(8, 12), ...many(14, 17)], BY_IDS);
    expect(ids(match.absent)).toEqual(['13']);
    expect(ids(match.unseen)).toEqual(['18', '19', '20']);
    // The list does not reach back that far.
    const short = matchTrades(many(10, 20), many(15, 25), BY_IDS);
    expect(ids(short.absent)).toEqual([]);
    expect(ids(short.same)).toEqual(ids(many(15, 20)));
  });

  test('ids longer than a double go by their digits', () => {
    const [a, b, c] = ['17883351803770003', '17883351803770004', '17883351803770005'];
    const live = [a, b, c].map((id) => trade(id, { at: 1, price: 1, volume: 1 }));
    const match = matchTrades(live, [live[0] as Trade, live[2] as Trade], {
      tradeIds: 'increasing',
      otherIds: false,
    });
    expect(ids(match.absent)).toEqual([b]);
  });

  test('without an order of ids, times tell what lies between', () => {
    const match = matchTrades(many(10, 20), [...many(8, 12), ...many(14, 17)], BY_TIME);
    expect(ids(match.absent)).toEqual(['13']);
    expect(ids(match.unseen)).toEqual(['18', '19', '20']);
  });

  test('rows of merged fills are held against the sum of theirs', () => {
    const price = 5;
    const fills = [1, 2, 3, 4, 5].map((id) => trade(id, { at: id, price, volume: id }));
    const live = [
      trade(3, { at: 3, price, volume: 6, fills: 3 }),
      trade(5, { at: 5, price, volume: 8, fills: 2 }),
    ];
    const match = matchTrades(live, fills, BY_IDS);
    expect(ids(match.same)).toEqual(['3']);
    expect(match.different.map(({ rest, fields }) => [rest.volume, fields])).toEqual([[9, ['volume']]]);
    expect(match.extra).toEqual([]);
  });

  test('where ids are not the same, equal trades are counted, not merely found', () => {
    const twin = (id: string): Trade => trade(id, { at: 7 * MS, price: 1, volume: 1 });
    const match = matchTrades([twin('1'), twin('2')], [twin('901'), twin('902'), twin('903')], BY_VALUE);
    expect(match.same.length).toBe(2);
    expect(match.extra.length).toBe(1);
    const other = matchTrades([twin('1')], [{ ...twin('901'), side: 'SELL' }], BY_VALUE);
    expect(other.different.map(({ fields }) => fields)).toEqual([['side']]);
  });

  test('milliseconds are held against microseconds as milliseconds; a cut digit is no difference', () => {
    expect(sameTime(1_000_999, 1_000_000)).toBe(true);
    expect(sameTime(1_001_000, 1_000_000)).toBe(false);
    expect(sameTime(1_000_123, 1_000_124)).toBe(true);
    expect(sameTime(1_000_123, 1_000_125)).toBe(false);
  });
});

test('ids that do not go on one by one are told, fills counted', () => {
  expect(idBreaks([...many(1, 5), trade(8, { fills: 3 }), trade(10), trade(10)])).toEqual([
    { before: trade(8, { fills: 3 }), after: trade(10) },
    { before: trade(10), after: trade(10) },
  ]);
});

describe('a code over a while', () => {
  const watchOf = (live: readonly Trade[], rules: typeof BY_IDS | typeof BY_TIME = BY_IDS): TradeWatch => {
    const watch = new TradeWatch(rules);
    for (const one of live) watch.take(one);
    return watch;
  };

  test('the delay: the youngest trade that was seen, the oldest that was not', () => {
    const watch = watchOf(many(1000, 3000));
    watch.listed(many(1000, 2000), true, AT + 3 * S);
    const { visible, same } = watch.verdict([]);
    expect(same).toBe(1001);
    expect(visible).toEqual({ seen: 1, unseen: 1 });
    expect(watch.unseen).toBe(1000);
  });

  test('a trade that REST shows later is neither absent nor unseen', () => {
    const watch = watchOf(many(1, 10));
    watch.listed([...many(1, 4), ...many(6, 8)], true, AT + S);
    expect(ids(watch.verdict([]).absent)).toEqual(['5', '9', '10']);
    watch.listed(many(1, 10), true, AT + 2 * S);
    expect(watch.verdict([]).absent).toEqual([]);
  });

  test('what only REST has is told where it lies between two that came, and not in a cut', () => {
    const live = [...many(3000, 5000), ...many(5002, 7000)];
    const listed = many(1000, 9000);
    for (const rules of [BY_IDS, BY_TIME]) {
      const watch = watchOf(live, rules);
      watch.listed(listed, true, AT + 10 * S);
      expect(ids(watch.verdict([]).extra)).toEqual(['5001']);
      const cut = [{ from: AT + 4900 * MS, to: AT + 5100 * MS }];
      expect(watch.verdict(cut).extra).toEqual([]);
      expect(watch.verdict(cut).breaks).toEqual([]);
    }
    expect(watchOf(live).verdict([]).breaks.length).toBe(1);
  });

  test('a trade that came after REST had shown it is not missing', () => {
    const watch = watchOf([...many(3000, 5000)]);
    watch.listed(many(1000, 6000), true, AT + 6 * S);
    for (const one of many(5001, 9000)) watch.take(one);
    expect(watch.verdict([]).extra).toEqual([]);
  });

  test('what the exchange sent upon subscription is known, and no begin', () => {
    const watch = watchOf([trade(1, { stream_type: 'SNAPSHOT' }), ...many(3000, 5000)]);
    expect(watch.first?.trade_id).toBe('3000');
    watch.listed(many(1, 5000), true, AT + 10 * S);
    expect(watch.verdict([]).extra).toEqual([]);
    expect(watch.verdict([]).breaks).toEqual([]);
  });

  test('a list that does not go on to the newest says nothing of what is behind it', () => {
    const watch = watchOf(many(1, 10));
    watch.listed(many(1, 5), false, AT + S);
    expect(watch.verdict([]).absent).toEqual([]);
    expect(watch.verdict([]).visible.unseen).toBeNull();
  });
});
