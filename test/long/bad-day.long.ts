import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { audited } from '../integration/audit-parts.ts';
import { freshBinary } from '../integration/binary.ts';
import { readTopic } from '../services/avro-consumer.ts';
import { endAllServers, scratchDir } from '../services/scratch.ts';
import { notDeleted } from './checks/audit.ts';
import { type Happened, runFaults } from './day.ts';
import { Metronome } from './metronome.ts';
import { FULL_MINUTES, plan } from './plan.ts';
import { ledgerFile, type RawTopic } from './read-back.ts';
import { type Check, type Seen, verdict } from './verdict.ts';
import { Watch } from './watch.ts';
import { EXCHANGES, regionOf, startStreams, startWorld, type World } from './world.ts';

/**
 * The bad day: eleven exchanges, and everything that can go wrong around a collector, one thing after another. Prints
 * what was looked at and, at the end, `N passed, M failed`; exit code 0 where nothing failed.
 *
 *   bun test/long/bad-day.long.ts [--minutes 15] [--faults freeze,redis-oom] [--binary] [--keep DIR]
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: String(FULL_MINUTES) },
    faults: { type: 'string', default: '' },
    binary: { type: 'boolean', default: false },
    /** Of each exchange; all exchanges together have eleven times as many. */
    codes: { type: 'string', default: '46' },
    rate: { type: 'string', default: '1000' },
    keep: { type: 'string' },
  },
});

const WARM_UP_MS = 20_000;
/** What belongs to the start after the first readiness. */
const START_MS = 2000;
const READY_WITHIN_MS = 60_000;
/** What was done last may take so long to heal: codes that were refused are asked for again ever more seldom. */
const SETTLE_MS = 15_000;
/** What is on its way when nothing more is sent arrives in this time. */
const LULL_MS = 3000;

const started = Date.now();

function say(line: string): void {
  console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`);
}

async function run(folder: string): Promise<Check[]> {
  const minutes = Number(values.minutes);
  const faults = plan(minutes, values.faults === '' ? [] : values.faults.split(','));
  const codes = Number(values.codes);
  const form = values.binary ? 'binary' : 'source';
  if (values.binary) await freshBinary();
  const world = await startWorld({ form, codes, rowsPerS: Number(values.rate), folder });
  say(`services are up; logs in ${folder}`);
  const metronome = await Metronome.start(world.cluster.bootstrap);
  const began = Date.now();
  await startStreams(world, codes);
  const watch = new Watch(world.url, world.collector);
  await watch.untilReady(READY_WITHIN_MS);
  // The start itself is what the first rows wait for: code is compiled, five hundred codes are subscribed, and brokers that
  // began a moment ago let an idempotent producer wait for its id ("coordinator load in progress").
  world.suffered.push({ name: 'start', from: began, to: Date.now() + START_MS });
  await Bun.sleep(WARM_UP_MS);
  const from = Date.now();
  const happened = await runFaults(world, watch, faults, minutes, say);
  await Bun.sleep(SETTLE_MS);
  await world.simulator.do({ do: 'rate', rowsPerS: 0 });
  await Bun.sleep(LULL_MS);
  const to = Date.now();
  watch.stop();
  const stop = await world.collector.stop();
  say('the collector has stopped');
  const independent = await metronome.stop(world.suffered);
  const seen = {
    independent,
    ...(await readAll(world, folder)),
    happened,
    from,
    to,
    stop,
    ...lookedAt(world, watch),
  };
  const audit = await auditAll(world, happened, folder);
  await world.end();
  writeFileSync(join(folder, 'readyz.json'), JSON.stringify({ from, happened, ready: watch.ready }, null, 1));
  return [...verdict(seen), audit];
}

/** The last step: what the program itself says of what lies in the topics. */
async function auditAll(
  { cluster, registry, deleted }: World,
  happened: readonly Happened[],
  folder: string,
) {
  const said = await audited({
    KAFKA_BOOTSTRAP_SERVERS: cluster.bootstrap,
    SCHEMA_REGISTRY_URL: registry.url,
  });
  writeFileSync(join(folder, 'audit.json'), JSON.stringify(said, null, 1));
  if (!said.report) return { name: 'audit', passed: false, told: [said.err] };
  const until = happened.find(({ fault }) => fault.name === 'topic-deleted')?.to ?? 0;
  const gone = deleted.map(({ topic }) => ({ topic, until }));
  const { rows, unexplained, codes } = said.report;
  const left = notDeleted(said.report.findings, gone, regionOf);
  const sum = (field: string) => codes.reduce((total, code) => total + Number(code[field] ?? 0), 0);
  const figures = `${rows} rows, ${sum('repeats')} repeats, ${sum('fenced')} dropped for their fence, ${sum('holes')} holes of ${sum('missing')} trades; ${unexplained} unexplained, ${left.length} of them not for a deleted topic`;
  const lines = left
    .slice(0, 12)
    .map(({ kind, exchange, request_type, code, told }) =>
      [kind, exchange, request_type, code, told].join(' '),
    );
  return { name: 'audit explains everything', passed: left.length === 0, told: [figures, ...lines] };
}

function lookedAt({ collector, commands, suffered }: World, watch: Watch) {
  const { restarts, unasked } = collector;
  return { commands, suffered, restarts, unasked, ready: watch.ready, memory: watch.memory };
}

/** The ledger of the exchanges and all that lies in Kafka. */
async function readAll(world: World, folder: string) {
  const file = join(folder, 'ledger.ndjson');
  await world.simulator.do({ do: 'dump', file });
  const ledger = await ledgerFile(file);
  const topics: RawTopic[] = [...world.deleted];
  for (const region of Object.keys(EXCHANGES))
    for (const type of ['ticker', 'trade']) topics.push(await world.read(`${type}-data.${region}`));
  if (values.keep !== undefined) keepRows(join(folder, 'kafka.ndjson'), topics);
  const { bootstrap } = world.cluster;
  const messages = await readTopic<Seen['events'][number]>({ bootstrap, topic: 'ws.event' });
  const events = messages.flatMap(({ value }) => (value === null ? [] : [value]));
  writeFileSync(join(folder, 'events.ndjson'), events.map((event) => JSON.stringify(event)).join('\n'));
  say(`read back ${topics.reduce((sum, { rows }) => sum + rows.length, 0)} rows and ${events.length} events`);
  return { ...ledger, topics, events };
}

/** For whoever has to find out why a row is missing or late. */
function keepRows(file: string, topics: readonly RawTopic[]): void {
  const sink = Bun.file(file).writer();
  for (const row of topics.flatMap(({ rows }) => rows)) sink.write(`${JSON.stringify(row)}\n`);
  void sink.end();
}

const folder = values.keep === undefined ? scratchDir('bad-day') : resolve(values.keep);
mkdirSync(folder, { recursive: true });
let checks: Check[] = [];
try {
  checks = await run(folder);
} catch (error) {
  checks = [{ name: 'the run itself', passed: false, told: [String(error)] }];
} finally {
  await endAllServers();
}
for (const { name, passed, told } of checks) {
  console.log(`${passed ? '(pass)' : '(fail)'} ${name}: ${told[0]}`);
  for (const line of told.slice(1)) console.log(`         ${line}`);
}
const failed = checks.filter(({ passed }) => !passed).length;
say('end');
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
