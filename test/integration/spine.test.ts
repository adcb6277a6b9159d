import { afterEach, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { readTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { registry } from '../services/services.ts';
import { compareTrades } from '../simulator/compare.ts';
import type { Ledger } from '../simulator/ledger.ts';
import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import { type Form, freshBinary } from './binary.ts';
import { Collector, inGap, ledgerOf, subscribed, type TradeBatch, tradeGaps } from './spine-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(120_000);

const CODES = 300;
/** Small shards, so that twenty cuts meet sixteen sockets. */
const CODES_PER_SOCKET = 75;
const ROWS_PER_S = 1200;
const CUTS = 20;
const OUTAGE_MS = 10_000;
const REGIONS = { upbit: 'korea', binance: 'asia' } as const;

let schemas: string;
let kafka: KafkaServer;
let simulator: SimulatorProcess;
let collector: Collector;

beforeAll(async () => {
  [schemas] = await Promise.all([registry(), freshBinary()]);
}, 180_000);

afterEach(async () => {
  await collector?.kill9();
  await simulator?.stop();
  await kafka?.discard();
});

/** A broker, an exchange and a collector of both exchanges, all codes subscribed. */
async function everything(form: Form): Promise<void> {
  const load = ['--symbols', String(CODES), '--rate', String(ROWS_PER_S), '--zipf', '0.6'];
  const flags = ['--exchanges', 'upbit,binance', ...load];
  [kafka, simulator] = await Promise.all([startKafka(), spawnSimulator(flags)]);
  const streams = Object.entries(simulator.exchanges).flatMap(([id, { symbols }]) => [
    ...['--exchange', id, '--type', 'ticker,trade', '--symbols', symbols.join(',')],
    ...['--set', `exchanges.${id}.codes_per_socket=${CODES_PER_SOCKET}`],
  ]);
  collector = Collector.start(form, streams, {
    ...simulator.env,
    KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap,
    SCHEMA_REGISTRY_URL: schemas,
    HTTP_PORT: '0',
  });
  await subscribed(simulator, CODES * 2);
}

/** Ends twenty sockets over that time, by turns with and without a close frame. @returns how many were ended */
async function cutAll(ms: number): Promise<number> {
  let ended = 0;
  for (let i = 0; i < CUTS; i++) {
    await Bun.sleep(ms / CUTS);
    const exchange = i % 4 < 2 ? 'upbit' : 'binance';
    ended += await simulator.do({ do: i % 2 === 0 ? 'cut' : 'close', exchange, count: 1 });
  }
  return ended;
}

async function breakBroker(afterMs: number): Promise<void> {
  await Bun.sleep(afterMs);
  await kafka.kill9();
  await Bun.sleep(OUTAGE_MS);
  await kafka.start();
}

/** What was sent from `signalMs` on may have met a socket that was being closed. */
async function expectAllTrades(
  exchange: keyof typeof REGIONS,
  ledger: Ledger,
  signalMs: number,
): Promise<void> {
  const topic = `trade-data.${REGIONS[exchange]}`;
  const messages = await readTopic<TradeBatch>({ bootstrap: kafka.bootstrap, topic, registry: schemas });
  expect(messages.every(({ schemaId }) => schemaId !== null)).toBe(true);
  const batches = messages.flatMap(({ value }) => (value === null ? [] : [value]));
  const codes = new Map(batches.map(({ symbol, code }) => [symbol, code]));
  const read = batches.flatMap(({ symbol, data }) => data.map((row) => ({ ...row, symbol })));
  const { missing, ...wrong } = compareTrades(ledger, exchange, read);
  expect(wrong).toEqual({ foreign: [], repeated: [], disordered: [], altered: [] });
  // Only a cut without a close frame swallows anything, and what it does is on record.
  const cut = new Set(ledger.of('close', exchange).flatMap(({ abrupt, socket }) => (abrupt ? [socket] : [])));
  const gaps = await tradeGaps(kafka.bootstrap, exchange);
  const unexplained = missing.filter(
    (row) => row.at < signalMs && !(cut.has(row.socket) && inGap(row, codes.get(row.symbol), gaps)),
  );
  expect(unexplained).toEqual([]);
  // So is every trade that happened while its code had no socket.
  const unsent = ledger.unsent(exchange).filter(({ at }) => at < signalMs);
  expect(unsent.length).toBeGreaterThan(0);
  expect(unsent.filter((row) => !inGap(row, codes.get(row.symbol), gaps))).toEqual([]);
  expect(codes.size).toBe(CODES);
}

async function expectAllTickerCodes(exchange: keyof typeof REGIONS): Promise<void> {
  const topic = `ticker-data.${REGIONS[exchange]}`;
  const messages = await readTopic<TradeBatch>({ bootstrap: kafka.bootstrap, topic, registry: schemas });
  expect(new Set(messages.map(({ key }) => key)).size).toBe(CODES);
}

test.each([
  ['source', 60_000],
  ['binary', 30_000],
] as const)(
  '%s: every trade of 300 codes of two exchanges reaches Kafka, over cuts, a broker outage and SIGTERM under load',
  async (form, ms) => {
    await everything(form);
    const [ended] = await Promise.all([cutAll(ms - 8000), breakBroker(ms / 3), Bun.sleep(ms)]);
    expect(ended).toBe(CUTS);
    const signalMs = Date.now();
    const { code, ms: took } = await collector.stop();
    expect({ code, said: code === 0 ? '' : (await collector.said).slice(-3000) }).toEqual({
      code: 0,
      said: '',
    });
    expect(took).toBeLessThan(10_000);
    const ledger = await ledgerOf(simulator);
    ledger.assertNoViolations();
    expect(ledger.rows.length).toBeGreaterThan((ms / 1000) * 1000 * 0.8);
    await expectAllTrades('upbit', ledger, signalMs);
    await expectAllTrades('binance', ledger, signalMs);
    await expectAllTickerCodes('upbit');
    await expectAllTickerCodes('binance');
  },
);

test('SIGTERM while the broker is away ends with 69 and the count of what could not be delivered', async () => {
  await everything('source');
  await Bun.sleep(2000);
  const away = Date.now();
  await kafka.kill9();
  const gone = Date.now();
  await Bun.sleep(3000);
  const signal = Date.now();
  const { code, ms } = await collector.stop();
  expect(code).toBe(69);
  expect(ms).toBeLessThan(11_000);
  const [, rows = ''] =
    /(\d+) rows \(\d+ messages in all\) were not acknowledged/.exec(await collector.said) ?? [];
  const { rows: sent } = await ledgerOf(simulator);
  const between = (from: number, to: number) =>
    sent.filter(({ at, socket }) => socket !== null && at >= from && at < to);
  expect(Number(rows)).toBeGreaterThanOrEqual(between(gone, signal - 50).length);
  expect(Number(rows)).toBeLessThanOrEqual(between(away - 2000, Number.POSITIVE_INFINITY).length);
});
