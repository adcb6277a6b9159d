import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { EXCHANGES as PLUG_INS } from '../../exchanges/index.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { registry } from '../services/services.ts';
import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import { audited, type Lying, lay, lyingIn, type Said } from './audit-parts.ts';
import { type Program, start } from './program.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(300_000);

const EXCHANGES = ['upbit', 'binance', 'kraken', 'bitfinex', 'okx'];
const TYPES = new Map(PLUG_INS.map(({ id, types }) => [id, types]));
const REGIONS = ['korea', 'asia', 'na', 'eu'];
const CODES = 3;
const LIVE_MS = 60_000;

let kafka: KafkaServer;
/** Takes what was spoiled. */
let other: KafkaServer | undefined;
let redis: RedisServer;
let simulator: SimulatorProcess;
let collector: Program | undefined;
let env: Record<string, string>;

beforeAll(async () => {
  // One after another: on a busy machine they keep each other from starting.
  kafka = await startKafka();
  redis = await startRedis();
  const schemas = await registry();
  simulator = await spawnSimulator([
    '--exchanges',
    EXCHANGES.join(),
    '--symbols',
    String(CODES),
    '--rate',
    '200',
  ]);
  env = { KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrap, SCHEMA_REGISTRY_URL: schemas };
}, 240_000);

afterAll(async () => {
  collector?.kill('SIGKILL');
  await Promise.all([kafka?.discard(), other?.discard(), redis?.discard(), simulator?.stop()]);
});

async function collect(): Promise<Program> {
  const port = await freePort();
  const pins = EXCHANGES.flatMap((id) => {
    const symbols = simulator.exchanges[id]?.symbols.join() ?? '';
    return ['--exchange', id, '--type', TYPES.get(id)?.join() ?? '', '--symbols', symbols];
  });
  collector = start(['run', ...pins], {
    ...simulator.env,
    ...env,
    ...{ REDIS_URL: redis.url, COLLECTOR_ID: 'only', HTTP_PORT: String(port) },
  });
  const all = EXCHANGES.flatMap((id) => TYPES.get(id) ?? []).length;
  const deadline = Date.now() + LIVE_MS;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/status`).catch(() => null);
    const { streams = [] } = answer ? ((await answer.json()) as { streams?: { state: string }[] }) : {};
    if (streams.length === all && streams.every(({ state }) => state === 'live')) return collector;
    if (Date.now() > deadline) throw new Error('it does not stream');
    await Bun.sleep(200);
  }
}

async function everything(): Promise<Lying[]> {
  const regional = ['ticker-data', 'trade-data', 'orderbook-data', 'ws.metrics.processing'];
  const topics = regional.flatMap((family) => REGIONS.map((region) => `${family}.${region}`));
  return lyingIn(kafka.bootstrap, env.SCHEMA_REGISTRY_URL ?? '', [...topics, 'ws.event']);
}

test('after cuts, holes, a kill and a restart nothing is unexplained', async () => {
  const first = await collect();
  await Bun.sleep(3000);
  for (const exchange of EXCHANGES) await simulator.do({ do: 'cut', exchange });
  await Bun.sleep(6000);
  for (const exchange of ['binance', 'kraken']) {
    const symbol = simulator.exchanges[exchange]?.symbols[0] ?? '';
    await simulator.do({ do: 'hole', exchange, symbol, count: 3 });
  }
  // What the state store has on record of the codes is some seconds old: the hole must be older.
  await Bun.sleep(12_000);
  first.kill('SIGKILL');
  await first.ended;
  const second = await collect();
  await Bun.sleep(8000);
  second.kill('SIGTERM');
  expect((await second.ended).code).toBe(0);
  const said = await audited(env);
  expect(said).toMatchObject({ code: 0, report: { unexplained: 0, findings: [], notes: [] } });
});

/** The messages of one code of one type, in their order. */
function of(all: readonly Lying[], exchange: string, type: string, nth = 0): Lying[] {
  const rows = all.filter(
    ({ value }) => value.exchange === exchange && value.request_type === type && value.data,
  );
  const codes = [...Map.groupBy(rows, ({ value }) => value.code).values()];
  return codes.toSorted((a, b) => b.length - a.length)[nth] ?? [];
}

/** The same message as if it were another, with these rows alone. */
function anew(message: Lying, rows: readonly unknown[]): Lying {
  const ticket_id = crypto.randomUUID();
  return { ...message, value: { ...message.value, ticket_id, batch_size: rows.length, data: rows } };
}

/** Everything that is on record of these gaps: each may be told again, and what a fill left of it under other names. */
function recordsOf(all: readonly Lying[], gaps: readonly Lying[]): Lying[] {
  const names = new Set(gaps.map(({ value }) => value.gap.gap_id));
  const tells = ({ value }: Lying) => names.has(value.gap?.gap_id) || names.has(value.detail?.rest_of);
  return all.filter((message) => gaps.includes(message) || (message.value.kind === 'gap' && tells(message)));
}

/** Whether a gap record says of these rows that all was fetched, and which ids show it. */
function filledWhole(all: readonly Lying[], { code, data }: Lying['value']): boolean {
  const told = all.flatMap(({ value }) => (value.gap?.fill?.proof === 'ids' ? value.gap.fill.codes : []));
  const holds = (one: { code: string; state: string; first_id: string; last_id: string }) =>
    one.code === code &&
    one.state === 'complete' &&
    data.every(
      (row: { trade_id: string }) => +one.first_id <= +row.trade_id && +row.trade_id <= +one.last_id,
    );
  return told.some(holds);
}

function namedIn({ report }: Said): string[] {
  return report.findings.map(({ kind, exchange, request_type, first_id }) =>
    `${kind} ${exchange} ${request_type} ${first_id ?? ''}`.trim(),
  );
}

test('each planted fault is named, and nothing else', async () => {
  const all = await everything();
  const restarted = Math.max(
    ...all.flatMap(({ value }) => (value.gap?.cause === 'restart' && value.gap.to ? [value.gap.to] : [])),
  );
  // Of the second life, by its sockets.
  const late = ({ value, headers }: Lying) =>
    headers.late === undefined && value.data[0].received_at > restarted + 1_000_000;
  const gone = new Set<Lying>();
  const behind: Lying[] = [];
  const named: string[] = [];

  // A row dropped where ids are consecutive.
  const dropped = of(all, 'binance', 'trade').filter(late)[5];
  const [lost] = dropped?.value.data.splice(0, 1) ?? [];
  named.push(`hole binance trade ${lost.trade_id}`);

  // A row dropped that was fetched, and is told as fetched.
  const fetched = all.find(
    ({ value, headers }) =>
      headers.late === 'backfill' &&
      value.exchange === 'binance' &&
      value.code !== dropped?.value.code &&
      filledWhole(all, value),
  );
  const [filled] = fetched?.value.data.splice(-1, 1) ?? [];
  named.push(`fill binance trade ${filled?.trade_id}`);

  // A book whose changes are linked, without one of them.
  const [linked] = of(all, 'binance', 'trade') as [Lying];
  const book = (sequence: number, prev_sequence: number | null) => ({
    ...{ timestamp: restarted + sequence, received_at: restarted + sequence, stream_type: 'REALTIME' },
    ...{ type: prev_sequence === null ? 'SNAPSHOT' : 'DELTA', sequence, prev_sequence, bids: [], asks: [] },
  });
  const changes = [book(10, null), book(12, 10), book(15, 14), book(16, 15)];
  const { value } = anew(linked, changes);
  // Of a code that no gap record knows.
  const identity = { request_type: 'orderbook', symbol: 'BOOKUSDT', code: 'USDT-BOOK' };
  behind.push({
    ...{ topic: 'orderbook-data.asia', key: 'binance|USDT-BOOK', headers: linked.headers },
    value: { ...value, ...identity },
  });
  named.push('book binance orderbook 15');

  // One doubled in a message of its own, and a whole message doubled.
  const last = of(all, 'bitfinex', 'trade').at(-1) as Lying;
  behind.push(anew(last, last.value.data.slice(-1)));
  named.push(`repeat bitfinex trade ${last.value.data.at(-1).trade_id}`);
  const whole = of(all, 'bitfinex', 'ticker').at(-1) as Lying;
  behind.push({ ...whole });
  named.push(...whole.value.data.map(() => 'repeat bitfinex ticker'));

  // Two swapped.
  for (const [exchange, type] of [
    ['kraken', 'trade'],
    ['upbit', 'ticker'],
  ] as const) {
    const [one, two] = of(all, exchange, type).filter(late).slice(2, 4) as [Lying, Lying];
    const [a, b] = [one.value.data.at(-1), two.value.data[0]];
    one.value.data.splice(-1, 1, b);
    two.value.data.splice(0, 1, a);
    named.push(`order ${exchange} ${type} ${a.trade_id ?? ''}`.trim());
  }

  // Gap records removed: of a hole, and of a cut.
  const holes = all.filter(({ value }) => value.gap?.first_missing_id && value.target.exchange === 'kraken');
  const hole = holes.find(
    ({ value }) => value.gap.last_missing_id - value.gap.first_missing_id === 2,
  ) as Lying;
  for (const one of recordsOf(all, [hole])) gone.add(one);
  named.push(`hole kraken trade ${hole.value.gap.first_missing_id}`);
  const cut = (one: Lying) => one.value.gap?.cause === 'cut' && one.value.target.exchange === 'upbit';
  const cuts = all.filter((message) => cut(message) && message.value.target.request_type === 'trade');
  for (const one of recordsOf(all, cuts)) gone.add(one);
  named.push('loss upbit trade');

  // A row less than Kafka acknowledged in a minute, where ids tell nothing. Who was killed in it told nothing of it.
  const okx = all.filter(({ value }) => value.exchange === 'okx' && value.request_type === 'ticker');
  const minutes = okx.flatMap(({ value }) => value.batch?.items ?? []);
  const second = Math.max(...minutes.map((item) => item.minute_start_ts_kst));
  const told = minutes.filter((item) => item.minute_start_ts_kst === second);
  const inMinute = (row: { received_at: number }) => Math.floor(row.received_at / 60e6) * 60 === second;
  const there = okx.flatMap(({ value }) => value.data ?? []).filter(inMinute);
  const short = there.slice(
    0,
    there.length + 1 - told.reduce((sum, item) => sum + item.total_acknowledged, 0),
  );
  for (const { value } of okx)
    if (value.data) value.data = value.data.filter((row: never) => !short.includes(row));
  named.push('minute okx ticker');

  // A straggler of the old holder.
  const held = of(all, 'upbit', 'trade', 1).at(-1) as Lying;
  const fence = String(Number(held.headers.fence) - 1);
  behind.push({
    ...anew(held, [{ ...held.value.data[0], trade_id: '1' }]),
    headers: { ...held.headers, fence },
  });

  other = await startKafka();
  await lay(other.bootstrap, [...all.filter((message) => !gone.has(message)), ...behind]);
  const said = await audited({ KAFKA_BOOTSTRAP_SERVERS: other.bootstrap });
  // Where the minute of a dropped row was told whole, that is short as well.
  const found = namedIn(said).filter((name) => name !== 'minute binance trade');
  expect(found.sort()).toEqual(named.sort());
  expect(said.code).toBe(1);
  const code = (exchange: string, type: string, name: string) =>
    said.report.codes.find(
      (one) => one.exchange === exchange && one.request_type === type && one.code === name,
    );
  expect(code('upbit', 'trade', held.value.code)).toMatchObject({ fenced: 1, unexplained: 0 });
  expect(code('binance', 'trade', dropped?.value.code)).toMatchObject({
    holes_unexplained: 1,
    unexplained: 1,
  });
});
