import { expect, setDefaultTimeout, test } from 'bun:test';
import { compareTrades, type ReadTrade } from '../simulator/compare.ts';
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
