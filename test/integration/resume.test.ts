import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { EXCHANGES } from '../../exchanges/index.ts';
import type { CommandTarget } from './control-rig.ts';
import { ControlRig, eventually } from './control-rig.ts';
import { carried, openSockets } from './sockets.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/**
 * Every stream there is: 11 exchanges with ticker and trade, each spread over sockets of one code. A socket is what an
 * exchange counts and limits, so sockets are counted here: 54 of them have to come back.
 */
const TYPES = ['ticker', 'trade'] as const;
/** Codes, and so sockets, of each stream. Bitfinex takes 20 opens a minute: its 14 do not fit twice. */
const CODES: Readonly<Record<string, number>> = { bitfinex: 7 };
const OTHERS = 2;

let rig: ControlRig;

const targets: readonly CommandTarget[] = EXCHANGES.flatMap(({ id: exchange, region }) =>
  TYPES.map((request_type) => ({ exchange, region, request_type })),
);

function symbolsOf(exchange: string): readonly string[] {
  return (rig.simulator.exchanges[exchange]?.symbols ?? []).slice(0, CODES[exchange] ?? OTHERS);
}

/** Everything that shall be subscribed, as `upbit ticker KRW-BTC`. */
function wanted(): string[] {
  return targets
    .flatMap(({ exchange, request_type }) =>
      symbolsOf(exchange).map((symbol) => `${exchange} ${request_type} ${symbol}`),
    )
    .sort();
}

async function subscribed(): Promise<string[]> {
  const ledger = await rig.entries();
  return EXCHANGES.flatMap(({ id }) => carried(ledger, id).map((code) => `${id} ${code}`)).sort();
}

/** Waits until all of it is subscribed, once. @returns how long it took, in ms */
async function allSubscribed(): Promise<number> {
  const from = Date.now();
  const expected = wanted().join();
  await eventually(subscribed, (codes) => codes.join() === expected, 120_000);
  return Date.now() - from;
}

beforeAll(async () => {
  rig = await ControlRig.start({
    simulator: ['--symbols', '8', '--rate', '300'],
    argv: EXCHANGES.flatMap(({ id }) => ['--set', `exchanges.${id}.codes_per_socket=1`]),
  });
}, 120_000);

afterAll(() => rig?.stop());

test('54 sockets of all 22 streams come back after a kill, without a command and within every limit', async () => {
  const ids = await Promise.all(
    targets.map((target) => rig.send('connect_and_subscribe', target, symbolsOf(target.exchange))),
  );
  for (const id of ids) expect(await rig.reply(id)).toMatchObject({ outcome: 'accepted' });
  await allSubscribed();
  const first = openSockets(await rig.entries());
  expect(first).toHaveLength(54);
  const commands = (await rig.topic('ws.command')).length;

  await rig.collector.kill9();
  await eventually(
    async () => openSockets(await rig.entries()),
    (open) => open.length === 0,
  );
  const since = Date.now();
  rig.collector.start();
  console.log(`54 sockets were back after ${await allSubscribed()} ms`);

  const ledger = await rig.entries();
  const known = new Set(first.map(({ id }) => id));
  const now = openSockets(ledger);
  expect(now).toHaveLength(54);
  expect(now.filter(({ id }) => known.has(id))).toEqual([]);
  expect(await rig.topic('ws.command')).toHaveLength(commands);
  ledger.assertNoViolations();

  // All of them bring rows, and their rows are in Kafka.
  const topics = new Set(targets.map(({ request_type, region }) => `${request_type}-data.${region}`));
  await eventually(
    async () => {
      const batches = await Promise.all(
        [...topics].map((name) =>
          rig.topic<{ exchange: string; request_type: string; symbol: string; timestamp_ms: number }>(name),
        ),
      );
      return batches.flat().filter(({ timestamp_ms }) => timestamp_ms > since);
    },
    (batches) => {
      const seen = batches.map(
        ({ exchange, request_type, symbol }) => `${exchange} ${request_type} ${symbol}`,
      );
      return [...new Set(seen)].sort().join() === wanted().join();
    },
  );
}, 300_000);
