import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { cutAll, gapsOf, pastVerdict, startTrades, unfilled } from './backfill-parts.ts';
import { type Running, shared } from './leases-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(400_000);

const EXCHANGES = { binance: 'asia', okx: 'asia', upbit: 'korea' } as const;
const IDS = Object.keys(EXCHANGES) as (keyof typeof EXCHANGES)[];
const CODES = 4;
const LIVE_MS = 60_000;
const NOTHING = { missing: [], untold: [], overtold: [], repeated: [], foreign: [], altered: [] };
/** Whatever is to be filled is filled within this. */
const FILLED_MS = 120_000;

let kafka: KafkaServer;
let redis: RedisServer;
let simulator: Simulator;
let running: Running | undefined;

beforeAll(async () => {
  [kafka, redis, simulator] = await Promise.all([
    startKafka(),
    startRedis(),
    startSimulator({ exchanges: IDS, symbols: CODES, rowsPerS: 120, zipf: 0.3 }),
  ]);
}, 120_000);

afterAll(async () => {
  running?.program.kill('SIGKILL');
  await Promise.all([kafka?.discard(), redis?.discard(), simulator?.stop()]);
});

async function collector(): Promise<Running> {
  const env = { KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap, REDIS_URL: redis.url };
  running = await startTrades(simulator, IDS, env);
  await shared([running], [IDS.length], LIVE_MS);
  return running;
}

const cut = (forMs: number): Promise<void> => cutAll(simulator, IDS, forMs);

/** Resolves when every gap of a code that is over was told with what became of it. */
async function filled(): Promise<void> {
  const deadline = Date.now() + FILLED_MS;
  for (;;) {
    const gaps = await Promise.all(IDS.map((exchange) => gapsOf(kafka.bootstrap, exchange)));
    const left = gaps.flatMap(unfilled);
    if (gaps.every((of) => of.some(({ fill }) => fill)) && left.length === 0) return;
    if (Date.now() > deadline) throw new Error(`not filled: ${left.join(', ')}`);
    await Bun.sleep(1000);
  }
}

test('cuts, refusals, late answers and a restart in the middle: Kafka has every trade that happened, each once', async () => {
  const first = await collector();
  await Bun.sleep(3000);
  await cut(2000);
  await Bun.sleep(2000);
  // The second finds REST slow to know, and one exchange that wants no requests for a while.
  for (const exchange of IDS) await simulator.do({ do: 'past', exchange, delayMs: 2500 });
  await simulator.do({ do: 'rest', exchange: 'okx', status: 429, retryAfterS: 2, times: 2 });
  await cut(8000);
  await filled();
  // The third is left to another process.
  for (const exchange of IDS) await simulator.do({ do: 'rest', exchange, status: 503, forMs: 600_000 });
  await cut(3000);
  await shared([first], [IDS.length], LIVE_MS);
  await Bun.sleep(4000);
  first.program.kill('SIGTERM');
  const { code, err } = await first.program.ended;
  expect(code, err.slice(-2000)).toBe(0);
  for (const exchange of IDS) await simulator.do({ do: 'rest', exchange, forMs: 0 });
  const second = await collector();
  await Bun.sleep(3000);
  await filled();
  const lastMs = Date.now() - 2000;
  second.program.kill('SIGTERM');
  expect((await second.program.ended).code).toBe(0);

  for (const exchange of IDS) {
    const verdict = await pastVerdict(simulator, kafka.bootstrap, exchange, EXCHANGES[exchange], lastMs);
    const { filled: rows, again: _, ...wrong } = verdict;
    expect(wrong, exchange).toEqual(NOTHING);
    expect(rows, exchange).toBeGreaterThan(20);
    const told = (await gapsOf(kafka.bootstrap, exchange)).flatMap(({ fill }) => (fill ? [fill] : []));
    for (const fill of told)
      expect(fill, exchange).toMatchObject({
        state: 'complete',
        proof: exchange === 'upbit' ? 'time' : 'ids',
      });
  }
  const broken = simulator.ledger.violations();
  expect(broken).toEqual([]);
});
