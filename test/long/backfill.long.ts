/**
 * Trades that are missed on all eleven exchanges and fetched afterwards: cuts of 2 s, 30 s and 5 minutes under load, REST that
 * refuses, lags and answers late, a process that is ended in the middle. Some fifteen minutes.
 *
 *   bun test/long/backfill.long.ts [--cuts 2,30,300] [--rows 400] [--codes 4] [--exchanges binance,upbit]
 */
import { parseArgs } from 'node:util';
import { EXCHANGES } from '../../exchanges/index.ts';
import { cutAll, gapsOf, pastVerdict, startTrades, unfilled } from '../integration/backfill-parts.ts';
import { type Running, shared } from '../integration/leases-parts.ts';
import { startKafka } from '../services/kafka.ts';
import { startRedis } from '../services/redis.ts';
import { endAllServers } from '../services/scratch.ts';
import { startSimulator } from '../simulator/simulator.ts';

const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '2,30,300' },
    rows: { type: 'string', default: '400' },
    codes: { type: 'string', default: '4' },
    exchanges: { type: 'string', default: EXCHANGES.map(({ id }) => id).join(',') },
  },
});
const ids = values.exchanges.split(',');
const exchanges = EXCHANGES.filter(({ id }) => ids.includes(id));
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
    const gaps = await Promise.all(ids.map((exchange) => gapsOf(kafka.bootstrap, exchange)));
    const left = gaps.flatMap((of, at) => unfilled(of).map((one) => `${ids[at]} ${one}`));
    if (left.length === 0 || Date.now() > deadline) return left;
    await Bun.sleep(3000);
  }
}

let running = await collector();
await Bun.sleep(5000);
for (const seconds of values.cuts.split(',').map(Number)) {
  for (const exchange of ids) await simulator.do({ do: 'past', exchange, delayMs: 1500 });
  await simulator.do({ do: 'rest', exchange: ids[0] as string, status: 429, retryAfterS: 3, times: 3 });
  await cut(seconds * 1000);
  await shared([running], [ids.length], LIVE_MS);
  const left = await filled();
  check(`after a cut of ${seconds} s every gap is told with what became of it`, left.length === 0, left);
}
for (const exchange of ids) await simulator.do({ do: 'rest', exchange, status: 503, forMs: 3_600_000 });
await cut(5000);
await shared([running], [ids.length], LIVE_MS);
await Bun.sleep(8000);
running.program.kill('SIGTERM');
check('it stops by itself', (await running.program.ended).code === 0, null);
for (const exchange of ids) await simulator.do({ do: 'rest', exchange, forMs: 0 });
running = await collector();
await Bun.sleep(5000);
const left = await filled();
check('what one process left the next one fills', left.length === 0, left);
const lastMs = Date.now() - 3000;
running.program.kill('SIGTERM');
check('the next one stops by itself', (await running.program.ended).code === 0, null);

for (const { id, region } of exchanges) {
  const {
    filled: rows,
    missing,
    again,
    ...wrong
  } = await pastVerdict(simulator, kafka.bootstrap, id, region, lastMs);
  const fine = Object.values(wrong).every((list) => list.length === 0);
  check(`${id}: no row twice, none that never happened`, fine, { ...wrong, again });
  check(`${id}: rows were fetched`, rows > 0, rows);
  const told = (await gapsOf(kafka.bootstrap, id)).flatMap(({ fill }) => (fill ? [fill] : []));
  const states = Map.groupBy(told, ({ state, proof }) => `${state} ${proof}`);
  const counts = Object.fromEntries(Array.from(states, ([name, of]) => [name, of.length]));
  if (SHORT.has(id))
    check(
      `${id}: what is missing is told`,
      missing.length === 0 || counts['partial none'] !== undefined || counts['impossible none'] !== undefined,
      { counts, missing: missing.length },
    );
  else check(`${id}: everything is there`, missing.length === 0, { counts, missing });
}
const broken = simulator.ledger.violations();
check('no limit of an exchange was broken', broken.length === 0, broken.slice(0, 5));
await Promise.all([kafka.discard(), redis.discard(), simulator.stop()]);
endAllServers();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
