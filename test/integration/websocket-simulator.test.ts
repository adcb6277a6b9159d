import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { EXCHANGES } from '../../exchanges/index.ts';
import { Connection } from '../../src/core/connection/connection.ts';
import type { Gap, StreamState } from '../../src/core/events.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { compareTrades, type ReadTrade } from '../simulator/compare.ts';
import { protocols } from '../simulator/protocols/index.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { tradeFeed } from './trade-feed.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const CODES = 12;
const simulators: Simulator[] = [];
afterAll(async () => {
  await Promise.all(simulators.map((simulator) => simulator.stop()));
});

interface Collected {
  readonly simulator: Simulator;
  readonly connection: Connection;
  readonly trades: ReadTrade[];
  readonly gaps: Gap[];
  readonly states: StreamState[];
  readonly refused: string[];
  readonly confirmed: string[];
  readonly rejected: string[];
  finish(): Promise<void>;
}

/** Trades of one exchange from the simulator through a real connection and the real pipeline into an array. */
async function collect(exchange: Exchange, rowsPerS: number): Promise<Collected> {
  const simulator = await startSimulator({ exchanges: [exchange.id], symbols: CODES, rowsPerS });
  simulators.push(simulator);
  const trades: ReadTrade[] = [];
  const collected = {
    simulator,
    trades,
    gaps: [] as Gap[],
    states: [] as StreamState[],
    refused: [] as string[],
    confirmed: [] as string[],
    rejected: [] as string[],
  };
  const { markets, pipeline, parts } = await tradeFeed(
    exchange,
    simulator,
    ({ rows }) => {
      for (const row of rows) if (row.kind === 'trade') trades.push({ ...row, symbol: row.market.symbol });
    },
    ({ reason }) => collected.rejected.push(reason),
  );
  const connection = new Connection(parts, {
    state: (state) => collected.states.push(state),
    confirmed: ({ symbol }, socketId) => collected.confirmed.push(`${symbol}@${socketId}`),
    served: () => {},
    unanswered: () => {},
    announced: () => {},
    refused: (list, { reason }) =>
      collected.refused.push(`${list.map(({ symbol }) => symbol).join(' ')}: ${reason}`),
    gap: (gap) => collected.gaps.push(gap),
    silent: () => {},
    failed: () => {},
  });
  connection.update(markets.all().slice(0, CODES));
  connection.start();
  return {
    ...collected,
    connection,
    async finish() {
      await connection.stop();
      await pipeline.finish();
      await pipeline.settled();
    },
  };
}

async function until(condition: () => boolean, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error('did not happen in time');
    await Bun.sleep(10);
  }
}

function allConfirmed({ connection }: Collected): boolean {
  return connection.snapshot().codes.every(({ confirmed }) => confirmed);
}

/** Trades sent on an open subscription that neither arrived nor lie in a gap of their code. */
function unexplained(
  { simulator, trades, gaps }: Collected,
  exchange: Exchange,
  stoppedAt: number,
): string[] {
  const markets = new Markets(exchange.markets.split);
  const { missing } = compareTrades(simulator.ledger, exchange.id, trades);
  const before = missing.filter(({ at: sentAt }) => sentAt < stoppedAt);
  return before.flatMap(({ symbol, timeMs, id }) => {
    const at = timeMs * 1000;
    const code = markets.get(symbol)?.code ?? '';
    const inside = gaps.some(
      ({ codes, from, to }) => codes.includes(code) && from <= at && to !== null && at <= to,
    );
    return inside ? [] : [`${symbol} ${id}`];
  });
}

test.concurrent.each(EXCHANGES.map((exchange) => [exchange.id, exchange] as const))(
  '%s: abrupt and graceful cuts: each trade once and in order, each loss inside a gap, no limit broken',
  async (id, exchange) => {
    const collected = await collect(exchange, 300);
    const { simulator, trades, gaps } = collected;
    await until(() => allConfirmed(collected), 15_000);
    for (const how of ['cut', 'close', 'cut'] as const) {
      await Bun.sleep(700);
      await simulator.do({ do: how, exchange: id });
      await Bun.sleep(100);
      await until(() => allConfirmed(collected), 20_000);
    }
    await Bun.sleep(500);
    const stoppedAt = Date.now();
    await collected.finish();
    const { foreign, repeated, disordered, altered } = compareTrades(simulator.ledger, id, trades);
    // One exchange has the newest trade of a frame first, and rows keep the exchange's order.
    const order = protocols[id]?.newestFirst ? {} : { disordered };
    const faults = { foreign, repeated, altered, ...order };
    for (const [name, list] of Object.entries(faults)) expect(`${name}: ${list.length}`).toBe(`${name}: 0`);
    expect(unexplained(collected, exchange, stoppedAt)).toEqual([]);
    expect(trades.length).toBeGreaterThan(500);
    expect(gaps.length).toBeGreaterThan(0);
    expect(collected.refused).toEqual([]);
    expect(collected.rejected).toEqual([]);
    simulator.ledger.assertNoViolations();
  },
  60_000,
);

test.concurrent.each(['binance', 'okx'])(
  '%s announces the end of a socket: every trade once, no gap',
  async (id) => {
    const exchange = EXCHANGES.find((one) => one.id === id);
    if (!exchange) throw new Error(`no ${id}`);
    const collected = await collect(exchange, 300);
    const { simulator, trades, gaps, states } = collected;
    await until(() => allConfirmed(collected), 15_000);
    await Bun.sleep(500);
    await simulator.do({ do: 'rotate', exchange: id, afterMs: 4000 });
    await Bun.sleep(3000);
    const stoppedAt = Date.now();
    await collected.finish();
    const { missing, repeated, disordered } = compareTrades(simulator.ledger, id, trades);
    expect(missing.filter(({ at }) => at < stoppedAt)).toEqual([]);
    expect({ repeated, disordered, gaps }).toEqual({ repeated: [], disordered: [], gaps: [] });
    expect(states).toEqual(['connecting', 'live', 'stopped']);
    expect(collected.confirmed).toHaveLength(2 * CODES);
    simulator.ledger.assertNoViolations();
  },
  60_000,
);
