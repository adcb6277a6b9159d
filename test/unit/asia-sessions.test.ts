import { describe, expect, test } from 'bun:test';
import { binance } from '../../exchanges/binance.ts';
import { bybit } from '../../exchanges/bybit.ts';
import { huobi } from '../../exchanges/huobi.ts';
import { okx } from '../../exchanges/okx.ts';
import type { Event, Exchange, Session } from '../../src/core/exchange.ts';
import type { Market } from '../../src/core/market/market.ts';
import { Markets } from '../../src/core/market/markets.ts';

/** What fixtures cannot show: requests over several frames of one socket. */
function talk(exchange: Exchange, type: 'ticker' | 'trade') {
  const markets = new Markets((symbol) => exchange.markets.split(symbol));
  const session: Session = exchange.session(type, markets);
  const of = (symbols: string[]): Market[] => symbols.flatMap((symbol) => markets.get(symbol) ?? []);
  return {
    change: (add: string[], drop: string[] = []) => session.change(of(add), of(add), of(drop)),
    read(frame: unknown): Event[] {
      const events: Event[] = [];
      session.read(JSON.stringify(frame), 1_800_000_000_000_000, (event) => events.push(event));
      return events;
    },
  };
}

describe('Binance', () => {
  test('names streams in lower case and numbers its requests', () => {
    const { change } = talk(binance, 'trade');
    expect(change(['BTCUSDT', 'ETHBTC'])).toEqual([
      '{"method":"SUBSCRIBE","params":["btcusdt@trade","ethbtc@trade"],"id":1}',
    ]);
    expect(change(['BNBBTC'], ['BTCUSDT'])).toEqual([
      '{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":2}',
      '{"method":"SUBSCRIBE","params":["bnbbtc@trade"],"id":3}',
    ]);
  });

  test('answers come in any order; each settles the symbols of its own request', () => {
    const { change, read } = talk(binance, 'ticker');
    change(['BTCUSDT']);
    change(['ETHUSDT'], ['BTCUSDT']);
    expect(read({ result: null, id: 3 })).toEqual([{ kind: 'ack', symbols: ['ETHUSDT'] }]);
    expect(read({ result: null, id: 2 })).toEqual([{ kind: 'alive' }]);
    expect(read({ error: { code: 4, msg: 'Too many subscriptions' }, id: 1 })).toEqual([
      { kind: 'refused', symbols: ['BTCUSDT'], reason: '4: Too many subscriptions', full: true },
    ]);
  });

  test('too many messages are the way to a ban, other ends with 1008 are not', () => {
    expect(binance.ban?.(1008, 'Too many requests')).toEqual({ forMs: 120_000, reason: 'Too many requests' });
    expect(binance.ban?.(1008, 'disconnected')).toBeNull();
    expect(binance.ban?.(1001, 'Too many requests')).toBeNull();
  });
});

describe('Bybit', () => {
  const ok = (id: string) => ({ success: true, ret_msg: 'subscribe', req_id: id, op: 'subscribe' });
  const no = (id: string, why: string) => ({ success: false, ret_msg: why, req_id: id, op: 'subscribe' });
  const asked = (id: string, symbol: string) =>
    ({
      kind: 'send',
      text: `{"op":"subscribe","req_id":"${id}","args":["publicTrade.${symbol}"]}`,
    }) as const;

  test('a refused request is asked for again, one topic after the answer to the other, until all are settled', () => {
    const { change, read } = talk(bybit, 'trade');
    change(['BTCUSDT', 'ETHUSDT', 'XRPUSDT', 'SOLUSDT']);
    const why = 'error:handler not found,topic:publicTrade.ETHUSDT';
    expect(read(no('1', why))).toEqual([
      { kind: 'refused', symbols: ['ETHUSDT'], reason: why },
      asked('2', 'BTCUSDT'),
    ]);
    expect(read(ok('2'))).toEqual([{ kind: 'ack', symbols: ['BTCUSDT'] }, asked('3', 'XRPUSDT')]);
    expect(read(no('3', 'error:system'))).toEqual([
      { kind: 'refused', symbols: ['XRPUSDT'], reason: 'error:system' },
      asked('4', 'SOLUSDT'),
    ]);
    expect(read(no('4', 'error:already subscribed,topic:publicTrade.SOLUSDT'))).toEqual([
      { kind: 'ack', symbols: ['SOLUSDT'] },
    ]);
    expect(read(ok('4'))).toEqual([{ kind: 'alive' }]);
  });

  test('what was dropped meanwhile is not asked for again', () => {
    const { change, read } = talk(bybit, 'trade');
    change(['BTCUSDT', 'ETHUSDT']);
    expect(read(no('1', 'error:system'))).toEqual([asked('2', 'BTCUSDT')]);
    expect(change([], ['ETHUSDT'])).toEqual([
      '{"op":"unsubscribe","req_id":"3","args":["publicTrade.ETHUSDT"]}',
    ]);
    expect(read(ok('2'))).toEqual([{ kind: 'ack', symbols: ['BTCUSDT'] }]);
  });

  test('answers to other requests do not hurry what is asked for again', () => {
    const { change, read } = talk(bybit, 'trade');
    change(['BTCUSDT', 'ETHUSDT']);
    change(['XRPUSDT']);
    expect(read(no('1', 'error:system'))).toEqual([asked('3', 'BTCUSDT')]);
    expect(read(ok('2'))).toEqual([{ kind: 'ack', symbols: ['XRPUSDT'] }]);
    expect(read(ok('3'))).toEqual([{ kind: 'ack', symbols: ['BTCUSDT'] }, asked('4', 'ETHUSDT')]);
  });
});

describe('OKX', () => {
  test('a trade of merged fills stands for as many ids', () => {
    const { read } = talk(okx, 'trade');
    const fills = (count: unknown) =>
      read({
        arg: { channel: 'trades', instId: 'BTC-USDT' },
        data: [
          { instId: 'BTC-USDT', tradeId: '9', px: '1', sz: '1', side: 'buy', ts: '1791369376364', count },
        ],
      }).map((event) => (event.kind === 'trade' ? event.fills : null));
    expect(['1', '3', '250', undefined, null, '', '0', '-2', '1.5', 'x', {}].map(fills)).toEqual(
      [1, 3, 250, 1, 1, 1, 1, 1, 1, 1, 1].map((n) => [n]),
    );
  });

  test('request ids have no hyphen', () => {
    const { change } = talk(okx, 'ticker');
    const [frame = ''] = change(['BTC-USDT']);
    expect(JSON.parse(frame)).toEqual({
      id: '1',
      op: 'subscribe',
      args: [{ channel: 'tickers', instId: 'BTC-USDT' }],
    });
  });
});

describe('Huobi', () => {
  test('one topic per request', () => {
    const { change } = talk(huobi, 'trade');
    expect(change(['btcusdt', 'ethbtc'], ['htusdt'])).toEqual([
      '{"unsub":"market.htusdt.trade.detail","id":"1"}',
      '{"sub":"market.btcusdt.trade.detail","id":"2"}',
      '{"sub":"market.ethbtc.trade.detail","id":"3"}',
    ]);
  });

  test('a refused unsubscription refuses no symbol', () => {
    const { change, read } = talk(huobi, 'trade');
    change([], ['btcusdt']);
    const words = 'unsub with not subbed topic market.btcusdt.trade.detail';
    expect(read({ id: '1', status: 'error', 'err-code': 'bad-request', 'err-msg': words, ts: 1 })).toEqual([
      { kind: 'refused', symbols: [], reason: `bad-request: ${words}` },
    ]);
  });
});
