import { parseArgs } from 'node:util';
import { startKafka } from '../services/kafka.ts';
import { startRegistry } from '../services/registry.ts';
import { endAllServers } from '../services/scratch.ts';
import { BINANCE_TRADE, UPBIT_TICKER } from './feeds.ts';
import { observationCost } from './observation-cost.ts';
import { readCost } from './read-cost.ts';
import { type Saturation, saturation } from './saturation.ts';
import { steady } from './steady.ts';

/**
 * What the collector costs, against a real broker and registry, beside the floor of the same run. Never a test:
 * figures depend on the machine.
 *
 *   bun run bench [--minutes 2] [--quick]
 *
 * `--minutes` is how long the steady load runs and memory is watched; 10 for a figure to rely on. `--quick` measures
 * shorter and leaves out the plug-ins and the cost of watching. The last line is one JSON object.
 */
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '2' }, quick: { type: 'boolean', default: false } },
});
const windows = values.quick ? { seconds: 2, count: 3 } : { seconds: 4, count: 3 };
const steadySeconds = values.quick ? 10 : Number(values.minutes) * 60;

const round = (value: number, digits: number) => Number(value.toFixed(digits));

function told(name: string, { floor_us, row_us, ratio, rows_per_s, frame_bytes }: Saturation) {
  const figures = `floor ${floor_us.toFixed(2)} µs, row ${row_us.toFixed(2)} µs, ratio ${ratio.toFixed(2)}`;
  const how = `${Math.round(rows_per_s)} rows/s, ${Math.round(frame_bytes)} B a frame`;
  console.log(`${name}: ${figures} (${how})`);
  return {
    floor_us: round(floor_us, 2),
    row_us: round(row_us, 2),
    ratio: round(ratio, 2),
    rows_per_s: Math.round(rows_per_s),
  };
}

try {
  const [kafka, registry] = await Promise.all([startKafka(), startRegistry()]);
  const services = { KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap, SCHEMA_REGISTRY_URL: registry.url };

  console.log('CPU per row from the socket to acknowledged Avro in Kafka, at saturation, beside the floor:');
  const ticker = told('  Upbit ticker ', await saturation(UPBIT_TICKER, services, windows));
  const trade = told('  Binance trade', await saturation(BINANCE_TRADE, services, windows));

  const load = await steady(services, steadySeconds, windows);
  const share = `${(load.cpu_share * 100).toFixed(1)} % of a core at ${Math.round(load.rows_per_s)} rows/s`;
  console.log(
    `Steady load, 600 codes: ${share}, ${Math.round(load.kafka_messages_per_s)} messages/s to Kafka`,
  );
  console.log(`  of which receiving and parsing alone: ${(load.floor_share * 100).toFixed(1)} % of a core`);
  console.log(
    `  from arrival to acknowledgement: p50 ${Math.round(load.p50_ms)} ms, p99 ${Math.round(load.p99_ms)} ms`,
  );
  const slope = `${load.rss_slope_mb_per_min.toFixed(2)} MB a minute over ${steadySeconds} s`;
  console.log(`Memory: ${Math.round(load.rss_mb)} MB resident, ${slope}`);
  await endAllServers();

  if (!values.quick) {
    console.log('CPU per frame of each plug-in, JSON.parse and read with its JSON.parse:');
    for (const { exchange, type, chars, parseUs, readUs, onTop } of await readCost()) {
      const cost = `${parseUs.toFixed(2)} µs parse, ${readUs.toFixed(2)} µs read, ${onTop.toFixed(2)} × parse on top`;
      console.log(
        `  ${exchange.padEnd(9)} ${type.padEnd(7)} ${String(chars).padStart(5)} characters: ${cost}`,
      );
    }
    const { on_us, off_us, cost_us } = await observationCost();
    const watching = `${on_us.toFixed(2)} µs a row watched, ${off_us.toFixed(2)} not, cost ${cost_us.toFixed(2)}`;
    console.log(`Metrics, in a pipeline without sockets and Kafka: ${watching}`);
  }

  console.log(
    JSON.stringify({
      ticker,
      trade,
      steady: {
        rows_per_s: Math.round(load.rows_per_s),
        cpu_share: round(load.cpu_share, 4),
        kafka_messages_per_s: Math.round(load.kafka_messages_per_s),
        p50_ms: round(load.p50_ms, 1),
        p99_ms: round(load.p99_ms, 1),
      },
      rss_mb: round(load.rss_mb, 1),
      rss_slope_mb_per_min: round(load.rss_slope_mb_per_min, 2),
    }),
  );
} finally {
  await endAllServers();
}
