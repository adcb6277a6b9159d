import { bitfinexSum, type Change, fixed, krakenSum, type Market, type Pair } from './market.ts';

/** How an exchange says a book and its changes, written from its documents and not from its plug-in. */
export interface Wire {
  readonly id: string;
  readonly symbol: string;
  /** Levels a side that it keeps. */
  readonly most?: number;
  readonly firstSequence: number;
  /** Levels of a change. */
  readonly levels?: number;
  step(pick: (most: number) => number): number;
  /** Frames of a new socket, and of each subscription before its book. */
  readonly opening?: readonly string[];
  readonly subscribed?: string;
  whole(market: Market, ms: number): string;
  change(change: Change, market: Market, ms: number): string;
  /** A frame that proves the book. */
  proof?(market: Market): string;
  /** Frames that number all that the socket brings get theirs when they are sent. */
  numbered?(frame: string, nth: number): string;
  /** What may be found out: a lost frame at once, one that came twice or in the wrong order. */
  readonly finds: 'links' | 'sums' | 'counts' | 'nothing';
  /** Where the numbers are set back with a book, or with a change that follows. */
  readonly setsBack?: 'book' | 'change';
}

const texts = (pairs: readonly Pair[]) => pairs.map(([price, size]) => [String(price), String(size)]);
const one = () => 1;
const some = (pick: (most: number) => number) => 1 + pick(5);
const ISO = (ms: number) => new Date(ms).toISOString().replace('Z', '000Z');

export const WIRES: readonly Wire[] = [
  {
    id: 'binance',
    symbol: 'BTCUSDT',
    firstSequence: 499_869_752,
    step: some,
    finds: 'links',
    whole: (market) =>
      JSON.stringify({
        rest: 'BTCUSDT',
        data: {
          lastUpdateId: market.sequence,
          bids: texts(market.side('bids')),
          asks: texts(market.side('asks')),
        },
      }),
    change: ({ bids, asks, sequence, follows }, _, ms) =>
      JSON.stringify({
        stream: 'btcusdt@depth@100ms',
        data: {
          e: 'depthUpdate',
          E: ms,
          s: 'BTCUSDT',
          U: follows + 1,
          u: sequence,
          b: texts(bids),
          a: texts(asks),
        },
      }),
  },
  {
    id: 'bybit',
    symbol: 'BTCUSDT',
    firstSequence: 18_521_288,
    step: one,
    finds: 'links',
    setsBack: 'book',
    whole: (market, ms) => bybit('snapshot', market.side('bids'), market.side('asks'), market.sequence, ms),
    change: ({ bids, asks, sequence }, _, ms) => bybit('delta', bids, asks, sequence, ms),
  },
  {
    id: 'okx',
    symbol: 'BTC-USDT',
    firstSequence: 344_430_848_984,
    step: some,
    finds: 'links',
    setsBack: 'change',
    whole: (market, ms) => okx('snapshot', market.side('bids'), market.side('asks'), market.sequence, -1, ms),
    change: ({ bids, asks, sequence, follows }, _, ms) => okx('update', bids, asks, sequence, follows, ms),
  },
  {
    id: 'huobi',
    symbol: 'btcusdt',
    firstSequence: 100_772_868_476,
    step: some,
    finds: 'links',
    whole: (market, ms) =>
      JSON.stringify({
        id: '6',
        rep: 'market.btcusdt.mbp.150',
        status: 'ok',
        ts: ms,
        data: { seqNum: market.sequence, bids: market.side('bids'), asks: market.side('asks') },
      }),
    change: ({ bids, asks, sequence, follows }, _, ms) =>
      JSON.stringify({
        ch: 'market.btcusdt.mbp.150',
        ts: ms,
        tick: { seqNum: sequence, prevSeqNum: follows, bids, asks },
      }),
  },
  {
    id: 'kraken',
    symbol: 'BTC/USD',
    most: 10,
    firstSequence: 0,
    step: one,
    finds: 'sums',
    subscribed:
      '{"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC/USD"},"success":true}',
    whole: (market, ms) => kraken('snapshot', market.side('bids', 10), market.side('asks', 10), market, ms),
    change: ({ bids, asks }, market, ms) => kraken('update', bids, asks, market, ms),
  },
  {
    id: 'bitfinex',
    symbol: 'tBTCUSD',
    firstSequence: 0,
    step: one,
    finds: 'counts',
    opening: ['{"event":"conf","status":"OK","flags":229376}'],
    subscribed: '{"event":"subscribed","channel":"book","chanId":7,"symbol":"tBTCUSD","pair":"BTCUSD"}',
    whole: (market) =>
      JSON.stringify([7, [...market.side('bids').map(bid), ...market.side('asks').map(ask)]]),
    levels: 1,
    change: ({ bids, asks }) => JSON.stringify([7, [...bids.map(bid), ...asks.map(ask)][0]]),
    proof: (market) => JSON.stringify([7, 'cs', bitfinexSum(market)]),
    numbered: (frame, nth) => JSON.stringify([...JSON.parse(frame), nth, 1_790_134_414_850 + nth]),
  },
  {
    id: 'coinbase',
    symbol: 'BTC-USD',
    firstSequence: 0,
    step: one,
    finds: 'nothing',
    whole: (market) =>
      JSON.stringify({
        type: 'snapshot',
        product_id: 'BTC-USD',
        asks: texts(market.side('asks')),
        bids: texts(market.side('bids')),
      }),
    change: ({ bids, asks }, _, ms) =>
      JSON.stringify({
        type: 'l2update',
        product_id: 'BTC-USD',
        changes: [
          ...texts(bids).map((level) => ['buy', ...level]),
          ...texts(asks).map((level) => ['sell', ...level]),
        ],
        time: ISO(ms),
      }),
  },
];

function bybit(type: string, bids: readonly Pair[], asks: readonly Pair[], u: number, ms: number): string {
  const data = { s: 'BTCUSDT', b: texts(bids), a: texts(asks), u, seq: 7_961_638_724 };
  return JSON.stringify({ topic: 'orderbook.200.BTCUSDT', ts: ms, type, data, cts: ms });
}

function okx(
  action: string,
  bids: readonly Pair[],
  asks: readonly Pair[],
  seqId: number,
  prevSeqId: number,
  ms: number,
): string {
  const levels = (pairs: readonly Pair[]) => texts(pairs).map((level) => [...level, '0', '1']);
  const row = { asks: levels(asks), bids: levels(bids), ts: String(ms), checksum: 0, prevSeqId, seqId };
  return JSON.stringify({ arg: { channel: 'books', instId: 'BTC-USDT' }, action, data: [row] });
}

function kraken(
  type: string,
  bids: readonly Pair[],
  asks: readonly Pair[],
  market: Market,
  ms: number,
): string {
  const level = ([price, size]: Pair) => `{"price":${fixed(price, 1)},"qty":${fixed(size, 8)}}`;
  const side = (pairs: readonly Pair[]) => `[${pairs.map(level).join(',')}]`;
  return (
    `{"channel":"book","type":"${type}","data":[{"symbol":"BTC/USD","bids":${side(bids)},"asks":${side(asks)},` +
    `"checksum":${krakenSum(market)},"timestamp":"${ISO(ms)}"}]}`
  );
}

function bid([price, size]: Pair): number[] {
  return size === 0 ? [price, 0, 1] : [price, 1, size];
}

function ask([price, size]: Pair): number[] {
  return size === 0 ? [price, 0, -1] : [price, 1, -size];
}
