import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { compareTrades } from '../simulator/compare.ts';
import type { Ledger, Row } from '../simulator/ledger.ts';
import { protocols } from '../simulator/protocols/index.ts';
import {
  firstCodes,
  firstToldMissing,
  holesIn,
  outsideGaps,
  type ReadRow,
  type Run,
  startRun,
  subscribed,
  toldMissing,
} from './eleven-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(400_000);

const EXCHANGES = 'upbit,bithumb,coinone,korbit,binance,bybit,okx,huobi,coinbase,kraken,bitfinex'.split(',');
/** Those that say before they end a connection. */
const ANNOUNCING = ['binance', 'okx', 'bitfinex'];
/** Those that number the trades of a code without a gap. */
const CONSECUTIVE = ['binance', 'okx', 'coinbase', 'kraken'];
const CODES = 20;
const CUTS = 25;
const RUN_MS = 180_000;
/** Between two cuts. */
const PACE_MS = 2800;

let run: Run | null = null;
afterAll(() => run?.end());

/** Ends sockets one by one, the exchanges in turn. */
async function endSockets(how: 'close' | 'cut'): Promise<void> {
  for (let done = 0, turn = 0; done < CUTS; turn++) {
    const exchange = EXCHANGES[turn % EXCHANGES.length] ?? '';
    done += (await run?.simulator.do({ do: how, exchange, count: 1 })) ?? 0;
    await Bun.sleep(PACE_MS);
  }
}

/** Where a frame has its newest trade first, rows keep the order of the frames. */
function notAsSent(ledger: Ledger, exchange: string, read: readonly ReadRow[]): ReadRow[] {
  const place = new Map<string, number>();
  for (const [i, { symbol, id }] of ledger.sent(exchange, 'trade').entries()) {
    // A snapshot repeats what was sent before.
    const key = `${symbol} ${id}`;
    if (!place.has(key)) place.set(key, i);
  }
  const last = new Map<string, number>();
  return read.filter(({ symbol, trade_id, stream_type }) => {
    // What was fetched afterwards stands behind what was received.
    if (stream_type === 'BACKFILL') return false;
    const at = place.get(`${symbol} ${trade_id}`) ?? -1;
    const behind = at < (last.get(symbol) ?? -1);
    last.set(symbol, at);
    return behind;
  });
}

/** Tickers that both sockets of a takeover brought and that were written twice. */
function writtenTwice(sent: readonly Row[], read: readonly ReadRow[]): string[] {
  const name = (symbol: string, close: number, timeMs: number) => `${symbol} ${close} ${timeMs}`;
  const most = new Map<string, number>();
  for (const [key, own] of Map.groupBy(sent, (row) => name(row.symbol, row.price, row.timeMs))) {
    const bySocket = Map.groupBy(own, ({ socket }) => socket);
    most.set(key, Math.max(...[...bySocket.values()].map((rows) => rows.length)));
  }
  const written = Map.groupBy(read, (row) => name(row.symbol, row.close, Math.floor(row.timestamp / 1000)));
  return [...written]
    .filter(([key, rows]) => rows.length > (most.get(key) ?? rows.length))
    .map(([key]) => key);
}

test('eleven exchanges for three minutes, over closed, announced and cut connections: every trade once, no loss untold', async () => {
  run = await startRun(
    ['--exchanges', EXCHANGES.join(','), '--symbols', '40', '--rate', '500'],
    (simulator) => firstCodes(simulator, CODES, 'ticker,trade'),
  );
  const { simulator } = run;
  const all = EXCHANGES.length * 2 * CODES;
  await subscribed(run, all);
  const fullAt = Date.now();
  await endSockets('close');
  await subscribed(run, all);
  await Bun.sleep(3000);
  const rotatedAt = Date.now();
  for (const exchange of ANNOUNCING) await simulator.do({ do: 'rotate', exchange, afterMs: 6000 });
  await Bun.sleep(9000);
  const cutAt = Date.now();
  await endSockets('cut');
  await subscribed(run, all);
  await Bun.sleep(Math.max(2000, fullAt + RUN_MS - Date.now()));
  await simulator.do({ do: 'rate', rowsPerS: 0 });
  await Bun.sleep(1000);
  expect(await run.collector.stop()).toBe(0);

  const [ledger, trades, tickers, events] = await Promise.all([
    run.ledger(),
    run.rows('trade'),
    run.rows('ticker'),
    run.events(),
  ]);
  ledger.assertNoViolations();
  const ends = ledger.of('close').filter(({ by, at }) => by === 'server' && at >= fullAt);
  expect(ends.filter(({ abrupt }) => abrupt)).toHaveLength(CUTS);
  expect(ends.filter(({ abrupt }) => !abrupt)).toHaveLength(CUTS);
  const codes = new Map(
    [...trades, ...tickers].map(({ exchange, symbol, code }) => [`${exchange} ${symbol}`, code]),
  );
  const of = (rows: readonly ReadRow[], id: string) => rows.filter(({ exchange }) => exchange === id);
  const found = EXCHANGES.map((exchange) => {
    const { missing, disordered, ...wrong } = compareTrades(ledger, exchange, of(trades, exchange));
    const outOfOrder = protocols[exchange]?.newestFirst
      ? notAsSent(ledger, exchange, of(trades, exchange))
      : disordered;
    const swallowed = ledger.unsent(exchange);
    return {
      exchange,
      ...Object.fromEntries(Object.entries(wrong).map(([name, rows]) => [name, rows.length])),
      outOfOrder: outOfOrder.length,
      lostUncut: missing.filter(({ at }) => at < cutAt).length,
      lostUntold: outsideGaps(missing, events, codes).length,
      swallowedUntold: outsideGaps(swallowed, events, codes).length,
      swallowedInRotation: ANNOUNCING.includes(exchange)
        ? swallowed.filter(({ at }) => at >= rotatedAt && at < cutAt).length
        : 0,
    };
  });
  expect(new Set(trades.map(({ exchange }) => exchange)).size).toBe(EXCHANGES.length);
  expect(new Set(tickers.map(({ exchange, code }) => `${exchange} ${code}`)).size).toBe(
    EXCHANGES.length * CODES,
  );
  const tickersFound = EXCHANGES.map((exchange) => {
    const sent = ledger.sent(exchange, 'ticker');
    const takesOver = ANNOUNCING.includes(exchange);
    /** Seconds since the rotation was announced, for whoever must find out why a row is lost. */
    const told = ({ symbol, price, at }: Row) => `${symbol} ${price} at ${(at - rotatedAt) / 1000} s`;
    const closes = new Set(sent.map(({ symbol, price }) => `${symbol} ${price}`));
    const read = of(tickers, exchange);
    const got = new Set(read.map(({ symbol, close }) => `${symbol} ${close}`));
    // A successor's answer to its subscription is no event: the old socket brings those.
    const answers = (row: Row) => takesOver && row.snapshot && row.at >= rotatedAt && row.at < cutAt;
    const lost = sent.filter((row) => !got.has(`${row.symbol} ${row.price}`) && !answers(row));
    return {
      exchange,
      foreign: read.filter(({ symbol, close }) => !closes.has(`${symbol} ${close}`)).length,
      twice: writtenTwice(
        sent.filter(({ at }) => takesOver && at >= rotatedAt && at < cutAt),
        read,
      ),
      lostUncut: lost.filter(({ at }) => at < cutAt).map(told),
      lostUntold: outsideGaps(lost, events, codes).map(told),
    };
  });
  expect(tickersFound).toEqual(
    EXCHANGES.map((exchange) => ({ exchange, foreign: 0, twice: [], lostUncut: [], lostUntold: [] })),
  );
  const none = { foreign: 0, repeated: 0, outOfOrder: 0, altered: 0 };
  expect(found).toEqual(
    EXCHANGES.map((exchange) => ({
      exchange,
      ...none,
      lostUncut: 0,
      lostUntold: 0,
      swallowedUntold: 0,
      swallowedInRotation: 0,
    })),
  );
  const consecutive = trades.filter(
    ({ exchange, stream_type }) => CONSECUTIVE.includes(exchange) && stream_type !== 'BACKFILL',
  );
  expect(toldMissing(events).toSorted()).toEqual(holesIn(consecutive).toSorted());
  // All of them are within a cut, and no news: told with the others of it, without an error.
  const toldOf = firstToldMissing(events);
  expect(new Set(toldOf.map(({ detail }) => detail?.within))).toEqual(new Set(['cut']));
  const errors = (await run.json('ws.error')) as { error: { error_code: string } }[];
  expect(errors.filter(({ error }) => error.error_code === 'trades_missing')).toEqual([]);
});
