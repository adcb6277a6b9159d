import { expect, test } from 'bun:test';
import { binance } from '../../exchanges/binance.ts';
import { bitfinex } from '../../exchanges/bitfinex.ts';
import { coinbase } from '../../exchanges/coinbase.ts';
import { huobi } from '../../exchanges/huobi.ts';
import { kraken } from '../../exchanges/kraken.ts';
import type { Event, Exchange } from '../../src/core/exchange.ts';
import type { Market } from '../../src/core/market/market.ts';
import { Markets } from '../../src/core/market/markets.ts';

function open(exchange: Exchange, ...symbols: string[]) {
  const markets = new Markets(exchange.markets.split);
  const session = exchange.session('trade', markets);
  session.open();
  const read = (frame: object): Event[] => {
    const events: Event[] = [];
    session.read(JSON.stringify(frame), 1_790_134_800_000_000, (event) => events.push(event));
    return events;
  };
  const some = (names: readonly string[]): Market[] => names.flatMap((symbol) => markets.get(symbol) ?? []);
  const ask = (...names: string[]) => session.change(some(names), some(names), []);
  if (symbols.length > 0) ask(...symbols);
  return { ask, read };
}

test('Coinbase: words that name no product mean the oldest request without an answer, which can be halved', () => {
  const { ask, read } = open(coinbase, 'BTC-USD', 'ETH-USD');
  ask('NOPE-USD', 'SOL-USD');
  read({ type: 'subscriptions', channels: [{ name: 'matches', product_ids: ['BTC-USD', 'ETH-USD'] }] });
  const reason = 'Failed to subscribe: Invalid product ID provided';
  const words = { type: 'error', message: 'Failed to subscribe', reason: 'Invalid product ID provided' };
  expect(read(words)).toEqual([{ kind: 'refused', symbols: ['NOPE-USD', 'SOL-USD'], reason }]);
  expect(read(words)).toEqual([{ kind: 'refused', symbols: [], reason }]);
});

test('Coinbase: asked for again a product is in one request; what is said of an unsubscription is about none', () => {
  const { ask, read } = open(coinbase, 'BTC-USD');
  ask('BTC-USD');
  const words = { type: 'error', message: 'Failed to subscribe', reason: 'Invalid product ID provided' };
  expect(read({ ...words, message: 'Failed to unsubscribe' })).toMatchObject([{ symbols: [] }]);
  expect(read(words)).toMatchObject([{ symbols: ['BTC-USD'] }]);
  expect(read(words)).toMatchObject([{ symbols: [] }]);
});

test('Coinbase: of a request with one bad product, which makes it void, the others are asked for again', () => {
  const { read } = open(coinbase, 'NOPE-USD', 'SOL-USD');
  const words = { type: 'error', message: 'Failed to subscribe', reason: 'NOPE-USD is not a valid product' };
  expect(read(words)).toMatchObject([
    { kind: 'refused', symbols: ['NOPE-USD'] },
    { kind: 'resync', symbol: 'SOL-USD' },
  ]);
});

test('Kraken: the end of a maintenance is the time to ask again, the greeting of a socket is not', () => {
  const { read } = open(kraken);
  const status = (system: string) => ({ channel: 'status', type: 'update', data: [{ system }] });
  const kinds = (system: string) => read(status(system)).map(({ kind }) => kind);
  expect(kinds('online')).toEqual(['alive']);
  expect(kinds('maintenance')).toEqual(['alive']);
  expect(kinds('post_only')).toEqual(['alive']);
  expect(kinds('online')).toEqual(['reopened']);
  expect(kinds('online')).toEqual(['alive']);
  expect(read({ channel: 'status', data: [] })).toEqual([{ kind: 'alive' }]);
});

test('a socket that is full says so, which is no word about the symbol', () => {
  const limit = {
    channel: 'trades',
    symbol: 'tBTCUSD',
    event: 'error',
    msg: 'subscribe: limit',
    code: 10305,
  };
  expect(open(bitfinex, 'tBTCUSD').read(limit)).toMatchObject([{ kind: 'refused', full: true }]);
  const [unknown] = open(bitfinex, 'tBTCUSD').read({ ...limit, msg: 'symbol: invalid', code: 10300 });
  expect(unknown).not.toHaveProperty('full');
  const many = { error: { code: 4, msg: 'Too many subscriptions' }, id: 1 };
  expect(open(binance, 'BTCUSDT').read(many)).toMatchObject([{ symbols: ['BTCUSDT'], full: true }]);
  const [wrong] = open(binance, 'BTCUSDT').read({ error: { code: 2, msg: 'Invalid request' }, id: 1 });
  expect(wrong).not.toHaveProperty('full');
});

test('Huobi: of pongs that wait the latest is enough', () => {
  expect(open(huobi).read({ ping: 1_786_563_068_868 })).toEqual([
    { kind: 'send', text: '{"pong":1786563068868}', instead: 'pong' },
  ]);
});
