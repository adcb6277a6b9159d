import { parseArgs } from 'node:util';
import { startKafka } from '../services/kafka.ts';
import { startRegistry } from '../services/registry.ts';
import { endAllServers } from '../services/scratch.ts';
import { bookCosts, tellBooks } from './book-cost.ts';
import { BINANCE_BOOK, BINANCE_TRADE, UPBIT_BOOK, UPBIT_TICKER } from './feeds.ts';
import { type MessageCost, type MessageWindows, messageCost } from './message-cost.ts';
import { messageFloor } from './message-floor.ts';
import { observationCost } from './observation-cost.ts';
import { median } from './process-use.ts';
import { readCost } from './read-cost.ts';
import { type Saturation, saturation } from './saturation.ts';
import { type Steady, steady } from './steady.ts';
import { type SteadyWindow, steadyWindows } from './steady-windows.ts';

/**
 * What the collector costs, against a real broker and registry, beside the floor of the same run. Never a test:
 * figures depend on the machine.
 *
 *   bun run bench [--minutes 3] [--runs 1] [--quick | --aims]
 *
 * `--minutes` is how long a steady load runs and memory is watched, 3 at least for times that hold nothing of the warm-up,
 * 10 for memory. `--runs` measures all but the plug-ins so many times; the last line has medians and ranges. `--quick`
 * measures shorter, cold, and leaves out the plug-ins and the cost of watching: for a look, not for a figure. `--aims`
 * measures what the aims are about, five times each in 24 minutes: a message and the steady load in five windows after one
 * warm-up, saturation in five runs. The last line is one JSON object.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    runs: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
    aims: { type: 'boolean', default: false },
  },
});
const windows = values.quick ? { seconds: 2, count: 3 } : { seconds: 4, count: 3 };
const seconds = values.quick ? 15 : Number(values.minutes) * 60;
const warmUpMs = values.quick ? 10_000 : 45_000;
const messages = values.quick ? { warmUpS: 5, seconds: 5 } : { warmUpS: 45, seconds: 30 };
/** Windows of `batch.window_ms` beside the default, ms. */
const WINDOWS = [20, 5];
const TIMES = 5;
const FLOOR_WARM_UP_S = 5;
/** With `--aims`: times of arrival to acknowledgement reach three minutes back, and so to 45 s after the start. */
const AIMS = {
  saturation: { seconds: 4, count: 2 },
  messages: { warmUpS: 45, seconds: 8, count: TIMES },
  messagesSaturated: { warmUpS: 15, seconds: 5, count: TIMES },
  steady: { warmUpMs: 195_000, windows: { seconds: 30, count: TIMES } },
};
/** Kafka messages of the steady load, about. */
const STEADY_RATE = 1_600;

/** A figure of every run, by name. */
const figures = new Map<string, number[]>();

function keep(name: string, value: number, digits: number): void {
  figures.set(name, [...(figures.get(name) ?? []), Number(value.toFixed(digits))]);
}

function tellSaturation(name: string, label: string, one: Saturation): void {
  const { floor_us, row_us, ratio, rows_per_s, frame_bytes } = one;
  const costs = `floor ${floor_us.toFixed(2)} µs, row ${row_us.toFixed(2)} µs, ratio ${ratio.toFixed(2)}`;
  console.log(`${label}: ${costs} (${Math.round(rows_per_s)} rows/s, ${Math.round(frame_bytes)} B a frame)`);
  keep(`${name}.floor_us`, floor_us, 2);
  keep(`${name}.row_us`, row_us, 2);
  keep(`${name}.ratio`, ratio, 2);
  keep(`${name}.rows_per_s`, rows_per_s, 0);
}

function tellMessages(name: string, label: string, { us, messagesPerS }: MessageCost): void {
  console.log(`${label}: ${us.toFixed(2)} µs (${Math.round(messagesPerS)} messages/s)`);
  keep(`${name}.us`, us, 2);
  keep(`${name}.messages_per_s`, messagesPerS, 0);
}

function tellSteady(windowMs: number, load: Steady | SteadyWindow): void {
  const name = `window_${windowMs}`;
  const share = `${(load.cpu_share * 100).toFixed(1)} % of a core at ${Math.round(load.rows_per_s)} rows/s`;
  const times = `p50 ${load.p50_ms.toFixed(0)} ms, p99 ${load.p99_ms.toFixed(0)} ms`;
  const kafka = `${Math.round(load.kafka_messages_per_s)} messages/s to Kafka`;
  console.log(`  window ${windowMs} ms: ${share}, ${kafka}; from arrival to acknowledgement ${times}`);
  keep(`${name}.rows_per_s`, load.rows_per_s, 0);
  keep(`${name}.cpu_share`, load.cpu_share, 4);
  keep(`${name}.kafka_messages_per_s`, load.kafka_messages_per_s, 0);
  keep(`${name}.p50_ms`, load.p50_ms, 1);
  keep(`${name}.p99_ms`, load.p99_ms, 1);
}

function tellRatio(share: number, floorShare: number): void {
  const ratio = share / floorShare;
  const alone = `${(floorShare * 100).toFixed(1)} % of a core`;
  console.log(
    `    receiving and parsing alone: ${alone}; the collector takes ${ratio.toFixed(2)} times that`,
  );
  keep('window_100.floor_share', floorShare, 4);
  keep('window_100.ratio', ratio, 2);
}

/** @param steadyWindows of 1,600 a second; the program in C compiles nothing while it runs, and needs no warm-up */
async function tellAllMessages(
  bootstrap: string,
  steadyWindows: MessageWindows,
  saturatedWindows: MessageWindows,
): Promise<void> {
  console.log('CPU per Kafka message, the producer alone:');
  const floor = await messageFloor();
  try {
    const windows = { ...steadyWindows, warmUpS: FLOOR_WARM_UP_S };
    for (const one of await messageCost(bootstrap, STEADY_RATE, windows, [floor.program]))
      tellMessages('message_floor', `  at ${STEADY_RATE} a second, a program in C`, one);
  } finally {
    floor.remove();
  }
  for (const one of await messageCost(bootstrap, STEADY_RATE, steadyWindows))
    tellMessages('message_steady', `  at ${STEADY_RATE} a second`, one);
  for (const one of await messageCost(bootstrap, 0, saturatedWindows))
    tellMessages('message_saturated', '  at saturation   ', one);
}

/** What the aims are about. */
async function aims(services: Record<string, string>, bootstrap: string): Promise<void> {
  for (let n = 0; n < TIMES; n++) {
    tellSaturation('ticker', 'Upbit ticker ', await saturation(UPBIT_TICKER, services, AIMS.saturation));
    tellSaturation('trade', 'Binance trade', await saturation(BINANCE_TRADE, services, AIMS.saturation));
  }
  await tellAllMessages(bootstrap, AIMS.messages, AIMS.messagesSaturated);
  console.log('Steady load, 600 codes:');
  for (const windowMs of [100, ...WINDOWS]) {
    const { floor_share, of } = await steadyWindows(services, windowMs, {
      ...AIMS.steady,
      floor: windowMs === 100,
    });
    for (const load of of) {
      tellSteady(windowMs, load);
      if (floor_share !== null) tellRatio(load.cpu_share, floor_share);
    }
  }
}

async function run(services: Record<string, string>, bootstrap: string): Promise<void> {
  console.log('CPU per row from the socket to acknowledged Avro in Kafka, at saturation, beside the floor:');
  tellSaturation('ticker', '  Upbit ticker ', await saturation(UPBIT_TICKER, services, windows));
  tellSaturation('trade', '  Binance trade', await saturation(BINANCE_TRADE, services, windows));

  tellSaturation(
    'upbit_book',
    '  Upbit order book, 30 levels a side',
    await saturation(UPBIT_BOOK, services, windows),
  );
  tellSaturation(
    'binance_book',
    '  Binance order book, 20 changed levels',
    await saturation(BINANCE_BOOK, services, windows),
  );

  await tellAllMessages(bootstrap, messages, messages);

  console.log(`Steady load, 600 codes, after ${warmUpMs / 1_000} s of warm-up:`);
  const load = await steady(services, { seconds, warmUpMs, floor: windows });
  tellSteady(100, load);
  tellRatio(load.cpu_share, load.floor_share);
  const slope = `${load.rss_slope_mb_per_min.toFixed(2)} MB a minute over ${seconds} s`;
  console.log(`    memory: ${Math.round(load.rss_mb)} MB resident, ${slope}`);
  keep('rss_mb', load.rss_mb, 1);
  keep('rss_slope_mb_per_min', load.rss_slope_mb_per_min, 2);
  for (const windowMs of WINDOWS)
    tellSteady(windowMs, await steady(services, { seconds: Math.min(seconds, 180), warmUpMs, windowMs }));
}

async function plugIns(): Promise<void> {
  console.log('CPU per frame of each plug-in, JSON.parse and read with its JSON.parse:');
  for (const { exchange, type, chars, parseUs, readUs, onTop } of await readCost()) {
    const cost = `${parseUs.toFixed(2)} µs parse, ${readUs.toFixed(2)} µs read, ${onTop.toFixed(2)} × parse on top`;
    console.log(`  ${exchange.padEnd(9)} ${type.padEnd(7)} ${String(chars).padStart(5)} characters: ${cost}`);
  }
  console.log('CPU per frame of order books, from the socket to a sound row, beside the floor:');
  for await (const cost of bookCosts()) {
    console.log(`  ${tellBooks(cost)}`);
    keep(`book_${cost.exchange}.floor_us`, cost.floorUs, 2);
    keep(`book_${cost.exchange}.row_us`, cost.rowUs, 2);
    keep(`book_${cost.exchange}.ratio`, cost.ratio, 2);
  }
  const { on_us, off_us, cost_us } = await observationCost();
  const watching = `${on_us.toFixed(2)} µs a row watched, ${off_us.toFixed(2)} not, cost ${cost_us.toFixed(2)}`;
  console.log(`Metrics, in a pipeline without sockets and Kafka: ${watching}`);
}

try {
  const [kafka, registry] = await Promise.all([startKafka(), startRegistry()]);
  const services = { KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap, SCHEMA_REGISTRY_URL: registry.url };
  if (values.aims) await aims(services, kafka.bootstrap);
  else for (let n = 0; n < Number(values.runs); n++) await run(services, kafka.bootstrap);
  await endAllServers();
  if (!values.quick && !values.aims) await plugIns();
  const all = Array.from(figures, ([name, measured]) => {
    const range = measured.length > 1 ? { range: [Math.min(...measured), Math.max(...measured)] } : {};
    return [name, { median: median(measured), ...range }];
  });
  console.log(JSON.stringify(Object.fromEntries(all)));
} finally {
  await endAllServers();
}
