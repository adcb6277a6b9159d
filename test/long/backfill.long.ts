/**
 * Trades that are missed on all eleven exchanges and fetched afterwards: cuts of 2 s, 30 s and 5 minutes under load, REST that
 * refuses, lags and answers late, a process that is ended in the middle. Some twenty minutes.
 *
 *   bun test/long/backfill.long.ts [--cuts 2,30,300] [--rows 400] [--codes 4] [--exchanges binance,upbit]
 *     --ban 20    after each cut those that ban an address by 418 do so, for so many seconds
 *     --reach 15  during the cuts no exchange shows trades that are older than so many seconds
 */
import { parseArgs } from 'node:util';
import { EXCHANGES } from '../../exchanges/index.ts';
import {
  cutAll,
  gapsIn,
  pastVerdict,
  READ_WITHIN_MS,
  readEvents,
  startTrades,
  unfilled,
} from '../integration/backfill-parts.ts';
import { type Running, shared } from '../integration/leases-parts.ts';
import { readTopic } from '../services/avro-consumer.ts';
import { startKafka } from '../services/kafka.ts';
import { startRedis } from '../services/redis.ts';
import { endAllServers } from '../services/scratch.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { askedWhileBanned, liveWaits, quantile, type Span, type TimedBatch } from './backfill-checks.ts';

const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '2,30,300' },
    rows: { type: 'string', default: '400' },
    codes: { type: 'string', default: '4' },
    ban: { type: 'string', default: '0' },
    reach: { type: 'string', default: '0' },
    exchanges: { type: 'string', default: EXCHANGES.map(({ id }) => id).join(',') },
  },
});
const ids = values.exchanges.split(',');
const exchanges = EXCHANGES.filter(({ id }) => ids.includes(id));
const banMs = Number(values.ban) * 1000;
const reachMs = Number(values.reach) * 1000 || Number.POSITIVE_INFINITY;
const short = Number.isFinite(reachMs);
/** Those that answer a client who went on after 429 with 418. */
const BANNING: readonly string[] = banMs > 0 ? ids.filter((id) => id === 'binance' || id === 'upbit') : [];
/** Rows that sockets bring while trades are fetched are held against those of such a time without, in ms. */
const QUIET_MS = { least: 15_000, most: 60_000 };
/** The 99th percentile of the former against the latter: a machine that is busy with other things has both, and not at once. */
const SLOWER = { times: 2, ms: 250 };
const LIVE_MS = 120_000;
const FILLED_MS = 600_000;
/** Those that show their newest trades alone lose what is older: that is told, and no more is asked of them. */
const SHORT = new Set(exchanges.flatMap(({ id, pastTrades }) => (isShort(pastTrades?.reach) ? [id] : [])));

let passed = 0;
let failed = 0;

function check(what: string, holds: boolean, seen: unknown): void {
  console.log(`${holds ? 'pass' : 'FAIL'}: ${what} (${JSON.stringify(seen)?.slice(0, 600)})`);
  if (holds) passed++;
  else failed++;
}

function isShort(reach: object | null | undefined): boolean {
  return reach !== null && reach !== undefined && 'rows' in reach;
}

const [kafka, redis, simulator] = await Promise.all([
  startKafka(),
  startRedis(),
  startSimulator({
    exchanges: ids,
    symbols: Number(values.codes),
    rowsPerS: Number(values.rows),
    zipf: 0.5,
    pastRows: 1_000_000,
  }),
]);

async function collector(): Promise<Running> {
  const env = { KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap, REDIS_URL: redis.url };
  const one = await startTrades(simulator, ids, env);
  await shared([one], [ids.length], LIVE_MS);
  return one;
}

const cut = (forMs: number): Promise<void> => cutAll(simulator, ids, forMs);

async function filled(): Promise<string[]> {
  const deadline = Date.now() + FILLED_MS;
  for (;;) {
    const events = await readEvents(kafka.bootstrap);
    const left = ids.flatMap((id) => unfilled(gapsIn(events, id)).map((one) => `${id} ${one}`));
    if (left.length === 0 || Date.now() > deadline) return left;
    await Bun.sleep(3000);
  }
}

async function stops(what: string): Promise<void> {
  running.program.kill('SIGTERM');
  const { code, err } = await running.program.ended;
  check(what, code === 0, code === 0 ? code : { code, err: err.slice(-500) });
}

const filling: Span[] = [];
const quiet: Span[] = [];

let running = await collector();
await Bun.sleep(5000);
for (const seconds of values.cuts.split(',').map(Number)) {
  for (const exchange of ids) await simulator.do({ do: 'past', exchange, delayMs: 1500, reachMs });
  const refusing = ids.find((id) => !BANNING.includes(id));
  if (refusing) await simulator.do({ do: 'rest', exchange: refusing, status: 429, retryAfterS: 3, times: 3 });
  const retryAfterS = banMs / 1000;
  for (const exchange of BANNING)
    await simulator.do({ do: 'rest', exchange, status: 418, retryAfterS, times: 1, path: 'rades' });
  await cut(seconds * 1000);
  await shared([running], [ids.length], LIVE_MS);
  const from = Date.now();
  const left = await filled();
  const to = Date.now();
  filling.push({ from, to });
  await Bun.sleep(Math.min(QUIET_MS.most, Math.max(QUIET_MS.least, to - from)));
  quiet.push({ from: to, to: Date.now() });
  check(`after a cut of ${seconds} s every gap is told with what became of it`, left.length === 0, left);
}
for (const exchange of ids) {
  await simulator.do({ do: 'past', exchange, reachMs: Number.POSITIVE_INFINITY });
  await simulator.do({ do: 'rest', exchange, status: 503, forMs: 3_600_000 });
}
await cut(5000);
await shared([running], [ids.length], LIVE_MS);
await Bun.sleep(8000);
await stops('it stops by itself');
for (const exchange of ids) await simulator.do({ do: 'rest', exchange, forMs: 0 });
running = await collector();
await Bun.sleep(5000);
const left = await filled();
check('what one process left the next one fills', left.length === 0, left);
const lastMs = Date.now() - 3000;
await stops('the next one stops by itself');

const events = await readEvents(kafka.bootstrap);
for (const { id, region } of exchanges) {
  const {
    filled: rows,
    missing,
    untold,
    overtold,
    again,
    ...wrong
  } = await pastVerdict(simulator, kafka.bootstrap, id, region, lastMs);
  const fine = Object.values(wrong).every((list) => list.length === 0);
  check(`${id}: no row twice, none that never happened`, fine, { ...wrong, again });
  check(`${id}: rows were fetched`, rows > 0, rows);
  const told = gapsIn(events, id).flatMap(({ fill }) => (fill ? [fill] : []));
  const states = Map.groupBy(told, ({ state, proof }) => `${state} ${proof}`);
  const counts = Object.fromEntries(Array.from(states, ([name, of]) => [name, of.length]));
  const seen = { counts, missing: missing.length };
  const exact = untold.length === 0 && overtold.length === 0;
  check(`${id}: what is missing is on record, and nothing else by its id`, exact, {
    ...seen,
    untold,
    overtold,
  });
  if (short && !SHORT.has(id)) check(`${id}: what is out of reach is missing`, missing.length > 0, seen);
  else if (!SHORT.has(id)) check(`${id}: everything is there`, missing.length === 0, { counts, missing });
}
for (const id of BANNING) {
  const { bans, asked } = askedWhileBanned(simulator.ledger.entries, id, banMs);
  check(`${id}: banned by 418, and not asked meanwhile`, bans > 0 && asked.length === 0, { bans, asked });
}
const regions = [...new Set(exchanges.map(({ region }) => region))];
const read = (region: string) => {
  const [bootstrap, topic] = [kafka.bootstrap, `trade-data.${region}`];
  return readTopic<TimedBatch>({ bootstrap, topic, timeoutMs: READ_WITHIN_MS });
};
const messages = (await Promise.all(regions.map(read))).flat();
const [during, without] = [filling, quiet].map((spans) => liveWaits(messages, spans)) as [number[], number[]];
const figures = Object.entries({ during, without }).map(([name, waits]) => {
  const [p50, p99, most] = [0.5, 0.99, 1].map((part) => Math.round(quantile(waits, part)));
  return `${name} ${p50}, ${p99}, ${most} ms of ${waits.length} rows`;
});
check(
  'live rows get to Kafka as soon while trades are fetched as without (median, p99, most)',
  quantile(during, 0.99) <= quantile(without, 0.99) * SLOWER.times + SLOWER.ms,
  figures,
);
const broken = simulator.ledger.violations();
check('no limit of an exchange was broken', broken.length === 0, broken.slice(0, 5));
await Promise.all([kafka.discard(), redis.discard(), simulator.stop()]);
endAllServers();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
