import { expect, test } from 'bun:test';
import { Markets } from '../../../src/core/market/markets.ts';
import { subjectOf } from '../fixtures.ts';

interface Conversation {
  readonly endpoint: string;
  /** What the client owes: a protocol ping, a text, or nothing. */
  readonly beat?: string;
  /** Of a trade subscription: sent after the socket opened. */
  readonly opening?: readonly string[];
  readonly two: readonly [string, string];
  /** Sent for both. */
  readonly add: readonly string[];
  /** What the exchange answers, where the first of them cannot be dropped without. */
  readonly answer?: string;
  /** Sent to drop the first. */
  readonly drop: readonly string[];
}

/** Requests as the exchanges document them, letter by letter. */
const SAID: Readonly<Record<string, Conversation>> = {
  upbit: {
    endpoint: 'wss://api.upbit.com/websocket/v1',
    beat: 'ping',
    two: ['KRW-BTC', 'BTC-ETH'],
    add: ['[{"ticket":"kcs-trade"},{"type":"trade","codes":["KRW-BTC","BTC-ETH"]},{"format":"DEFAULT"}]'],
    drop: ['[{"ticket":"kcs-trade"},{"type":"trade","codes":["BTC-ETH"]},{"format":"DEFAULT"}]'],
  },
  bithumb: {
    endpoint: 'wss://ws-api.bithumb.com/websocket/v1',
    beat: 'ping',
    two: ['KRW-BTC', 'KRW-1INCH'],
    add: ['[{"ticket":"kcs-trade"},{"type":"trade","codes":["KRW-BTC","KRW-1INCH"]},{"format":"DEFAULT"}]'],
    drop: ['[{"ticket":"kcs-trade"},{"type":"trade","codes":["KRW-1INCH"]},{"format":"DEFAULT"}]'],
  },
  coinone: {
    endpoint: 'wss://stream.coinone.co.kr',
    beat: '{"request_type":"PING"}',
    two: ['KRW-BTC', 'KRW-1INCH'],
    add: [
      '{"request_type":"SUBSCRIBE","channel":"TRADE","topic":{"quote_currency":"KRW","target_currency":"BTC"}}',
      '{"request_type":"SUBSCRIBE","channel":"TRADE","topic":{"quote_currency":"KRW","target_currency":"1INCH"}}',
    ],
    drop: [
      '{"request_type":"UNSUBSCRIBE","channel":"TRADE","topic":{"quote_currency":"KRW","target_currency":"BTC"}}',
    ],
  },
  korbit: {
    endpoint: 'wss://ws-api.korbit.co.kr/v2/public',
    two: ['btc_krw', 'eth_krw'],
    add: ['[{"requestId":1,"method":"subscribe","type":"trade","symbols":["btc_krw","eth_krw"]}]'],
    drop: ['[{"method":"unsubscribe","type":"trade","symbols":["btc_krw"]}]'],
  },
  binance: {
    endpoint: 'wss://stream.binance.com:9443/stream',
    two: ['BTCUSDT', 'ETHBTC'],
    add: ['{"method":"SUBSCRIBE","params":["btcusdt@trade","ethbtc@trade"],"id":1}'],
    drop: ['{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":2}'],
  },
  bybit: {
    endpoint: 'wss://stream.bybit.com/v5/public/spot',
    beat: '{"op":"ping"}',
    two: ['BTCUSDT', 'ETHBTC'],
    add: ['{"op":"subscribe","req_id":"1","args":["publicTrade.BTCUSDT","publicTrade.ETHBTC"]}'],
    drop: ['{"op":"unsubscribe","req_id":"2","args":["publicTrade.BTCUSDT"]}'],
  },
  okx: {
    endpoint: 'wss://ws.okx.com/ws/v5/public',
    beat: 'ping',
    two: ['BTC-USDT', 'ETH-BTC'],
    add: [
      '{"id":"1","op":"subscribe","args":[{"channel":"trades","instId":"BTC-USDT"},{"channel":"trades","instId":"ETH-BTC"}]}',
    ],
    drop: ['{"id":"2","op":"unsubscribe","args":[{"channel":"trades","instId":"BTC-USDT"}]}'],
  },
  huobi: {
    endpoint: 'wss://api.huobi.pro/ws',
    two: ['btcusdt', 'ethbtc'],
    add: ['{"sub":"market.btcusdt.trade.detail","id":"1"}', '{"sub":"market.ethbtc.trade.detail","id":"2"}'],
    drop: ['{"unsub":"market.btcusdt.trade.detail","id":"3"}'],
  },
  coinbase: {
    endpoint: 'wss://ws-feed.exchange.coinbase.com',
    two: ['BTC-USD', 'ETH-USD'],
    add: ['{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channels":["matches","heartbeat"]}'],
    drop: ['{"type":"unsubscribe","product_ids":["BTC-USD"],"channels":["matches","heartbeat"]}'],
  },
  kraken: {
    endpoint: 'wss://ws.kraken.com/v2',
    beat: '{"method":"ping"}',
    two: ['BTC/USD', 'AAPLx/USD'],
    add: [
      '{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD","AAPLx/USD"],"snapshot":true},"req_id":1}',
    ],
    drop: ['{"method":"unsubscribe","params":{"channel":"trade","symbol":["BTC/USD"]},"req_id":2}'],
  },
  bitfinex: {
    endpoint: 'wss://api-pub.bitfinex.com/ws/2',
    opening: ['{"event":"conf","flags":98304}'],
    two: ['tBTCUSD', 'tDUSK:USD'],
    add: [
      '{"event":"subscribe","channel":"trades","symbol":"tBTCUSD"}',
      '{"event":"subscribe","channel":"trades","symbol":"tDUSK:USD"}',
    ],
    answer: '{"event":"subscribed","channel":"trades","chanId":204928,"symbol":"tBTCUSD","pair":"BTCUSD"}',
    drop: ['{"event":"unsubscribe","chanId":204928}'],
  },
};

test.each(Object.entries(SAID))('%s: what is said to it', (id, said) => {
  const {
    endpoint,
    heartbeat,
    markets: { split },
    session: open,
  } = subjectOf(id).exchange;
  const markets = new Markets(split);
  const both = said.two.flatMap((symbol) => markets.get(symbol) ?? []);
  const [first, second] = both;
  if (!first || !second) throw new Error(`${said.two} are no symbols`);
  const session = open('trade', markets);
  const { send } = heartbeat;
  expect({
    endpoint: endpoint('trade'),
    beat: typeof send === 'object' ? send.text : send,
    opening: session.open(),
    add: session.change(both, both, []),
  }).toEqual({
    endpoint: said.endpoint,
    beat: said.beat,
    opening: [...(said.opening ?? [])],
    add: [...said.add],
  });
  if (said.answer) session.read(said.answer, 1, () => {});
  expect(session.change([second], [], [first])).toEqual([...said.drop]);
});
