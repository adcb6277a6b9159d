import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from '../../src/common/errors.ts';
import { createLog, PHASES } from '../../src/common/log.ts';
import { startCollector } from '../../src/config/container.ts';
import { loadSettings } from '../../src/config/load.ts';
import type { RequestType } from '../../src/core/market/market.ts';
import { METRICS } from '../../src/infra/http/metric-table.ts';
import { DOCS } from '../reference.ts';
import { readTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { registry } from '../services/services.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { countBy, type Expected, expectedOf, runByTheMinute } from './minute-ledger.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const MINUTES = 5;
const CODES = 5;
const ROWS_PER_S = 150;
/** Binary frames without acks; text with acks; gzip with pings; text with heartbeats and snapshots of trades. */
const REGIONS = { upbit: 'korea', binance: 'asia', huobi: 'asia', kraken: 'na' } as const;
const EXCHANGES = Object.keys(REGIONS) as (keyof typeof REGIONS)[];
const STREAMS = EXCHANGES.flatMap((exchange) =>
  (['ticker', 'trade'] as const).map((type) => ({ exchange, type, region: REGIONS[exchange] })),
);
/** Silent for the whole of the fourth minute. */
const SILENT = { minute: 3, exchange: 'upbit', type: 'ticker' } as const;

type Item = Record<string, number> & { details: Record<string, number> };
interface Metrics {
  readonly exchange: string;
  readonly request_type: string;
  readonly batch: { readonly items: [Item] };
}
interface Batch {
  readonly exchange: string;
  readonly code: string;
  readonly data: readonly { readonly received_at: number; readonly stream_type: string }[];
}

let broker: KafkaServer;
let simulator: Simulator;
/** Epoch minutes in which the collector ran. */
let minutes: number[];
let scrape: string;
const logLines: string[] = [];
const layers = new Map<string, Metrics[]>();
const batches = new Map<string, Batch[]>();

/** What happens in the five minutes, in seconds from their start: cuts, bad frames, a broker that is away. */
function trouble() {
  const { do: act } = simulator;
  const symbol = (exchange: string) => simulator.symbols(exchange)[0] ?? '';
  const garbage = async (kind: string) => {
    for (const exchange of EXCHANGES) await act({ do: 'garbage', exchange, kind });
  };
  const nan = async (type: RequestType) => {
    for (const exchange of EXCHANGES) await act({ do: 'nan', exchange, type, symbol: symbol(exchange) });
  };
  const duplicate = async () => {
    for (const exchange of EXCHANGES) await act({ do: 'duplicate', exchange, symbol: symbol(exchange) });
  };
  const close = (exchange: string) => act({ do: 'close', exchange, code: 1001 });
  // What a cut finds on its way counts as sent and never arrives, so that there is nothing on its way.
  const cut = async (exchange: string) => {
    await act({ do: 'rate', rowsPerS: 0 });
    await Bun.sleep(300);
    await act({ do: 'cut', exchange });
    await act({ do: 'rate', rowsPerS: ROWS_PER_S });
  };
  return [
    { atS: 10, run: () => garbage('text') },
    { atS: 12, run: () => nan('ticker') },
    { atS: 14, run: () => nan('trade') },
    { atS: 16, run: duplicate },
    { atS: 20, run: () => close('upbit') },
    { atS: 25, run: () => cut('binance') },
    { atS: 30, run: () => close('huobi') },
    { atS: 35, run: () => cut('kraken') },
    { atS: 70, run: () => garbage('bytes') },
    { atS: 75, run: () => cut('upbit') },
    { atS: 80, run: () => cut('huobi') },
    { atS: 105, run: () => broker.kill9() },
    { atS: 110, run: () => garbage('truncated') },
    { atS: 125, run: () => cut('binance') },
    { atS: 130, run: () => close('kraken') },
    { atS: 135, run: () => broker.restart() },
    { atS: 140, run: duplicate },
    { atS: 150, run: () => nan('trade') },
    { atS: 160, run: () => garbage('deep') },
    {
      // Within the lull before the minute.
      atS: SILENT.minute * 60 - 0.5,
      run: () => act({ do: 'mute', exchange: SILENT.exchange, type: SILENT.type }),
    },
    { atS: 200, run: () => cut('binance') },
    { atS: (SILENT.minute + 1) * 60 - 0.5, run: () => act({ do: 'unmute', exchange: SILENT.exchange }) },
    { atS: 250, run: () => close('binance') },
    { atS: 260, run: () => cut('kraken') },
    { atS: 270, run: () => garbage('text') },
  ];
}

beforeAll(
  async () => {
    const [kafka, url, port] = await Promise.all([startKafka(), registry(), freePort()]);
    broker = kafka;
    simulator = await startSimulator({ exchanges: EXCHANGES, symbols: 20, rowsPerS: ROWS_PER_S });
    const settings = loadSettings({
      folder: null,
      environment: {
        ...simulator.env(),
        KAFKA_BOOTSTRAP_SERVERS: broker.bootstrap,
        SCHEMA_REGISTRY_URL: url,
      },
      overrides: ['state.driver=memory', `http.port=${port}`],
      flags: {
        streams: EXCHANGES.map((exchange) => ({
          exchange,
          type: ['ticker', 'trade'],
          symbols: simulator.symbols(exchange).slice(0, CODES),
        })),
      },
    });
    // All of its streams begin before the end of a minute, whose rest is compared as well, on a busy machine too.
    while ((Date.now() / 1000) % 60 > 30) await Bun.sleep(100);
    const begun = Math.floor(Date.now() / 60_000);
    const collector = await startCollector(
      settings,
      createLog('debug', false, { write: (line: string) => void logLines.push(line) }),
    );
    await runByTheMinute(simulator, ROWS_PER_S, begun + 1, MINUTES, trouble());
    await Bun.sleep(1000);
    scrape = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const stopping = Date.now();
    const left = await collector.stop();
    const said = left.messages > 0 ? [`${Date.now() - stopping} ms`, ...logLines.slice(-20)] : [];
    expect({ ...left, said }).toEqual({
      undelivered: 0,
      messages: 0,
      kept: 0,
      streams: [],
      hung: [],
      said: [],
    });
    minutes = Array.from({ length: MINUTES + 2 }, (_, minute) => begun + minute);

    const read = async <Value>(topic: string) =>
      (await readTopic<Value>({ bootstrap: broker.bootstrap, registry: url, topic })).flatMap(
        ({ value }) => value ?? [],
      );
    for (const region of new Set(Object.values(REGIONS))) {
      for (const layer of ['reception', 'processing', 'quality']) {
        const more = await read<Metrics>(`ws.metrics.${layer}.${region}`);
        layers.set(layer, [...(layers.get(layer) ?? []), ...more]);
      }
      for (const type of ['ticker', 'trade'])
        batches.set(type, [...(batches.get(type) ?? []), ...(await read<Batch>(`${type}-data.${region}`))]);
    }
  },
  (MINUTES + 4) * 60_000,
);

afterAll(async () => {
  await simulator?.stop();
  await broker?.kill9();
}, 30_000);

function items(layer: string, exchange: string, type: string): Item[] {
  return (layers.get(layer) ?? [])
    .filter((metrics) => metrics.exchange === exchange && metrics.request_type === type)
    .map(({ batch }) => batch.items[0]);
}

const RECEPTION = ['total_received', 'total_parsed', 'total_parse_failed', 'bytes_received'] as const;
const PROCESSING = ['total_processed', 'total_failed', 'total_acknowledged'] as const;

function pick(from: Readonly<Record<string, unknown>> | undefined, fields: readonly string[]) {
  return fields.map((field) => [field, from?.[field]]);
}

describe.each(STREAMS)('five minutes of $exchange $type', ({ exchange, type }) => {
  const expected = (minute: number): Expected => expectedOf(simulator.ledger, exchange, type, minute);

  test('have one message of each layer a minute, none left out', () => {
    for (const layer of ['reception', 'processing', 'quality'])
      expect([
        layer,
        items(layer, exchange, type).map((item) => (item.minute_start_ts_kst ?? 0) / 60),
      ]).toEqual([layer, minutes]);
  });

  test('are what the exchange sent, minute by minute', () => {
    const reception = items('reception', exchange, type);
    const processing = items('processing', exchange, type);
    minutes.forEach((minute, index) => {
      const sent = { ...expected(minute) };
      expect([index, pick(reception[index], RECEPTION)]).toEqual([index, pick(sent, RECEPTION)]);
      expect([index, pick(processing[index], PROCESSING)]).toEqual([index, pick(sent, PROCESSING)]);
      const { details = {} } = processing[index] ?? {};
      expect(Object.values(details).sort()).toEqual(Object.values(sent.rowsBySymbol).sort());
    });
  });

  // What was fetched afterwards did not come over a socket: minutes say nothing of it.
  test('are what lies in Kafka, minute by minute', () => {
    const rows = (batches.get(type) ?? [])
      .filter((batch) => batch.exchange === exchange)
      .flatMap(({ data }) => data.filter(({ stream_type }) => stream_type !== 'BACKFILL'))
      .map(({ received_at }) => String(Math.floor(received_at / 60e6)));
    const acknowledged = items('processing', exchange, type).map((item) => item.total_acknowledged ?? 0);
    const lying = countBy(rows, (minute) => minute);
    expect(acknowledged).toEqual(minutes.map((minute) => lying[minute] ?? 0));
  });

  test('say how complete they were', () => {
    const processing = items('processing', exchange, type);
    items('quality', exchange, type).forEach((quality, index) => {
      const sent = expected(minutes[index] ?? 0);
      const due = sent.total_acknowledged + sent.total_failed;
      expect([index, quality.data_completeness]).toEqual([
        index,
        due === 0 ? 1 : Math.round((sent.total_acknowledged / due) * 1e4) / 1e4,
      ]);
      expect(quality.symbol_coverage).toBe(Object.keys(sent.rowsBySymbol).length);
      expect((quality.health_score ?? 0) > 0).toBe((processing[index]?.total_processed ?? 0) > 0);
    });
  });

  test('add up to the counters of /metrics', () => {
    const total = (field: keyof Expected) =>
      minutes.reduce((sum, minute) => sum + Number(expected(minute)[field]), 0);
    const counter = (name: string) =>
      Number(
        new RegExp(`^kcs_${name}_total\\{exchange="${exchange}",request_type="${type}"\\} (\\S+)$`, 'm').exec(
          scrape,
        )?.[1],
      );
    expect(counter('frames_received')).toBe(total('total_received'));
    expect(counter('frames_failed')).toBe(total('total_parse_failed'));
    expect(counter('received_bytes')).toBe(total('bytes_received'));
    expect(counter('rows_received')).toBe(total('total_processed'));
    expect(counter('rows_acknowledged')).toBe(total('total_acknowledged'));
    expect(counter('rows_undelivered')).toBe(0);
  });
});

test('what was told on the way is what the reference pages have', () => {
  const page = readFileSync(join(DOCS, 'logs.md'), 'utf8');
  const documented = new Set(Array.from(page.matchAll(/^\| `([^`]+)` \|/gm), ([, field]) => field));
  const lines = logLines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const fields = new Set(lines.flatMap((line) => Object.keys(line)));
  expect([...fields].filter((field) => !documented.has(field))).toEqual([]);
  for (const line of lines) {
    expect(PHASES as readonly unknown[]).toContain(line.phase);
    expect(line).toMatchObject({
      ts: expect.any(String),
      level: expect.any(String),
      msg: expect.any(String),
    });
  }
  // A new broker's group has no coordinator yet, which is no reason for a warning.
  const early = lines.filter(({ ts }) => Date.parse(String(ts)) < (minutes[1] ?? 0) * 60_000);
  expect(early.filter(({ level }) => level !== 'debug' && level !== 'info')).toEqual([]);
  const codes = new Set(lines.flatMap(({ error_code }) => error_code ?? []));
  expect([...codes].filter((code) => !(String(code) in ERRORS))).toEqual([]);
  expect(codes.size).toBeGreaterThan(0);
  const families = Array.from(scrape.matchAll(/^# TYPE (\S+)/gm), ([, name]) => name ?? '');
  expect(families.filter((name) => !(name in METRICS))).toEqual([]);
  const { success, stderr } = Bun.spawnSync(['promtool', 'check', 'metrics'], { stdin: Buffer.from(scrape) });
  expect([success, stderr.toString()]).toEqual([true, '']);
});

test('the five minutes had what they were to be told of', () => {
  const { ledger } = simulator;
  for (const exchange of EXCHANGES) {
    expect([exchange, ledger.of('fault', exchange).length >= 10]).toEqual([exchange, true]);
    expect([exchange, ledger.of('close', exchange).length >= 4]).toEqual([exchange, true]);
  }
  const abrupt = ledger.of('close').filter((entry) => entry.abrupt);
  expect(new Set(abrupt.map(({ exchange }) => exchange))).toEqual(new Set(EXCHANGES));
  const silent = minutes[SILENT.minute + 1] ?? 0;
  expect(expectedOf(ledger, SILENT.exchange, SILENT.type, silent)).toEqual({
    total_received: 0,
    total_parsed: 0,
    total_parse_failed: 0,
    bytes_received: 0,
    total_processed: 0,
    total_failed: 0,
    total_acknowledged: 0,
    rowsBySymbol: {},
  });
  ledger.assertNoViolations();
});
