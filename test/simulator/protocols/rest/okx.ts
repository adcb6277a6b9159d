import { plain } from '../../books/text.ts';
import type { Level, Tick } from '../../protocol.ts';
import { digits, newerThan, newest, olderThan, whole } from '../../rest/pages.ts';
import type { PastTrade, RestAnswer, RestMarket, RestRequest, RestService } from '../../rest/service.ts';

const MONTH_MS = 30 * 86_400_000;

/** https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-trades-history */
export const restService: RestService = {
  limits: {
    each: [
      { count: 20, perMs: 2000, of: ({ path }) => path === '/api/v5/market/history-trades' },
      { count: 100, perMs: 2000, of: ({ path }) => path === '/api/v5/market/trades' },
      { count: 20, perMs: 2000, of: ({ path }) => path === '/api/v5/public/instruments' },
    ],
    refusal: () => ({ status: 429, body: { msg: 'Too Many Requests', code: '50011' } }),
  },
  reach: { ms: 3 * MONTH_MS },
  /** What the socket tells as one row are single fills here, of one price and time. */
  forms({ id, size }, { sizeDigits }) {
    if (BigInt(id) % 3n !== 0n) return [{ id, size }];
    // One digit more than the whole has: no part of the smallest is nothing.
    const digitsOf = sizeDigits + 1;
    const units = Math.round(size * 10 ** digitsOf);
    const first = Math.floor(units / 3);
    const sizes = [first, units - first].map((part) => part / 10 ** digitsOf);
    return sizes.map((part, nth) => ({ id: (BigInt(id) - 1n + BigInt(nth)).toString(), size: part }));
  },
  answer(request, market) {
    const { path } = request;
    if (path === '/api/v5/market/history-trades') return ofInstrument(request, market, history);
    if (path === '/api/v5/market/trades') {
      return ofInstrument(request, market, ({ query }, rows, instId) =>
        listed(newest(rows, Math.min(500, whole(query, 'limit') || 100)), instId),
      );
    }
    if (path === '/api/v5/public/time') return done([{ ts: `${market.now}` }]);
    if (path === '/api/v5/market/ticker')
      return ofInstrument(request, market, (_request, _rows, instId) => done([ticker(market.tick(instId))]));
    if (path === '/api/v5/market/books')
      return ofInstrument(request, market, ({ query }, _rows, instId) => book(query, market, instId));
    return undefined;
  },
  unknownPath: {
    status: 404,
    body: { code: '404', data: {}, detailMsg: '', error_code: '404', msg: 'Not Found' },
  },
};

function done(data: readonly object[]): RestAnswer {
  return { body: { code: '0', msg: '', data } };
}

function failed(code: string, msg: string): RestAnswer {
  return { body: { code, msg, data: [] } };
}

function ofInstrument(
  request: RestRequest,
  market: RestMarket,
  then: (request: RestRequest, rows: readonly PastTrade[], instId: string, overlap: number) => RestAnswer,
): RestAnswer {
  const instId = request.query.get('instId');
  if (!instId) return failed('50014', 'Parameter instId can not be empty.');
  if (!market.find(instId))
    return failed('51001', "Instrument ID, Instrument ID code, or Spread ID doesn't exist.");
  return then(request, market.past(instId), instId, market.overlap);
}

/** Newest first; `after` goes to older ones, `before` alone tells the newest of those that are newer. */
function history(
  { query }: RestRequest,
  rows: readonly PastTrade[],
  instId: string,
  overlap: number,
): RestAnswer {
  const type = query.get('type') ?? '1';
  const [limit, after, before] = [whole(query, 'limit'), digits(query, 'after'), digits(query, 'before')];
  if (type !== '1' && type !== '2') return failed('51000', 'Parameter type error');
  if (limit === undefined) return failed('51000', 'Parameter limit error');
  if (after === undefined) return failed('51000', 'Parameter after error');
  if (before === undefined) return failed('51000', 'Parameter before error');
  let wanted = rows;
  if (type === '1') {
    if (after !== null) wanted = olderThan(wanted, after, overlap);
    if (before !== null) wanted = newerThan(wanted, before);
  } else {
    wanted = wanted.filter(
      ({ timeMs }) =>
        (after === null || timeMs < Number(after)) && (before === null || timeMs > Number(before)),
    );
  }
  return listed(newest(wanted, Math.min(100, limit || 100)), instId);
}

function listed(rows: readonly PastTrade[], instId: string): RestAnswer {
  const data = rows.map(({ id, price, size, takerBuys, timeMs }) => ({
    instId,
    side: takerBuys ? 'buy' : 'sell',
    sz: sizeText(size),
    px: plain(price),
    source: '0',
    tradeId: id,
    ts: `${timeMs}`,
  }));
  return done(data);
}

/** A part of the smallest size has a digit more than sizes have. */
function sizeText(size: number): string {
  return size.toFixed(10).replace(/\.?0+$/, '');
}

function ticker(tick: Tick): object {
  return {
    instType: 'SPOT',
    instId: tick.listing.symbol,
    last: plain(tick.close),
    lastSz: plain(tick.trades[0].size),
    askPx: plain(tick.ask),
    askSz: plain(tick.askSize),
    bidPx: plain(tick.bid),
    bidSz: plain(tick.bidSize),
    open24h: plain(tick.open),
    high24h: plain(tick.high),
    low24h: plain(tick.low),
    volCcy24h: plain(tick.quoteVolume),
    vol24h: plain(tick.volume),
    ts: `${tick.timeMs}`,
    sodUtc0: plain(tick.prevClose),
    sodUtc8: plain(tick.prevClose),
  };
}

/** Price, size, nothing, orders. */
function book(query: URLSearchParams, market: RestMarket, instId: string): RestAnswer {
  const depth = whole(query, 'sz');
  if (depth === undefined || depth === 0) return failed('51000', 'Parameter sz error');
  const view = market.book(instId, 'books', Math.min(400, depth ?? 1));
  const side = (levels: readonly (Level & { orders: number })[]) =>
    levels.map(({ price, size, orders }) => [plain(price), plain(size), '0', `${orders}`]);
  const seqId = 344_430_000_000 + view.version;
  return done([{ asks: side(view.asks), bids: side(view.bids), ts: `${view.timeMs}`, seqId }]);
}
