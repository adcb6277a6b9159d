import { expect, setDefaultTimeout, test } from 'bun:test';
import { comparePast, compareTrades, type ReadTrade } from '../simulator/compare.ts';
import { PlainClient } from '../simulator/plain-client.ts';
import { startSimulator } from '../simulator/simulator.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

test('every kind of difference between what was sent and what was read is told', async () => {
  const simulator = await startSimulator({ exchanges: ['binance'] });
  const client = await PlainClient.open(`${simulator.url('binance')}/ws/btcusdt@trade`);
  await simulator.do({ do: 'event', exchange: 'binance', type: 'trade', symbol: 'BTCUSDT', count: 6 });
  await client.until(({ texts }) => texts.length === 6);
  const read: ReadTrade[] = client
    .frames<{ s: string; t: number; T: number; p: string; q: string; m: boolean }>()
    .map(({ s, t, T, p, q, m }) => ({
      symbol: s,
      trade_id: String(t),
      timestamp: T * 1000,
      price: Number(p),
      volume: Number(q),
      side: m ? 'SELL' : 'BUY',
    }));
  const nothing = { missing: [], foreign: [], repeated: [], disordered: [], altered: [] };
  expect(compareTrades(simulator.ledger, 'binance', read)).toEqual(nothing);
  const [a, b, c, d, e, f] = read as [ReadTrade, ReadTrade, ReadTrade, ReadTrade, ReadTrade, ReadTrade];
  const wrong = { ...d, price: d.price + 1 };
  const alien = { ...f, trade_id: '9999999999999999' };
  const { missing, ...found } = compareTrades(simulator.ledger, 'binance', [a, c, b, b, wrong, e, alien]);
  expect(found).toEqual({ foreign: [alien], repeated: [b], disordered: [b, b], altered: [wrong] });
  expect(missing.map(({ id }) => id)).toEqual([f.trade_id]);
  await client.close();
  await simulator.stop();
});

test('live rows and rows from REST together are compared with what happened, merged fills and single ones', async () => {
  const simulator = await startSimulator({ exchanges: ['okx'] });
  await simulator.do({ do: 'event', exchange: 'okx', type: 'trade', symbol: 'BTC-USDT', count: 8 });
  const truth = simulator.ledger.past('okx', 'BTC-USDT');
  const live: ReadTrade[] = simulator.ledger.unsent('okx', 'BTC-USDT').map((row) => ({
    symbol: row.symbol,
    trade_id: row.id ?? '',
    timestamp: row.timeMs * 1000,
    price: row.price,
    volume: row.size,
    side: row.side ?? '',
  }));
  const filled: ReadTrade[] = truth.map(({ id, price, size, takerBuys, timeMs }) => ({
    symbol: 'BTC-USDT',
    trade_id: id,
    timestamp: timeMs * 1000,
    price,
    volume: size,
    side: takerBuys ? 'BUY' : 'SELL',
  }));
  const nothing = { missing: [], foreign: [], repeated: [], altered: [] };
  expect(comparePast(truth, filled)).toEqual(nothing);
  // The first trade of all was there before anybody could hear of it.
  const later = truth.filter(({ socketId }) => socketId !== truth[0]?.socketId);
  expect(later.length).toBeGreaterThan(live.length);
  expect(comparePast(later, live)).toEqual(nothing);
  const merged = live.find(
    ({ trade_id }) => later.filter(({ socketId }) => socketId === trade_id).length === 2,
  );
  const parts = filled.filter(
    ({ trade_id }) => merged && later.find(({ id }) => id === trade_id)?.socketId === merged.trade_id,
  ) as [ReadTrade, ReadTrade];
  if (!merged) throw new Error('no trade of several fills');
  const others = live.filter((row) => row !== merged);
  expect(comparePast(later, [...others, ...parts])).toEqual(nothing);
  expect(comparePast(later, [...others, parts[0]]).missing.map(({ id }) => id)).toEqual([parts[1].trade_id]);
  expect(comparePast(later, [...others, parts[0], merged]).repeated).toEqual([merged]);
  expect(comparePast(later, [...live, parts[1]]).repeated).toEqual([parts[1]]);
  const wrong = { ...merged, side: 'NEITHER' };
  const alien = { ...merged, trade_id: '7' };
  expect(comparePast(later, [...others, wrong, alien])).toMatchObject({ altered: [wrong], foreign: [alien] });
  await simulator.stop();
});
