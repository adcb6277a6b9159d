import { expect, setDefaultTimeout, test } from 'bun:test';
import { createLog } from '../../src/common/log.ts';
import { startCollector } from '../../src/config/container.ts';
import { loadSettings } from '../../src/config/load.ts';
import { readTopic } from '../services/avro-consumer.ts';
import { startKafka } from '../services/kafka.ts';
import { startSimulator } from '../simulator/simulator.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const CODES = 6;

type Item = Record<string, number> & { details: Record<string, number> };
interface Metrics {
  readonly exchange: string;
  readonly request_type: string;
  readonly batch: { readonly items: [Item] };
}
interface Rows {
  readonly exchange: string;
  readonly code: string;
  readonly data: readonly { readonly received_at: number }[];
}

function sum(items: readonly object[], field: string): number {
  return items.reduce((total, item) => total + ((item as Record<string, number>)[field] ?? 0), 0);
}

/** Waits until the wall clock is `from` to `to` seconds into a minute. */
async function secondOfMinute(from: number, to: number): Promise<void> {
  while (!inside(from, to)) await Bun.sleep(50);
}

function inside(from: number, to: number): boolean {
  const second = (Date.now() / 1000) % 60;
  return second >= from && second < to;
}

test('what the minutes say is what was sent and what lies in Kafka, over bad frames, closed sockets and a broker that is away at the boundary', async () => {
  const broker = await startKafka();
  const simulator = await startSimulator({ exchanges: ['upbit'], symbols: 20, rowsPerS: 300 });
  const symbols = simulator.symbols('upbit').slice(0, CODES);
  const settings = loadSettings({
    folder: null,
    environment: { ...simulator.env(), KAFKA_BOOTSTRAP_SERVERS: broker.bootstrap },
    overrides: ['messaging.use_avro=false', 'state.driver=memory', 'http.port=0'],
    flags: { streams: [{ exchange: 'upbit', type: ['ticker', 'trade'], symbols }] },
  });
  await secondOfMinute(35, 45);
  const collector = await startCollector(settings, createLog('silent', false));
  const symbol = symbols[0] ?? '';
  await Bun.sleep(4000);
  for (const kind of ['text', 'truncated']) await simulator.do({ do: 'garbage', exchange: 'upbit', kind });
  await simulator.do({ do: 'nan', exchange: 'upbit', type: 'ticker', symbol });
  await simulator.do({ do: 'duplicate', exchange: 'upbit', symbol });
  await simulator.do({ do: 'close', exchange: 'upbit', code: 1000 });
  await secondOfMinute(57, 60);
  await broker.kill9();
  await Bun.sleep(6000);
  await broker.restart();
  await Bun.sleep(4000);
  await simulator.do({ do: 'rate', rowsPerS: 0 });
  await Bun.sleep(1000);
  expect(await collector.stop()).toEqual({ undelivered: 0, messages: 0 });

  const read = async <Value>(topic: string) =>
    (await readTopic<Value>({ bootstrap: broker.bootstrap, topic })).flatMap(({ value }) => value ?? []);
  const layers = await Promise.all(
    ['reception', 'processing', 'quality'].map((layer) => read<Metrics>(`ws.metrics.${layer}.korea`)),
  );
  for (const type of ['ticker', 'trade'] as const) {
    const [reception, processing, quality] = layers.map((layer) =>
      layer.filter(({ request_type }) => request_type === type).map(({ batch }) => batch.items[0]),
    ) as [Item[], Item[], Item[]];
    const starts = processing.map(({ minute_start_ts_kst }) => minute_start_ts_kst);
    expect(starts).toHaveLength(2);
    expect((starts[1] ?? 0) - (starts[0] ?? 0)).toBe(60);
    expect(reception.map(({ minute_start_ts_kst }) => minute_start_ts_kst)).toEqual(starts);
    expect(quality.map(({ minute_start_ts_kst }) => minute_start_ts_kst)).toEqual(starts);

    const rows = (await read<Rows>(`${type}-data.korea`)).flatMap(({ code, data }) =>
      data.map(({ received_at }) => ({ code, minute: Math.floor(received_at / 60e6) * 60 })),
    );
    for (const [index, start] of starts.entries()) {
      const own = rows.filter(({ minute }) => minute === start);
      expect(own.length).toBeGreaterThan(200);
      expect(processing[index]?.total_acknowledged).toBe(own.length);
      if (type === 'trade') continue;
      const byCode = Object.fromEntries(
        [...Map.groupBy(own, ({ code }) => code)].map(([code, all]) => [code, all.length]),
      );
      expect(processing[index]?.details).toEqual(byCode);
    }
    const sentRows = simulator.ledger.minutes().filter((minute) => minute.type === type);
    expect(sum(processing, 'total_processed')).toBe(sum(sentRows, 'rows'));
  }
  const faults = simulator.ledger.of('fault', 'upbit');
  expect(faults.length).toBe(5);
  const all = (layer: Metrics[] = []) => layer.map(({ batch }) => batch.items[0]);
  const sent = simulator.ledger.minutes();
  expect(sum(all(layers[0]), 'total_received')).toBe(sum(sent, 'frames') + faults.length);
  expect(sum(all(layers[0]), 'bytes_received')).toBe(sum(sent, 'bytes') + sum(faults, 'bytes'));
  expect(sum(all(layers[0]), 'total_parsed')).toBe(sum(sent, 'frames'));
  expect(sum(all(layers[0]), 'total_parse_failed')).toBe(faults.length);
  expect(sum(all(layers[1]), 'total_failed')).toBe(faults.length);
  await simulator.stop();
  await broker.kill9();
}, 180_000);
