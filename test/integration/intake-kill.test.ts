import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { randomOf } from '../unit/random.ts';
import { CommandFold, type Order } from './command-fold.ts';
import { type Event, repliesOf } from './control-parts.ts';
import { type CommandTarget, ControlRig, eventually } from './control-rig.ts';
import { carried } from './sockets.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const SEED = Number(process.env.KCS_SEED ?? Date.now() % 1_000_000_007);
const KILLS = 20;
const CODES = 12;
const UPBIT = { exchange: 'upbit', region: 'korea' };
const BINANCE = { exchange: 'binance', region: 'asia' };
const TARGETS: readonly CommandTarget[] = ['ticker', 'trade'].flatMap((request_type) =>
  [UPBIT, BINANCE].map((exchange) => ({ ...exchange, request_type })),
);

const random = randomOf(SEED);
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

/** A record on its way: the bytes, by what its replies are known, and what the fold says of it. */
interface Sent {
  readonly value: Buffer;
  readonly correlationId: string | null;
  readonly order: Order;
  readonly outcome: string;
}

let rig: ControlRig;
const fold = new CommandFold();
const sent: Sent[] = [];

beforeAll(async () => {
  rig = await ControlRig.start({
    simulator: ['--exchanges', 'upbit,binance', '--symbols', String(CODES), '--rate', '250'],
    // A collector that was killed keeps its partitions for a session: a short one makes room for many lives.
    broker: { properties: { 'group.min.session.timeout.ms': '500' } },
    argv: ['--set', 'kafka.options={session.timeout.ms: 1000, heartbeat.interval.ms: 200}'],
  });
}, 120_000);

afterAll(() => rig?.stop());

function freshOrder(): Order {
  const target = pick(TARGETS);
  const listed = rig.simulator.exchanges[target.exchange]?.symbols ?? [];
  return {
    target,
    action: pick([
      ...Array(6).fill('connect_and_subscribe'),
      ...Array(4).fill('unsubscribe'),
      'disconnect',
      'status',
    ]),
    symbols: Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(listed)),
    unknown: random() < 0.04,
    stale: random() < 0.04,
    malformed: random() < 0.04,
  };
}

/** The bytes of a command; a malformed one is no JSON, or has a field of a wrong type. */
function written(order: Order, correlation_id: string | null): Buffer {
  if (correlation_id === null) return Buffer.from(`{"type":"command","action":${random()}`);
  const { target, action, symbols, unknown, stale, malformed } = order;
  const command = {
    type: 'command',
    action: malformed ? 17 : action,
    target,
    symbols: unknown ? [...symbols, 'NO-SUCH'] : symbols,
    correlation_id,
    ...(stale ? { ts_issue: Date.now() - 3_600_000, ttl_ms: 1000 } : {}),
  };
  return Buffer.from(JSON.stringify(command));
}

/** Sends a command, now and then the very bytes of an earlier one. */
async function sendOne(): Promise<void> {
  const earlier = random() < 0.1 ? pick(sent) : undefined;
  let next: Sent;
  if (earlier) next = { ...earlier, outcome: fold.take(earlier.order) };
  else {
    const order = freshOrder();
    const correlationId = order.malformed && random() < 0.5 ? null : `kill-${sent.length}`;
    next = { value: written(order, correlationId), correlationId, order, outcome: fold.take(order) };
  }
  sent.push(next);
  await rig.commander.send(next.value);
}

/** Kills and restarts the collector at random moments: of its start, or of its work. @returns lives that answered */
async function killAgainAndAgain(): Promise<number> {
  let answering = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const before = rig.events.length;
    if (random() < 0.35) await Bun.sleep(random() * 2000);
    else {
      await rig.heard((events) => repliesOf(events.slice(before)).length > 0);
      await Bun.sleep(random() * 700);
    }
    await rig.collector.kill9();
    if (repliesOf(rig.events.slice(before)).length > 0) answering++;
    rig.collector.start();
  }
  return answering;
}

/** The replies to one correlation id: those of a record, however often they came, are one. */
function answers(events: readonly Event[], correlationId: string | null): Event[] {
  const known = new Map<string | null, Event>();
  for (const reply of repliesOf(events).filter(({ correlation_id }) => correlation_id === correlationId)) {
    const first = known.get(reply.reply_id);
    // A status tells what runs at the time, but once told it is told again word by word.
    if (first) expect(worded(reply)).toEqual(worded(first));
    else known.set(reply.reply_id, reply);
  }
  return [...known.values()];
}

function worded({ kind, target, correlation_id, reply_id, outcome, reason, resolved, detail }: Event) {
  return { kind, target, correlation_id, reply_id, outcome, reason, resolved, detail };
}

test(`${KILLS} kills at random moments while commands arrive (seed ${SEED})`, async () => {
  let killing = true;
  const killed = killAgainAndAgain().finally(() => {
    killing = false;
  });
  while (killing) {
    await sendOne();
    await Bun.sleep(20 + random() * 100);
  }
  const answering = await killed;
  const distinct = (events: readonly Event[]) =>
    new Set(repliesOf(events).map(({ reply_id }) => reply_id)).size;
  await rig.heard((events) => distinct(events) >= sent.length, 60_000);
  const replies = repliesOf(rig.events).length;
  console.log(`${sent.length} commands, ${replies} replies, ${answering} of ${KILLS} lives answered some`);
  expect(answering).toBeGreaterThan(KILLS / 3);

  // Every record has one reply id, its repeats carry the same, and its outcome is what the commands before it mean.
  expect(distinct(rig.events)).toBe(sent.length);
  for (const [id, records] of Map.groupBy(sent, ({ correlationId }) => correlationId)) {
    expect({ id, outcomes: answers(rig.events, id).map(({ outcome }) => outcome) }).toEqual({
      id,
      outcomes: records.map(({ outcome }) => outcome),
    });
  }
  const letters = await rig.topic<{ detail_error: { reply_id: string } }>('ws.dlq');
  expect(new Set(letters.map(({ detail_error }) => detail_error.reply_id)).size).toBe(
    sent.filter(({ outcome }) => outcome === 'refused').length,
  );
}, 300_000);

test('desired state is what the accepted commands mean', async () => {
  for (const { exchange, request_type } of TARGETS) {
    const codes = await rig.redisCommand('HGET', `{kcs}:desired:${exchange}|${request_type}`, 'codes');
    expect((JSON.parse(String(codes)) as string[]).sort()).toEqual(fold.wanted(exchange, request_type));
  }
});

test('all streams run: what is desired, and nothing else, is subscribed once, and brings rows', async () => {
  const wanted = (exchange: string) =>
    ['ticker', 'trade'].flatMap((type) => fold.wanted(exchange, type).map((symbol) => `${type} ${symbol}`));
  for (const { exchange } of [UPBIT, BINANCE]) {
    const expected = wanted(exchange);
    await eventually(
      async () => carried(await rig.entries(), exchange),
      (codes) => codes.join() === expected.join(),
    );
  }
  const since = Date.now();
  for (const { exchange, region, request_type } of TARGETS) {
    const expected = fold.wanted(exchange, request_type);
    await eventually(
      () =>
        rig.topic<{ exchange: string; symbol: string; timestamp_ms: number }>(
          `${request_type}-data.${region}`,
        ),
      (batches) => {
        const fresh = batches.filter((batch) => batch.timestamp_ms > since);
        return expected.join() === [...new Set(fresh.map(({ symbol }) => symbol))].sort().join();
      },
    );
  }
});

test('no limit of an exchange was broken', async () => {
  (await rig.entries()).assertNoViolations();
});
