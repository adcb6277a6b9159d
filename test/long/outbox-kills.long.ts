/**
 * kill -9 at random moments under load, the broker up, frozen or away: the topics hold every trade that was read, once, and `audit`
 * finds nothing that no gap explains. With `--second` the same beside a second collector that takes the shards over. Some 5 and 15 minutes.
 *
 *   bun test/long/outbox-kills.long.ts [--kills 30] [--rate 2000] [--second] [--settle 60] [--seed N]
 */
import { parseArgs } from 'node:util';
import { audited } from '../integration/audit-parts.ts';
import { type BrokerIs, OutboxWorld } from '../integration/outbox-parts.ts';
import { type Collector, subscribed } from '../integration/spine-parts.ts';
import { freePort } from '../services/ports.ts';
import { startRedis } from '../services/redis.ts';
import { endAllServers } from '../services/scratch.ts';
import { randomOf } from '../unit/random.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '30' },
    rate: { type: 'string', default: '2000' },
    second: { type: 'boolean', default: false },
    settle: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
  },
});
const BROKER: readonly BrokerIs[] = ['up', 'frozen', 'away'];
const CODES = 20;
const WITHIN_MS = 200;
/** So long a killed one stays away where another is to take over: longer than leases live. */
const LEASE_MS = 8_000;
const TAKEOVER_MS = 12_000;
/** What is to be fetched is at its end within so long after the last kill. */
const FETCHED_MS = 300_000;
const STARTS = 6;

const random = randomOf(Number(values.seed));
console.log(`seed ${values.seed}`);
const redis = values.second ? await startRedis() : null;
const world = await OutboxWorld.start(['upbit', 'bithumb', 'binance', 'okx'], {
  ...{ codes: CODES, rowsPerS: Number(values.rate) },
  flags: redis ? ['--set', `state.lease_ms=${LEASE_MS}`] : [],
  env: redis ? { REDIS_URL: redis.url } : {},
});
world.begin();
let other: Collector | null = null;
await subscribed(world.simulator, CODES);
const otherPort = await freePort();
if (redis) other = world.beside('two', otherPort);
for (let kill = 0; kill < Number(values.kills); kill++) {
  const broker = BROKER[kill % BROKER.length] ?? 'up';
  await Bun.sleep(2_000 + random() * 4_000);
  if (broker === 'frozen') world.kafka.pause();
  if (broker === 'away') await world.kafka.kill9();
  if (broker !== 'up') await Bun.sleep(random() * 4_000);
  await world.kill();
  if (redis) await Bun.sleep(TAKEOVER_MS);
  if (broker === 'frozen') world.kafka.resume();
  if (broker === 'away') await brokerBack();
  world.begin();
  console.log(`kill ${kill + 1}: broker ${broker}`);
}
await Bun.sleep(Number(values.settle) * 1000);
if (redis) {
  const left = await world.settled([world.url, `http://127.0.0.1:${otherPort}`], FETCHED_MS);
  console.log(left.length === 0 ? 'all is fetched' : `still to be fetched: ${left.join(', ')}`);
}
const life = world.lives.at(-1);
if (life) life.to = Date.now();
const both = [world.collector, other].filter((one) => one !== null);
const codes: number[] = [];
for (const one of both) codes.push((await one.stop()).code);
for (const [at, code] of codes.entries()) if (code !== 0) console.log((await both[at]?.said)?.slice(-4_000));
const { missing, repeated, doubled, twice, disordered, ...counts } = await world.verdict(WITHIN_MS);
console.log(JSON.stringify({ codes, ...counts }));
console.log(
  `missing ${missing.length}, repeated ${repeated.length}, twice ${twice.length}, doubled ${doubled.length}, disordered ${disordered.length}`,
);
console.log(`by exchange: twice ${byExchange(twice)}, doubled ${byExchange(doubled)}`);
for (const row of missing.slice(0, 10)) console.log(JSON.stringify(row));
for (const name of twice.slice(0, 10)) console.log(`twice: ${name}`);
for (const name of repeated.slice(0, 10)) console.log(`repeated: ${name}`);
const { report, err } = await audited({
  KAFKA_BOOTSTRAP_SERVERS: world.kafka.bootstrap,
  SCHEMA_REGISTRY_URL: world.registry,
});
console.log(report ? `audit: ${report.rows} rows, ${report.unexplained} unexplained` : err);
for (const found of report?.findings.slice(0, 10) ?? []) console.log(JSON.stringify(found));
const wrong =
  missing.length + repeated.length + twice.length + (redis ? 0 : doubled.length + disordered.length);
await world.end();
await redis?.discard();
await endAllServers();
const fine = wrong === 0 && report?.unexplained === 0 && codes.every((code) => code === 0);
console.log(fine ? '1 passed, 0 failed' : '0 passed, 1 failed');
process.exit(fine ? 0 : 1);

/** On a busy machine it does not always answer in its time. */
async function brokerBack(): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await world.kafka.restart();
    } catch (error) {
      if (tries === STARTS) throw error;
    }
  }
}

function byExchange(names: readonly string[]): string {
  const counts = Map.groupBy(names, (name) => name.split(' ')[0]);
  return JSON.stringify(Object.fromEntries([...counts].map(([exchange, all]) => [exchange, all.length])));
}
