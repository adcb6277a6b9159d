import { describe, expect, test } from 'bun:test';
import { bitfinex } from '../../exchanges/bitfinex.ts';
import type { Event } from '../../src/core/exchange.ts';
import { ChannelIds } from '../../src/core/market/channel-ids.ts';
import { market } from '../../src/core/market/market.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { RecentIds } from '../../src/core/market/recent-ids.ts';

const btc = market('tBTCUSD', 'BTC', 'USD');
const eth = market('tETHUSD', 'ETH', 'USD');

describe('channel ids', () => {
  test('an id that comes back for another symbol leaves the first without one', () => {
    const ids = new ChannelIds();
    ids.bind(5, btc);
    ids.bind(5, eth);
    expect(ids.market(5)).toBe(eth);
    expect(ids.drop('tBTCUSD')).toBeUndefined();
    expect(ids.drop('tETHUSD')).toBe(5);
  });

  test('a channel sends until it has ended, also after it was dropped', () => {
    const ids = new ChannelIds();
    ids.bind(5, btc);
    expect(ids.drop('tBTCUSD')).toBe(5);
    expect(ids.market(5)).toBe(btc);
    expect(ids.end(5)).toBeUndefined();
    expect(ids.market(5)).toBeUndefined();
  });

  test('the end of a channel that goes on names its symbol, that of a replaced one does not', () => {
    const ids = new ChannelIds();
    ids.bind(5, btc);
    ids.bind(6, btc);
    expect(ids.end(5)).toBeUndefined();
    expect(ids.symbols()).toEqual(['tBTCUSD']);
    expect(ids.end(6)).toBe('tBTCUSD');
    expect(ids.symbols()).toEqual([]);
  });

  test('a symbol dropped before its ack is not bound by it, unless it is wanted again', () => {
    const ids = new ChannelIds();
    ids.want(btc);
    expect(ids.drop('tBTCUSD')).toBeUndefined();
    expect(ids.bind(5, btc)).toBe(false);
    ids.want(btc);
    ids.drop('tBTCUSD');
    ids.want(btc);
    expect(ids.bind(6, btc)).toBe(true);
  });
});

test('recent ids are known for at least as long as promised, and not for ever', () => {
  const ids = new RecentIds(3);
  for (let id = 1; id <= 7; id++) ids.add(id);
  expect([1, 3, 4, 5, 6, 7].map((id) => ids.has(id))).toEqual([false, false, true, true, true, true]);
});

describe('a Bitfinex socket', () => {
  const open = (recorded = false) => {
    const session = bitfinex.session('trade', new Markets(bitfinex.markets.split), { recorded });
    const read = (frame: object) => {
      const events: Event[] = [];
      session.read(JSON.stringify(frame), 1, (event) => events.push(event));
      return events;
    };
    return { session, read };
  };
  const subscribed = { event: 'subscribed', channel: 'trades', chanId: 9, symbol: 'tBTCUSD' };

  test('sends the flags first, then one symbol a frame', () => {
    const { session } = open();
    expect(session.open()).toEqual(['{"event":"conf","flags":98304}']);
    expect(session.change([btc], [btc], [])).toEqual([
      '{"event":"subscribe","channel":"trades","symbol":"tBTCUSD"}',
    ]);
  });

  test('unsubscribes by channel id, and what was dropped before its ack when that comes', () => {
    const { session, read } = open();
    session.change([btc], [btc], []);
    expect(session.change([], [], [btc])).toEqual([]);
    const text = '{"event":"unsubscribe","chanId":9}';
    expect(read(subscribed)).toEqual([{ kind: 'send', text }]);
    session.change([btc], [btc], []);
    expect(read(subscribed)).toEqual([{ kind: 'ack', symbols: ['tBTCUSD'] }]);
    expect(session.change([], [], [btc])).toEqual([text]);
    expect(read({ event: 'unsubscribed', status: 'OK', chanId: 9 })).toEqual([{ kind: 'alive' }]);
  });

  test('subscribing again closes the old channel before it opens the new one', () => {
    const { session, read } = open();
    session.change([btc], [btc], []);
    read(subscribed);
    expect(session.change([btc], [btc], [btc])).toEqual([
      '{"event":"unsubscribe","chanId":9}',
      '{"event":"subscribe","channel":"trades","symbol":"tBTCUSD"}',
    ]);
    expect(read({ event: 'unsubscribed', status: 'OK', chanId: 9 })).toEqual([{ kind: 'alive' }]);
    expect(read({ ...subscribed, chanId: 10 })).toEqual([{ kind: 'ack', symbols: ['tBTCUSD'] }]);
  });

  test('guesses no symbol for a channel without an ack, whatever came before; a recording may', () => {
    const trade = [9, 'te', [1, 1_790_000_000_000, 0.5, 100]];
    const conf = { event: 'conf', status: 'OK', flags: 98_304 };
    const info = { event: 'info', version: 2 };
    for (const before of [[], [conf], [info], [info, conf], [trade]]) {
      const { session, read } = open();
      session.open();
      session.change([btc], [btc], []);
      for (const frame of before) read(frame);
      expect(read(trade)).toEqual([{ kind: 'alive' }]);
    }
    const { session, read } = open(true);
    session.change([btc], [btc], []);
    expect(read(trade)).toMatchObject([{ kind: 'trade', market: { symbol: 'tBTCUSD' } }]);
  });
});
