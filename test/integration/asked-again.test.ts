import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { EXCHANGES } from '../../exchanges/index.ts';
import { systemClock } from '../../src/common/clock.ts';
import { Connection } from '../../src/core/connection/connection.ts';
import { ShardConnections } from '../../src/core/connection/shard-connections.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { tradeFeed } from './trade-feed.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(90_000);

const endings: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of endings) await end();
});

/** A shard of so many codes of an exchange, from the simulator into a count of rows per symbol. */
async function collect(id: string, count: number) {
  const exchange = EXCHANGES.find((one) => one.id === id);
  if (!exchange) throw new Error(`there is no ${id}`);
  const simulator = await startSimulator({ exchanges: [id], symbols: count, rowsPerS: 200 });
  const rows = new Map<string, number>();
  const told: string[] = [];
  const { markets, parts, opened } = await tradeFeed(exchange, simulator, ({ market, rows: own }) => {
    rows.set(market.symbol, (rows.get(market.symbol) ?? 0) + own.length);
  });
  const shard = new ShardConnections(
    exchange.limits.codesPerSocket,
    () => systemClock.micros(),
    (_part, full) =>
      new Connection(
        { ...parts, settings: { ...parts.settings, confirmAfterMs: 2000 } },
        {
          state() {},
          confirmed() {},
          served: ({ symbol }) => told.push(`served ${symbol}`),
          unanswered() {},
          announced() {},
          refused: (list, { kind, carried }) => {
            for (const { symbol } of list) told.push(`${kind} ${symbol}`);
            if (carried !== undefined) full(list, carried);
          },
          gap() {},
          silent() {},
          failed() {},
        },
      ),
  );
  endings.push(async () => {
    await shard.stop();
    await simulator.stop();
  });
  const symbols = simulator.symbols(id);
  const begin = () => shard.update(symbols.flatMap((symbol) => markets.get(symbol) ?? []));
  const flow = (symbol: string) => (rows.get(symbol) ?? 0) > 0;
  return { simulator, shard, told, symbols, begin, flow, sockets: opened };
}

async function until(condition: () => boolean, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error('did not happen in time');
    await Bun.sleep(20);
  }
}

test.each([
  ['huobi', 'refused'],
  ['bithumb', 'unconfirmed'],
])(
  '%s: a code that opens later flows without a restart, and the others do not stop for it',
  async (id, kind) => {
    const { simulator, symbols, begin, told, flow, sockets } = await collect(id, 4);
    const late = symbols[2] ?? '';
    await simulator.do({ do: 'refuse', exchange: id, symbol: late });
    begin();
    await until(() => symbols.filter(flow).length === 3, 20_000);
    await until(() => told.includes(`${kind} ${late}`), 20_000);
    await simulator.do({ do: 'serve', exchange: id, symbol: late });
    await until(() => flow(late), 30_000);
    expect(told).toEqual([`${kind} ${late}`, `served ${late}`]);
    expect(sockets()).toBe(1);
    simulator.ledger.assertNoViolations();
  },
);

test('kraken: after an announced maintenance all codes flow at once', async () => {
  const { simulator, symbols, begin, told, flow } = await collect('kraken', 30);
  await simulator.do({ do: 'maintenance', exchange: 'kraken' });
  begin();
  await until(() => told.length === 30, 20_000);
  await Bun.sleep(8000);
  expect(symbols.filter(flow)).toEqual([]);
  await simulator.do({ do: 'reopened', exchange: 'kraken' });
  await until(() => told.filter((word) => word.startsWith('served')).length === 30, 5000);
  await until(() => symbols.some(flow), 10_000);
  simulator.ledger.assertNoViolations();
});

test('bitfinex: pairs that a socket has no room for come over another one', async () => {
  const { simulator, shard, begin, told, sockets } = await collect('bitfinex', 25);
  await simulator.do({ do: 'room', exchange: 'bitfinex', codes: 20 });
  begin();
  const confirmed = () =>
    shard.snapshots().flatMap(({ codes }) => codes.filter((code) => code.confirmed)).length;
  await until(() => confirmed() === 25, 30_000);
  expect(sockets()).toBe(2);
  expect(told.every((word) => word.startsWith('full '))).toBe(true);
  expect(told).toHaveLength(5);
  simulator.ledger.assertNoViolations();
});
