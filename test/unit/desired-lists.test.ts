import { describe, expect, test } from 'bun:test';
import { apply } from '../../src/core/desired/apply.ts';
import { reselect } from '../../src/core/desired/reselect.ts';
import { assignShards } from '../../src/core/desired/shards.ts';
import { after, command, context, korean, LISTED, nothing, rules } from './desired-parts.ts';

describe('shards', () => {
  test('exactly those move that leave or join; freed places are taken first', () => {
    const before = assignShards([], LISTED, 4);
    expect(before.map((shard) => shard.length)).toEqual([4, 4, 2]);
    const wanted = [
      ...LISTED.filter((symbol) => symbol !== 'KRW-ETH' && symbol !== 'KRW-DOT'),
      'KRW-A',
      'KRW-B',
      'KRW-C',
    ];
    const next = assignShards(before, wanted, 4);
    expect(next[0]).toEqual(['KRW-BTC', 'KRW-XRP', 'KRW-SOL', 'KRW-A']);
    expect(next[1]).toEqual(['KRW-ADA', 'KRW-TRX', 'KRW-XLM', 'KRW-B']);
    expect(next[2]).toEqual(['KRW-ETC', 'KRW-NEO', 'KRW-C']);
  });

  test('what joins opens no socket while an open one has room', () => {
    expect(assignShards([[], ['d']], ['d', 'e'], 2)).toEqual([[], ['d', 'e']]);
    expect(assignShards([[], ['d'], ['f', 'g']], ['d', 'f', 'g', 'h', 'i', 'j', 'k'], 2)).toEqual([
      ['i', 'j'],
      ['d', 'h'],
      ['f', 'g'],
      ['k'],
    ]);
  });

  test('an empty shard in the middle keeps the numbers of those behind it; smaller sockets spread', () => {
    expect(assignShards([['a'], ['b'], ['c']], ['a', 'c'], 1)).toEqual([['a'], [], ['c']]);
    expect(assignShards([['a'], ['b'], ['c']], ['a'], 1)).toEqual([['a']]);
    expect(assignShards([['a', 'b', 'c']], ['a', 'b', 'c'], 1)).toEqual([['a'], ['b'], ['c']]);
  });
});

describe('a fresh market list', () => {
  test('what the list has dropped stays while it is to, and what only the configuration brought is known as that', () => {
    const all = after(command('connect_and_subscribe', ['*']));
    const less = korean(LISTED.slice(2));
    const next = reselect(all, less, rules(), (symbol) => symbol === 'KRW-BTC');
    expect(next).toMatchObject({ left: ['KRW-ETH'], kept: ['KRW-BTC'] });
    expect(next.desired.codes).toContain('KRW-BTC');
    const without = apply(all, command('unsubscribe', ['BTC']), context).desired;
    expect(reselect(without, less, rules(), () => true).desired.codes).not.toContain('KRW-BTC');
  });

  test('listings join and leave the selector; exceptions and what is asked by name stay', () => {
    const all = apply(
      after(command('connect_and_subscribe', ['*'])),
      command('unsubscribe', ['XRP']),
      context,
    ).desired;
    const next = reselect(all, korean([...LISTED.slice(1), 'KRW-NEW']), rules());
    expect(next.joined).toEqual(['KRW-NEW']);
    expect(next.left).toEqual(['KRW-BTC']);
    expect(next.desired.version).toBe(all.version + 1);
    expect(reselect(next.desired, korean([...LISTED.slice(1), 'KRW-NEW']), rules()).desired).toBe(
      next.desired,
    );
    const named = after(command('connect_and_subscribe', ['KRW-BTC']));
    expect(reselect(named, korean(['KRW-ETH']), rules()).desired).toBe(named);
    expect(reselect(all, korean([]), rules()).desired).toBe(all);
  });

  test('no more than the limits allow, those that run first', () => {
    const some = apply(nothing, command('connect_and_subscribe', ['*']), {
      ...context,
      markets: korean(LISTED.slice(0, 5)),
    }).desired;
    const next = reselect(some, korean(LISTED.toReversed()), rules({ sockets: 2 }));
    expect(next.desired.codes.slice(0, 5)).toEqual(LISTED.slice(0, 5));
    expect(next.desired.codes).toHaveLength(6);
    expect(next.omitted).toHaveLength(4);
  });
});
