import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { compareTrades, type ReadTrade } from '../simulator/compare.ts';
import type { Ledger } from '../simulator/ledger.ts';
import { repliesOf } from './control-parts.ts';
import { type CommandTarget, ControlRig, eventually } from './control-rig.ts';
import { carried, openSockets } from './sockets.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const OUTAGE_MS = 30_000;
/** Codes that every stream has from the start; each outage adds some. */
const CODES = 6;
const EXCHANGES = [
  { exchange: 'upbit', region: 'korea' },
  { exchange: 'binance', region: 'asia' },
] as const;
const TYPES = ['ticker', 'trade'] as const;

let rig: ControlRig;
/** How many of its markets, from the first on, each stream shall have; by `exchange|type`. */
const wanted = new Map<string, number>();

interface Batch<Row> {
  readonly symbol: string;
  readonly data: readonly Row[];
}

interface ReadTicker {
  readonly timestamp: number;
  readonly close: number;
  readonly volume: number;
}

function symbolsOf(exchange: string): readonly string[] {
  return rig.simulator.exchanges[exchange]?.symbols ?? [];
}

/** The commands that give every stream one more code. */
function oneMore(): { readonly target: CommandTarget; readonly symbols: string[] }[] {
  return EXCHANGES.flatMap(({ exchange, region }) =>
    TYPES.map((request_type) => {
      const key = `${exchange}|${request_type}`;
      const at = wanted.get(key) ?? 0;
      wanted.set(key, at + 1);
      return { target: { exchange, region, request_type }, symbols: symbolsOf(exchange).slice(at, at + 1) };
    }),
  );
}

function sendAll(commands: ReturnType<typeof oneMore>): Promise<string[]> {
  return Promise.all(
    commands.map(({ target, symbols }) => rig.send('connect_and_subscribe', target, symbols)),
  );
}

/** Waits until the exchanges are subscribed to what is wanted of every stream, each code once, and nothing else. */
async function expectActual(): Promise<void> {
  for (const { exchange } of EXCHANGES) {
    const expected = TYPES.flatMap((type) =>
      symbolsOf(exchange)
        .slice(0, wanted.get(`${exchange}|${type}`))
        .map((symbol) => `${type} ${symbol}`),
    ).sort();
    await eventually(
      async () => carried(await rig.entries(), exchange),
      (codes) => codes.join() === expected.join(),
    );
  }
}

async function expectDesired(): Promise<void> {
  for (const [key, count] of wanted) {
    const codes = await rig.redisCommand('HGET', `{kcs}:desired:${key}`, 'codes');
    expect(JSON.parse(String(codes))).toEqual(symbolsOf(key.split('|')[0] ?? '').slice(0, count));
  }
}

/** Every command was accepted, by one reply however often it came. */
async function expectAnswers(ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await rig.reply(id, 60_000);
    const replies = repliesOf(rig.events, id);
    expect(new Set(replies.map(({ reply_id }) => reply_id)).size).toBe(1);
    expect(replies[0]).toMatchObject({ outcome: 'accepted', reason: null });
  }
}

const socketIds = (ledger: Ledger) => openSockets(ledger).map(({ id }) => id);

/** No socket came or went since, and there were rows in every five seconds of the outage. */
async function expectUndisturbed(before: Ledger, from: number, to: number): Promise<void> {
  const after = await rig.ledger();
  expect(socketIds(after)).toEqual(socketIds(before));
  expect(after.of('open')).toHaveLength(before.of('open').length);
  expect(after.of('close')).toHaveLength(before.of('close').length);
  for (let at = from; at + 5000 <= to; at += 5000) {
    const sent = after.rows.filter((row) => row.socket !== null && row.at >= at && row.at < at + 5000);
    expect(new Set(sent.map(({ exchange, type }) => `${exchange} ${type}`)).size).toBe(4);
  }
}

beforeAll(async () => {
  rig = await ControlRig.start({
    simulator: ['--exchanges', 'upbit,binance', '--symbols', '20', '--rate', '250'],
  });
  for (let code = 0; code < CODES; code++) await expectAnswers(await sendAll(oneMore()));
  await expectActual();
}, 120_000);

afterAll(() => rig?.stop());

test('Redis stopped for 30 s: no stream stops, what is asked meanwhile waits, and state is right afterwards', async () => {
  const ledger = await rig.ledger();
  const before = await sendAll(oneMore());
  await rig.redis.stop();
  const from = Date.now();
  const during = await sendAll(oneMore());
  await Bun.sleep(OUTAGE_MS);
  for (const id of during) expect(repliesOf(rig.events, id)).toHaveLength(0);
  const to = Date.now();
  await rig.redis.start();
  const after = await sendAll(oneMore());
  await expectAnswers([...before, ...during, ...after]);
  await expectDesired();
  await expectActual();
  await expectUndisturbed(ledger, from, to);
}, 120_000);

test('Kafka stopped for 30 s: no stream stops, commands just before and after are answered, and state is right', async () => {
  const ledger = await rig.ledger();
  const before = await sendAll(oneMore());
  await rig.kafka.kill9();
  const from = Date.now();
  // The sender's client keeps them until the broker is back.
  const during = sendAll(oneMore());
  await Bun.sleep(OUTAGE_MS);
  const to = Date.now();
  await rig.kafka.start();
  const after = await sendAll(oneMore());
  await expectAnswers([...before, ...(await during), ...after]);
  await expectDesired();
  await expectActual();
  await expectUndisturbed(ledger, from, to);
}, 120_000);

test('everything that was received all the while is in Kafka, once and in order', async () => {
  await rig.simulator.do({ do: 'rate', rowsPerS: 0 });
  await Bun.sleep(500);
  expect(await rig.collector.stop()).toBe(0);
  const ledger = await rig.ledger();
  ledger.assertNoViolations();
  for (const { exchange, region } of EXCHANGES) {
    const trades = await rig.topic<Batch<Omit<ReadTrade, 'symbol'>>>(`trade-data.${region}`);
    const read = trades.flatMap(({ symbol, data }) => data.map((row) => ({ ...row, symbol })));
    expect(read.length).toBeGreaterThan(1000);
    expect(compareTrades(ledger, exchange, read)).toEqual({
      missing: [],
      foreign: [],
      repeated: [],
      disordered: [],
      altered: [],
    });
    const tickers = await rig.topic<Batch<ReadTicker>>(`ticker-data.${region}`);
    const sent = ledger.sent(exchange, 'ticker');
    for (const symbol of symbolsOf(exchange)) {
      const rows = tickers.filter((batch) => batch.symbol === symbol).flatMap(({ data }) => data);
      expect(
        rows.map(({ timestamp, close, volume }) => [Math.floor(timestamp / 1000), close, volume]),
      ).toEqual(
        sent.filter((row) => row.symbol === symbol).map(({ timeMs, price, size }) => [timeMs, price, size]),
      );
    }
  }
});
