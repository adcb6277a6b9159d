import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { compareTrades } from '../simulator/compare.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { byFence, inAnyGap, type Running, readTrades, shared, trades } from './leases-parts.ts';
import { start } from './program.ts';
import { tradeGaps } from './spine-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(300_000);

/** GAPS_FREEZE_S: how long the process stands still. Its sockets are cut after a quarter of that. */
const FREEZE_MS = 1000 * Number(process.env.GAPS_FREEZE_S ?? 8);
/** Nothing is renewed within the first lives: the default is the one that counts. */
const LEASE_MS = 15_000;
const CODES = 6;
const LIVE_MS = 60_000;

let kafka: KafkaServer;
let redis: RedisServer;
let simulator: Simulator;
let running: Running | undefined;

beforeAll(async () => {
  [kafka, redis, simulator] = await Promise.all([
    startKafka(),
    startRedis(),
    startSimulator({ exchanges: ['upbit', 'binance'], symbols: CODES, rowsPerS: 200, zipf: 0.3 }),
  ]);
}, 120_000);

afterAll(async () => {
  running?.program.kill('SIGKILL');
  await Promise.all([kafka?.discard(), redis?.discard(), simulator?.stop()]);
});

async function collector(): Promise<Running> {
  const port = await freePort();
  const streams = ['upbit', 'binance'].flatMap((exchange) => [
    ...['--exchange', exchange, '--type', 'trade', '--symbols', simulator.symbols(exchange).join(',')],
  ]);
  const program = start(['run', '--set', `state.lease_ms=${LEASE_MS}`, ...streams], {
    ...simulator.env(),
    KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap,
    MESSAGING_USE_AVRO: 'false',
    REDIS_URL: redis.url,
    COLLECTOR_ID: 'only',
    HTTP_PORT: String(port),
  });
  running = { id: 'only', program, url: `http://127.0.0.1:${port}` };
  return running;
}

/** Trades that were sent or happened since a code was first subscribed, and are neither in Kafka nor in a gap. */
async function unexplained(exchange: string, region: string, untilMs: number): Promise<string[]> {
  const messages = await readTrades(kafka.bootstrap, region);
  const { missing } = compareTrades(simulator.ledger, exchange, trades(byFence(messages).kept).once);
  const codes = new Map(messages.flatMap(({ value }) => (value ? [[value.symbol, value.code]] : [])));
  const since = new Map<string, number>();
  for (const { symbol, at } of simulator.ledger.of('subscribe', exchange))
    since.set(symbol, Math.min(since.get(symbol) ?? at, at));
  const gaps = await tradeGaps(kafka.bootstrap, exchange);
  return [...missing, ...simulator.ledger.unsent(exchange)]
    .filter(
      (row) =>
        row.at >= (since.get(row.symbol) ?? Number.POSITIVE_INFINITY) &&
        row.at < untilMs &&
        !inAnyGap(row, codes.get(row.symbol), gaps),
    )
    .map(({ symbol, id, at }) => `${exchange} ${symbol} ${id} at ${at}`);
}

test('killed three times within seconds of its start, then frozen and cut meanwhile: every trade is in Kafka or in a gap', async () => {
  for (let kill = 0; kill < 3; kill++) {
    const { program } = await collector();
    const opened = simulator.ledger.of('subscribe').length;
    const deadline = Date.now() + LIVE_MS;
    while (simulator.ledger.of('subscribe').length < opened + 2 * CODES) {
      if (Date.now() > deadline) throw new Error('it subscribed nothing');
      await Bun.sleep(20);
    }
    await Bun.sleep(300 + 600 * kill);
    program.kill('SIGKILL');
    await program.ended;
  }
  const last = await collector();
  await shared([last], [2], LIVE_MS);
  await Bun.sleep(2000);

  const frozenMs = Date.now();
  last.program.kill('SIGSTOP');
  await Bun.sleep(FREEZE_MS / 4);
  for (const exchange of ['upbit', 'binance']) await simulator.do({ do: 'cut', exchange });
  await Bun.sleep((3 * FREEZE_MS) / 4);
  last.program.kill('SIGCONT');
  const thawedMs = Date.now();
  const deadline = thawedMs + LIVE_MS;
  const back = () => simulator.ledger.of('subscribe').filter(({ at }) => at > thawedMs).length;
  while (back() < 2 * CODES) {
    if (Date.now() > deadline) throw new Error('it did not come back');
    await Bun.sleep(50);
  }
  await Bun.sleep(3000);
  const lastMs = Date.now();
  last.program.kill('SIGTERM');
  expect((await last.program.ended).code).toBe(0);

  expect(await unexplained('upbit', 'korea', lastMs)).toEqual([]);
  expect(await unexplained('binance', 'asia', lastMs)).toEqual([]);
  const gaps = await tradeGaps(kafka.bootstrap, 'upbit');
  expect(new Set(gaps.map(({ cause }) => cause))).toContain('restart');
  // Else nothing was tested.
  const cut = gaps.filter(({ cause, to }) => cause === 'cut' && (to ?? 0) / 1000 > thawedMs - 1000);
  expect(cut.length).toBeGreaterThan(0);
  for (const { from } of cut) expect(from / 1000).toBeLessThan(frozenMs + FREEZE_MS / 4 + 1000);
});
