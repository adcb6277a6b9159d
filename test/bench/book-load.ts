import { parseArgs } from 'node:util';
import { EXCHANGES } from '../../exchanges/index.ts';
import { startKafka } from '../services/kafka.ts';
import { startRegistry } from '../services/registry.ts';
import { endAllServers } from '../services/scratch.ts';
import { spawnSimulator } from '../simulator/process.ts';
import { startCollector } from './collector.ts';
import { cpuMicros, rssMb, slope } from './process-use.ts';

/**
 * A thousand order books of all exchanges, 20,000 level changes a second spread over them by Zipf's law: what the
 * collector takes of a core, and whether its memory stays. Needs ten minutes for memory; never a test.
 *
 *   bun test/bench/book-load.ts [--minutes 10] [--codes 91] [--rate 20000]
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    /** Of each exchange. */
    codes: { type: 'string', default: '91' },
    rate: { type: 'string', default: '20000' },
  },
});

/** Binance's whole books are fetched within a minute of its limits, and heap and pools come to their size. */
const WARM_UP_MS = 90_000;
const SAMPLE_MS = 2000;

function halfMinutes(memory: readonly { readonly x: number; readonly y: number }[]): string[] {
  const halves = Map.groupBy(memory, ({ x }) => Math.floor(2 * x));
  return Array.from(halves.values(), (some) =>
    (some.reduce((sum, { y }) => sum + y, 0) / some.length).toFixed(1),
  );
}

const exchanges = EXCHANGES.filter(({ types }) => types.includes('orderbook')).map(({ id }) => id);
try {
  const [kafka, registry, simulator] = await Promise.all([
    startKafka(),
    startRegistry(),
    spawnSimulator([
      ...['--exchanges', exchanges.join(','), '--symbols', values.codes, '--rate', '0', '--no-rows'],
      ...['--book-rate', values.rate, '--zipf', '1'],
    ]),
  ]);
  const services = { KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap, SCHEMA_REGISTRY_URL: registry.url };
  const streams = Object.entries(simulator.exchanges).flatMap(([exchange, { symbols }]) => [
    ...['--exchange', exchange, '--type', 'orderbook', '--symbols', symbols.join(',')],
  ]);
  const collector = await startCollector({ ...services, ...simulator.env }, streams);
  await Bun.sleep(WARM_UP_MS);
  const startedAt = performance.now();
  const [cpu, simulatorCpu] = [cpuMicros(collector.pid), cpuMicros(simulator.pid)];
  const before = await collector.totals();
  const memory: { x: number; y: number }[] = [];
  for (const end = startedAt + Number(values.minutes) * 60_000; performance.now() < end; ) {
    await Bun.sleep(SAMPLE_MS);
    memory.push({ x: (performance.now() - startedAt) / 60_000, y: rssMb(collector.pid) });
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await collector.totals();
  const share = (from: number, pid: number) => (cpuMicros(pid) - from) / 1e6 / seconds;
  const figures = {
    books: exchanges.length * Number(values.codes),
    rows_per_s: (after.acked - before.acked) / seconds,
    rejected: after.rejected - before.rejected,
    cpu_share: share(cpu, collector.pid),
    simulator_cpu_share: share(simulatorCpu, simulator.pid),
    p50_ms: after.p50,
    p99_ms: after.p99,
    rss_mb: memory.at(-1)?.y ?? 0,
    rss_peak_mb: Math.max(...memory.map(({ y }) => y)),
    // The first half settles.
    rss_slope_mb_per_min: slope(memory.slice(memory.length >> 1)),
  };
  console.log(`resident memory, means of half a minute each, MB: ${halfMinutes(memory).join(' ')}`);
  const digits = (value: number) => Number(value.toFixed(3));
  console.log(JSON.stringify(Object.fromEntries(Object.entries(figures).map(([k, v]) => [k, digits(v)]))));
  await collector.stop();
  await simulator.stop();
} finally {
  await endAllServers();
}
