import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { readTopic } from '../services/avro-consumer.ts';
import { startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { endAllServers, scratchDir } from '../services/scratch.ts';
import { compareTrades } from '../simulator/compare.ts';
import { spawnSimulator } from '../simulator/process.ts';
import { launch } from './binary.ts';
import { ledgerOf, subscribed, type TradeBatch } from './spine-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(120_000);

const CODES = 250;
const ROWS_PER_S = 3000;
const RUN_MS = 20_000;
const FROZEN_MS = 800;
const FREEZES = 4;
/**
 * Window, tick and linger, and what the broker takes on a machine that is busy with ten other things, beside the time in
 * which the process stood still. A row that was forgotten waits for ever.
 */
const WAIT_MS = 100 + 50 + 1 + 4000;
const REGIONS = { upbit: 'korea', binance: 'asia' } as const;

type Interval = readonly [from: number, to: number];

/** When the process stood still, epoch ms. */
async function standstills(file: string): Promise<Interval[]> {
  const lines = (await Bun.file(file).text()).trim().split('\n');
  return lines.map((line) => line.split(' ').map(Number) as unknown as Interval);
}

/** How much of the time between the two lies in the intervals. */
function within(intervals: readonly Interval[], from: number, to: number): number {
  return intervals.reduce((sum, one) => sum + Math.max(0, Math.min(to, one[1]) - Math.max(from, one[0])), 0);
}

afterAll(() => endAllServers());

test('a process that stands still again and again writes every row in its time', async () => {
  const [kafka, simulator, port] = await Promise.all([
    // The time of a message is that at which the broker took it.
    startKafka({ properties: { 'log.message.timestamp.type': 'LogAppendTime' } }),
    spawnSimulator([
      ...['--exchanges', 'upbit,binance', '--symbols', String(CODES)],
      ...['--rate', String(ROWS_PER_S), '--zipf', '1'],
    ]),
    freePort(),
  ]);
  const streams = Object.entries(simulator.exchanges).flatMap(([id, { symbols }]) => [
    ...['--exchange', id, '--type', 'ticker,trade', '--symbols', symbols.join(',')],
  ]);
  const { argv, cwd, env } = launch('source');
  const [bun = '', program = ''] = argv;
  const stalls = scratchDir('stalls');
  const preload = join(import.meta.dir, 'stall-preload.ts');
  const collector = Bun.spawn([bun, '--preload', preload, program, 'run', ...streams], {
    cwd,
    env: {
      ...env,
      ...simulator.env,
      KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap,
      MESSAGING_USE_AVRO: 'false',
      HTTP_PORT: String(port),
      STALLS: stalls,
    },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const said = collector.stderr.text();
  try {
    await subscribed(simulator, CODES * 2);
    for (let n = 0; n < FREEZES; n++) {
      await Bun.sleep(RUN_MS / FREEZES - FROZEN_MS);
      collector.kill('SIGSTOP');
      await Bun.sleep(FROZEN_MS);
      collector.kill('SIGCONT');
    }
    const ledger = await ledgerOf(simulator);
    // All that is in Kafka now came there by itself: the stop, which would flush what was forgotten, comes after.
    await Bun.sleep(WAIT_MS + 2 * FROZEN_MS);
    const stood = await standstills(stalls);
    expect(stood.reduce((sum, [from, to]) => sum + to - from, 0)).toBeGreaterThan(RUN_MS / 4);
    let rows = 0;
    for (const [exchange, region] of Object.entries(REGIONS)) {
      const late: string[] = [];
      const trades: (TradeBatch['data'][number] & { symbol: string })[] = [];
      for (const type of ['ticker', 'trade']) {
        const messages = await readTopic<TradeBatch & { data: { received_at: number }[] }>({
          bootstrap: kafka.bootstrap,
          topic: `${type}-data.${region}`,
        });
        for (const { timestamp, headers, value } of messages) {
          // What was fetched afterwards is not in time.
          if (headers.late !== undefined) continue;
          for (const row of value?.data ?? []) {
            rows++;
            if (type === 'trade') trades.push({ ...row, symbol: value?.symbol ?? '' });
            const arrived = row.received_at / 1000;
            const waited = timestamp - arrived - within(stood, arrived, timestamp);
            if (waited > WAIT_MS) late.push(`${value?.code} ${type} ${Math.round(waited)} ms`);
          }
        }
      }
      expect(late.slice(0, 5)).toEqual([]);
      expect(compareTrades(ledger, exchange, trades)).toMatchObject({
        missing: [],
        repeated: [],
        disordered: [],
      });
    }
    expect(rows).toBeGreaterThan((RUN_MS / 1000) * ROWS_PER_S * 0.3);
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { ready: true }]);
    collector.kill('SIGTERM');
    expect({ code: await collector.exited, said: collector.exitCode === 0 ? '' : await said }).toEqual({
      code: 0,
      said: '',
    });
  } finally {
    collector.kill('SIGKILL');
    await collector.exited;
    await simulator.stop();
  }
});
