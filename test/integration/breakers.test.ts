import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { freePort } from '../services/ports.ts';
import { ControlRig, eventually } from './control-rig.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** Figures of the breaker, smaller than the defaults so that a minute shows several rounds. */
const THRESHOLD = 3;
const OPEN_MS = 8000;
const TRIALS = 2;
/** Sockets of each stream. Those under way when the breaker opens are attempts, too. */
const SOCKETS = 3;
const WATCHED_MS = 40_000;

/** Each exchange fails in its own way. */
const FAILING = {
  upbit: { region: 'korea', why: /closed by the exchange|cut without a closing frame/ },
  binance: { region: 'asia', why: /HTTP 429 on opening/ },
  okx: { region: 'asia', why: /refused|connect|cut without a closing frame/i },
  bybit: { region: 'asia', why: /did not open in time/ },
} as const;
type Failing = keyof typeof FAILING;
const IDS = Object.keys(FAILING) as Failing[];

interface StreamStatus {
  readonly exchange: string;
  readonly state: string;
  readonly reason: string | null;
  readonly shards: readonly {
    readonly opens: number;
    readonly reason: string | null;
    readonly last_error: string | null;
  }[];
}

interface BreakerStatus {
  readonly host: string;
  readonly state: string;
  readonly failures: readonly number[];
}

let rig: ControlRig;
/** When somebody came to the host that takes connections and never says a word; epoch ms. */
const visits: number[] = [];
let silent: Bun.TCPSocketListener<undefined>;
let nobody: number;

beforeAll(async () => {
  silent = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { open: () => void visits.push(Date.now()), data() {} },
  });
  nobody = await freePort();
  const figures = {
    failure_threshold: THRESHOLD,
    window_ms: 60_000,
    open_ms: OPEN_MS,
    half_open_max_calls: TRIALS,
  };
  rig = await ControlRig.start({
    simulator: ['--exchanges', IDS.join(','), '--symbols', '6', '--rate', '100'],
    argv: [
      ...Object.entries(figures).flatMap(([name, value]) => ['--set', `breaker.${name}=${value}`]),
      ...IDS.flatMap((id) => ['--set', `exchanges.${id}.codes_per_socket=1`]),
      ...['--set', 'connection.open_timeout_ms=1500'],
      ...['--set', `exchanges.okx.url=ws://127.0.0.1:${nobody}/okx`],
      ...['--set', `exchanges.bybit.url=ws://127.0.0.1:${silent.port}/bybit`],
    ],
  });
  await rig.simulator.do({ do: 'drop-open', exchange: 'upbit' });
  await rig.simulator.do({ do: 'refuse-open', exchange: 'binance', status: 429 });
}, 120_000);

afterAll(async () => {
  await rig?.stop();
  silent?.stop(true);
});

function targetOf(exchange: Failing) {
  return { exchange, region: FAILING[exchange].region, request_type: 'trade' };
}

/** What the breaker of an exchange is keyed by: its host and port, and the prefix below which it is reached. */
function guardOf(exchange: Failing): string {
  if (exchange === 'okx') return `127.0.0.1:${nobody}/okx`;
  if (exchange === 'bybit') return `127.0.0.1:${silent.port}/bybit`;
  const { host, pathname } = new URL(rig.simulator.exchanges[exchange]?.url ?? '');
  return `${host}${pathname}`;
}

async function statusOf(): Promise<{ streams: readonly StreamStatus[]; breakers: readonly BreakerStatus[] }> {
  return (await rig.status()) as unknown as Awaited<ReturnType<typeof statusOf>>;
}

/** Attempts so far, by exchange: as the other side saw them, where there is one. */
async function attempts(): Promise<Record<Failing, number>> {
  const ledger = await rig.ledger();
  const own = (await statusOf()).streams.find(({ exchange }) => exchange === 'okx');
  return {
    upbit: ledger.of('open', 'upbit').length,
    binance: ledger.of('open-refused', 'binance').length,
    bybit: visits.length,
    okx: own?.shards.reduce((sum, { opens }) => sum + opens, 0) ?? 0,
  };
}

test('an exchange that closes at once, refuses with 429, is not there or is mute: attempts keep to the figures, /status says why', async () => {
  for (const id of IDS) {
    const symbols = rig.simulator.exchanges[id]?.symbols.slice(0, SOCKETS);
    const reply = await rig.ask('connect_and_subscribe', targetOf(id), symbols);
    expect(reply).toMatchObject({ outcome: 'accepted' });
  }
  const seen: { readonly at: number; readonly counts: Record<Failing, number> }[] = [];
  const reasons = new Map<string, Set<string>>(IDS.map((id) => [id, new Set()]));
  for (const end = Date.now() + WATCHED_MS; Date.now() < end; await Bun.sleep(250)) {
    seen.push({ at: Date.now(), counts: await attempts() });
    for (const { exchange, reason, shards } of (await statusOf()).streams) {
      for (const text of [reason, ...shards.flatMap((shard) => [shard.reason, shard.last_error])])
        if (text !== null) reasons.get(exchange)?.add(text);
    }
  }
  const rounds = Math.ceil(WATCHED_MS / OPEN_MS);
  for (const id of IDS) {
    const total = seen.at(-1)?.counts[id] ?? 0;
    console.log(`${id}: ${total} attempts in ${WATCHED_MS / 1000} s`);
    // It goes on trying (after a 429 at longer intervals than the breaker's), and no more than: what opens the breaker, what was under way then, the trials of each round.
    expect(total).toBeGreaterThanOrEqual(THRESHOLD);
    expect(total).toBeLessThanOrEqual(THRESHOLD + SOCKETS - 1 + rounds * TRIALS);
    // Once it was open, no stretch of the length that it stays open has more than its trials; they may be those of
    // the end of one round and of the start of the next.
    const opened = seen.findIndex(({ counts }) => counts[id] >= THRESHOLD + SOCKETS);
    for (const { at, counts } of opened < 0 ? [] : seen.slice(opened)) {
      const later = seen.findLast((one) => one.at <= at + OPEN_MS - 500);
      expect((later?.counts[id] ?? 0) - counts[id]).toBeLessThanOrEqual(TRIALS * 2);
    }
    const said = [...(reasons.get(id) ?? [])].join('\n');
    expect(said).toMatch(FAILING[id].why);
    // After a 429 the host is left alone for 10 s, which is longer than the breaker stays open here.
    if (id !== 'binance') expect(said).toContain(`the circuit breaker of ${guardOf(id)}`);
  }
}, 120_000);

test('the breakers are seen in /status, Redis and ws.event', async () => {
  for (const id of IDS) {
    const guard = guardOf(id);
    await eventually(statusOf, ({ breakers }) =>
      breakers.some(
        (breaker) => breaker.host === guard && breaker.state === 'open' && breaker.failures.length > 0,
      ),
    );
    await eventually(
      async () =>
        JSON.parse(String(await rig.redisCommand('GET', `{kcs}:breaker:${guard}`))) as BreakerStatus,
      ({ state }) => state === 'open',
    );
    const states = () =>
      rig.events.flatMap(({ detail }) => {
        const breaker = detail?.breaker as { host: string; state: string } | undefined;
        return breaker?.host === guard ? [breaker.state] : [];
      });
    await rig.heard(() => states().length >= 3);
    expect(states().slice(0, 3)).toEqual(['open', 'half_open', 'open']);
  }
});

test('when the exchange is itself again the streams come by themselves, and sooner where the breaker is closed by command', async () => {
  await rig.simulator.do({ do: 'allow-open', exchange: 'upbit' });
  await rig.simulator.do({ do: 'allow-open', exchange: 'binance' });
  expect(await rig.ask('breaker_close', targetOf('upbit'))).toMatchObject({ outcome: 'accepted' });
  for (const id of ['upbit', 'binance'])
    await eventually(
      async () => (await statusOf()).streams.find(({ exchange }) => exchange === id),
      (stream) => stream?.state === 'live',
      60_000,
    );
  (await rig.entries()).assertNoViolations();
}, 90_000);
