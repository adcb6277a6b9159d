import { describe, expect, test } from 'bun:test';
import { plainLevels } from '../../../src/core/market/levels.ts';
import type { Row, Ticker, Trade } from '../../../src/core/market/rows.ts';
import { flaw } from '../../../src/core/market/validate.ts';
import type { Tick } from '../../simulator/protocol.ts';
import { RECEIVED_AT, talk } from '../conversation.ts';
import { isRow, type Subject } from '../fixtures.ts';
import { wrongType } from '../row-types.ts';
import { simulated } from '../simulated.ts';

const TIME_MS = 1_790_134_799_876;

/** Rows that a plug-in reads from the frames of the simulator, which were written from the documents a second time. */
export function secondReadingRules({ exchange }: Subject): void {
  const simulation = simulated(exchange);
  if (!simulation) return;
  const { protocol } = simulation;

  describe(`${exchange.id}: frames of the simulated exchange`, () => {
    test.each([...simulation.types])('%s rows say what happened', (type) => {
      const exchanged = talk(exchange, type, simulation);
      exchanged.change(exchanged.markets.slice(0, 5));
      let id = protocol.firstId(0, TIME_MS);
      for (const [nth, listing] of simulation.listings.slice(0, 5).entries()) {
        for (const takerBuys of [true, false]) {
          const trades = Array.from({ length: Math.min(3, protocol.tradesPerFrame) }, (_, at) => {
            id = protocol.nextId(id, TIME_MS + at);
            return { id, price: 101.5 + nth, size: 0.25 + at, takerBuys, timeMs: TIME_MS + at };
          }) as unknown as Tick['trades'];
          const tick = tickOf(listing, trades);
          const events = exchanged.tick(tick);
          const rows = events.filter(isRow);
          expect(events.filter(({ kind }) => kind === 'reject')).toEqual([]);
          for (const row of rows) {
            expect({ flaw: flaw(row), type: wrongType(row, RECEIVED_AT) }).toEqual({
              flaw: null,
              type: null,
            });
            expect(row.market.symbol).toBe(listing.symbol);
            expect(row.market.base).toBe(listing.base);
            expect(row.market.quote).toBe(listing.quote);
          }
          if (type === 'trade') expectTrades(rows, protocol.newestFirst ? trades.toReversed() : trades);
          else if (type === 'ticker') expectTicker(rows, tick);
          else expectBook(rows, tick);
        }
      }
    });
  });
}

function expectTrades(rows: readonly Row[], trades: readonly Tick['trades'][number][]): void {
  const read = rows.filter((row): row is Trade => row.kind === 'trade');
  expect(read.map(({ trade_id, price, volume, side }) => ({ trade_id, price, volume, side }))).toEqual(
    trades.map(({ id, price, size, takerBuys }) => ({
      trade_id: id,
      price,
      volume: size,
      side: takerBuys ? 'BUY' : 'SELL',
    })),
  );
  for (const [at, row] of read.entries()) expect(row.timestamp).toBe((trades[at]?.timeMs ?? 0) * 1000);
}

function expectTicker(rows: readonly Row[], tick: Tick): void {
  expect(rows.length).toBe(1);
  const [row] = rows as readonly Ticker[];
  if (!row) return;
  expect(row.close).toBe(tick.close);
  const { open, high, low, volume, quote_volume, prev_close, bid, bid_size, ask, ask_size } = row;
  const read = { open, high, low, volume, quote_volume, prev_close, bid, bid_size, ask, ask_size };
  const said = {
    open: tick.open,
    high: tick.high,
    low: tick.low,
    volume: tick.volume,
    quote_volume: tick.quoteVolume,
    prev_close: tick.prevClose,
    bid: tick.bid,
    bid_size: tick.bidSize,
    ask: tick.ask,
    ask_size: tick.askSize,
  };
  // What an exchange does not send is null; what it sends is what the simulator said.
  for (const [field, value] of Object.entries(read)) {
    if (value !== null) expect({ field, value }).toEqual({ field, value: said[field as keyof typeof said] });
  }
}

/** Where every frame is a whole book; of changes the model test knows more. */
function expectBook(rows: readonly Row[], tick: Tick): void {
  for (const row of rows) {
    if (row.kind !== 'orderbook' || row.type !== 'SNAPSHOT') continue;
    const bids = plainLevels(row.bids);
    const asks = plainLevels(row.asks);
    expect(bids.length + asks.length).toBeGreaterThan(0);
    expect({ bids, asks }).toEqual({ bids: tick.bids(bids.length), asks: tick.asks(asks.length) });
  }
}

function tickOf(listing: Tick['listing'], trades: Tick['trades']): Tick {
  const levels = (from: number, step: number) => (depth: number) =>
    Array.from({ length: depth }, (_, at) => ({ price: from + step * at, size: 1 + at }));
  return {
    listing,
    timeMs: TIME_MS + 40,
    trades,
    open: 100.5,
    high: 109.25,
    low: 95.75,
    close: trades[0].price,
    prevClose: 99.5,
    volume: 1234.5,
    quoteVolume: 125_000.75,
    bid: 101.25,
    bidSize: 3.5,
    ask: 101.75,
    askSize: 4.25,
    sequence: 12,
    snapshot: false,
    bids: levels(101.25, -0.25),
    asks: levels(101.75, 0.25),
  };
}
