import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import { readTopic } from '../services/avro-consumer.ts';
import { freePort } from '../services/ports.ts';
import { CollectorProcess } from './control-parts.ts';
import { ControlRig, eventually } from './control-rig.ts';
import { carried } from './sockets.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(300_000);

const TICKER = { exchange: 'binance', region: 'asia', request_type: 'ticker' };
const PINNED = ['--exchange', 'upbit', '--type', 'trade', '--symbols', 'KRW-BTC'];
const SIMULATOR = ['--exchanges', 'upbit,binance', '--symbols', '6', '--rate', '100'];
/** Others are looked for, leases run out, and the machine is busy. */
const RUNS_MS = 90_000;

let rig: ControlRig | undefined;
let second: CollectorProcess | undefined;

afterEach(async () => {
  await second?.kill9();
  await rig?.stop();
  rig = undefined;
  second = undefined;
});

function runs(steered: ControlRig, exchange: string, codes: readonly string[]): Promise<string[]> {
  return eventually(
    async () => carried(await steered.ledger(), exchange),
    (all) => all.join() === [...codes].sort().join(),
    RUNS_MS,
  );
}

async function answers(steered: ControlRig): Promise<Record<string, unknown>> {
  const status = await eventually(
    () => steered.status().catch(() => null),
    (one) => one !== null,
    RUNS_MS,
  );
  return status ?? {};
}

test('a start with a full Redis: what nobody else can have runs provisionally and is told; no second collector takes it; leases follow', async () => {
  const steered = await ControlRig.start({ simulator: SIMULATOR, argv: PINNED });
  rig = steered;
  await answers(steered);
  const symbols = (steered.simulator.exchanges.binance?.symbols ?? []).slice(0, 2);
  const wanted = symbols.map((symbol) => `ticker ${symbol}`);
  expect(await steered.ask('connect_and_subscribe', TICKER, symbols)).toMatchObject({ outcome: 'accepted' });
  await runs(steered, 'binance', wanted);
  await runs(steered, 'upbit', ['trade KRW-BTC']);
  await steered.collector.kill9();
  // As if the pinned stream had never been written, and the other had.
  await steered.redisCommand('DEL', '{kcs}:desired:upbit|trade', '{kcs}:covered:upbit|trade');
  await steered.redisCommand('HDEL', '{kcs}:versions', 'upbit|trade');
  await steered.redisCommand('CONFIG', 'SET', 'maxmemory', '1');
  steered.collector.start();
  await runs(steered, 'binance', wanted);
  await runs(steered, 'upbit', ['trade KRW-BTC']);
  const status = await answers(steered);
  expect(status).toMatchObject({ ready: false, store: { available: false } });
  expect(JSON.stringify(status.reasons)).toContain('OOM');
  expect(JSON.stringify(status.warnings)).toContain('binance ticker');
  expect(JSON.stringify(status.warnings)).toContain('runs provisionally');

  const port = await freePort();
  second = CollectorProcess.of(
    'source',
    {
      ...steered.simulator.env,
      KAFKA_BOOTSTRAP_SERVERS: steered.kafka.bootstrap,
      REDIS_URL: steered.redis.url,
      MESSAGING_USE_AVRO: 'false',
      HTTP_PORT: String(port),
      COLLECTOR_ID: 'second',
    },
    PINNED,
  );
  second.start();
  await eventually(
    () =>
      fetch(`http://127.0.0.1:${port}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    (ok) => ok,
    RUNS_MS,
  );
  await Bun.sleep(20_000);
  expect(carried(await steered.ledger(), 'binance')).toEqual([...wanted].sort());
  expect(carried(await steered.ledger(), 'upbit')).toEqual(['trade KRW-BTC']);
  await second.kill9();

  const before = (await steered.ledger()).of('close').length;
  await steered.redisCommand('CONFIG', 'SET', 'maxmemory', '0');
  const well = await eventually(
    () => answers(steered),
    ({ ready, warnings }) => ready === true && !JSON.stringify(warnings).includes('provisionally'),
    RUNS_MS,
  );
  expect(well).toMatchObject({ ready: true });
  await Bun.sleep(5000);
  expect((await steered.ledger()).of('close')).toHaveLength(before);
  expect(carried(await steered.ledger(), 'binance')).toEqual([...wanted].sort());
  expect(await steered.redisCommand('GET', '{kcs}:lease:upbit|trade|0')).toMatch(/^under-test\|\d+$/);
  expect(await steered.redisCommand('HGET', '{kcs}:desired:upbit|trade', 'version')).toBe('1');
  for (const topic of ['ticker-data.asia', 'trade-data.korea']) {
    const highest = new Map<string, number>();
    for (const { key, headers } of await readTopic({ bootstrap: steered.kafka.bootstrap, topic })) {
      const fence = Number(headers.fence);
      expect(fence).toBeGreaterThanOrEqual(highest.get(String(key)) ?? 0);
      highest.set(String(key), fence);
    }
    expect(highest.size).toBeGreaterThan(0);
  }
  expect(await steered.collector.stop()).toBe(0);
});

test('a start with a Redis that is read-only may be one that was replaced: nothing runs until it takes writes', async () => {
  const steered = await ControlRig.start({ simulator: SIMULATOR, argv: PINNED });
  rig = steered;
  await runs(steered, 'upbit', ['trade KRW-BTC']);
  await steered.collector.kill9();
  await steered.redisCommand('REPLICAOF', '127.0.0.1', '1');
  steered.collector.start();
  await answers(steered);
  await Bun.sleep(25_000);
  expect(carried(await steered.ledger(), 'upbit')).toEqual([]);
  expect(JSON.stringify((await answers(steered)).reasons)).toContain('READONLY');
  await steered.redisCommand('REPLICAOF', 'NO', 'ONE');
  await runs(steered, 'upbit', ['trade KRW-BTC']);
});
