import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { avroCodec, parseSchema } from '../../src/infra/avro/codec.ts';
import { kafkaOrFault, producerOptions } from '../../src/infra/kafka/client/client-options.ts';
import { Producer } from '../../src/infra/kafka/client/producer.ts';
import { startKafka } from '../services/kafka.ts';
import { createTopic } from '../services/kafka-wire.ts';
import { endAllServers } from '../services/scratch.ts';

/**
 * What `audit` costs: trades in Avro on a real broker, read by the program as it is started by a user. Prints CPU and
 * wall seconds, the most memory, and that nothing was found.
 *
 *   bun test/bench/audit.ts [ROWS] [ROWS_A_MESSAGE]
 */
const ROWS = Number(process.argv[2] ?? 1_000_000);
const ROWS_A_MESSAGE = Number(process.argv[3] ?? 4);
const CODES = 200;
const TOPIC = 'trade-data.asia';
const ROOT = join(import.meta.dir, '../..');
const text = readFileSync(join(ROOT, 'schemas/trade_batch.avsc'), 'utf8');

const kafka = await startKafka();
const registry = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => Response.json({ schema: text }) });
await createTopic(kafka.bootstrap, TOPIC, 4);
await createTopic(kafka.bootstrap, 'ws.event', 1);
await fill();
for (const command of ['version', 'audit']) {
  const from = performance.now();
  const child = Bun.spawn([process.execPath, 'index.ts', command], {
    cwd: ROOT,
    env: {
      ...{
        PATH: process.env.PATH ?? '',
        HOME: process.env.HOME ?? '',
        KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap,
      },
      SCHEMA_REGISTRY_URL: `http://127.0.0.1:${registry.port}`,
    },
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const out = await child.stdout.text();
  const code = await child.exited;
  const use = child.resourceUsage();
  const cpu = Number(use?.cpuTime.total ?? 0) / 1e6;
  console.log(out.trimEnd().split('\n').at(-1));
  console.log(
    `${command}: exit ${code}, CPU ${cpu.toFixed(2)} s (user ${Number(use?.cpuTime.user ?? 0) / 1e6}), ${((performance.now() - from) / 1000).toFixed(1)} s, most memory ${Math.round((use?.maxRSS ?? 0) / 1024 / 1024)} MiB`,
  );
}
await registry.stop(true);
await endAllServers();
process.exit(0);

/** Trades of Binance in their order, some at a time, as a collector writes them. */
async function fill(): Promise<void> {
  const codec = avroCodec(parseSchema(text, 'trade_batch.avsc'), 1, 1);
  const all = Promise.withResolvers<void>();
  let open = Math.ceil(ROWS / ROWS_A_MESSAGE);
  const cluster = { bootstrapServers: kafka.bootstrap, clientId: 'bench', options: {} };
  const producer = new Producer(kafkaOrFault(), producerOptions(cluster, 20), {
    report: (_, code) =>
      code === 0 ? --open === 0 && all.resolve() : all.reject(new Error(`librdkafka ${code}`)),
    error() {},
    log() {},
    statistics() {},
  });
  await producer.connect(20_000);
  const start = 1_790_000_000_000_000;
  for (let row = 0, id = 0; row < ROWS; id++) {
    const nth = id % CODES;
    const code = `USDT-C${nth}`;
    const data = Array.from({ length: ROWS_A_MESSAGE }, (_, at) => ({
      ...{
        timestamp: start + (row + at) * 500,
        received_at: start + (row + at) * 500 + 40_000,
        stream_type: 'REALTIME',
      },
      trade_id: String(4_000_000_000 + Math.floor(id / CODES) * ROWS_A_MESSAGE + at),
      ...{ price: 1 + at, volume: 0.5, amount: 0.5 + at, side: 'BUY' },
    }));
    row += ROWS_A_MESSAGE;
    const value = codec.encode({
      ...{
        ticket_id: crypto.randomUUID(),
        exchange: 'binance',
        region: 'asia',
        request_type: 'trade',
        symbol: `C${nth}USDT`,
      },
      ...{ base: `C${nth}`, quote: 'USDT', code, timestamp_ms: start / 1000, batch_size: data.length, data },
    });
    const message = {
      ...{
        topic: TOPIC,
        key: `binance|${code}`,
        value,
        rows: 0,
        delivered() {},
        refused() {},
        undelivered() {},
      },
      headers: [
        { 'content-type': 'application/avro' },
        { 'schema-version': '1' },
        { fence: '1788335180101' },
      ],
      split: () => null,
    };
    const refused = producer.produce(message, id);
    if (refused !== 0) throw new Error(`librdkafka ${refused}`);
    if (id % 1000 === 0) await Bun.sleep(0);
  }
  await all.promise;
  await producer.close();
}
