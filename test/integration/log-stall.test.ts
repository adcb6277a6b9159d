import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { allTrades, ROOT } from './program.ts';

// Real processes take their time on a busy machine.
setDefaultTimeout(90_000);

let kafka: KafkaServer;
let simulator: Simulator;
beforeAll(async () => {
  [kafka, simulator] = await Promise.all([
    startKafka(),
    startSimulator({ exchanges: ['upbit'], symbols: 10, rowsPerS: 300, seed: 51 }),
  ]);
}, 90_000);
afterAll(() => Promise.all([kafka?.discard(), simulator?.stop()]));

async function figure(port: number, name: string): Promise<number> {
  const signal = AbortSignal.timeout(5000);
  const text = await fetch(`http://127.0.0.1:${port}/metrics`, { signal }).then(
    (answer) => answer.text(),
    () => '',
  );
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

test('a log reader that stalls drops lines, which are counted, and nothing else waits', async () => {
  const port = await freePort();
  const { PATH = '', HOME = '' } = process.env;
  const flood = ['--set', 'kafka.options.debug=all', '--set', 'log.level=debug'];
  const argv = ['run', '--set', 'messaging.use_avro=false', '--set', `http.port=${port}`, ...flood];
  // Its end of the pipe stays open and is never read.
  const script = 'exec "$@" 2> >(exec sleep 80)';
  const child = Bun.spawn(
    ['bash', '-c', script, 'run', process.execPath, 'index.ts', ...argv, ...allTrades(simulator)],
    {
      cwd: ROOT,
      env: { PATH, HOME, ...simulator.env(), KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    },
  );
  try {
    const until = performance.now() + 60_000;
    while ((await figure(port, 'kcs_log_lines_dropped_total')) < 1000) {
      if (performance.now() > until) throw new Error('no line was dropped');
      await Bun.sleep(100);
    }
    const dropped = await figure(port, 'kcs_log_lines_dropped_total');
    const before = await figure(port, 'kcs_rows_acknowledged_total');
    await Bun.sleep(5000);
    expect(await figure(port, 'kcs_log_lines_dropped_total')).toBeGreaterThan(dropped);
    expect((await figure(port, 'kcs_rows_acknowledged_total')) - before).toBeGreaterThan(300);
    await simulator.do({ do: 'rate', rowsPerS: 0 });
    await Bun.sleep(1000);
    expect(await figure(port, 'kcs_rows_acknowledged_total')).toBeGreaterThanOrEqual(
      simulator.ledger.trades('upbit').length,
    );
    const asked = performance.now();
    child.kill('SIGTERM');
    expect(await child.exited).toBe(0);
    expect(performance.now() - asked).toBeLessThan(10_000);
  } finally {
    child.kill('SIGKILL');
  }
});
