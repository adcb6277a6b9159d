import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readTopic } from '../services/avro-consumer.ts';
import { committedOffset } from '../services/kafka-wire.ts';
import { malformedRecord } from '../unit/malformed-commands.ts';
import { randomOf } from '../unit/random.ts';
import { repliesOf } from './control-parts.ts';
import { ControlRig, eventually } from './control-rig.ts';
import { carried } from './sockets.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** What comes in by `ws.command`, whoever wrote it, and what is remembered of it. */

const UPBIT = { exchange: 'upbit', region: 'korea', request_type: 'ticker' };
const UPBIT_TRADE = { ...UPBIT, request_type: 'trade' };
const MALFORMED = 500;

let rig: ControlRig;
let upbit: readonly string[];

beforeAll(async () => {
  rig = await ControlRig.start({
    simulator: ['--exchanges', 'upbit', '--symbols', '20', '--rate', '200'],
  });
  upbit = rig.simulator.exchanges.upbit?.symbols ?? [];
  const reply = await rig.reply(await rig.send('connect_and_subscribe', UPBIT, upbit.slice(0, 2)), 60_000);
  expect(reply.outcome).toBe('accepted');
}, 120_000);

afterAll(() => rig?.stop());

test('actual state stands in Redis, and leaves with the stream', async () => {
  const key = (type: string) => `{kcs}:ws:connection:upbit:korea:${type}`;
  const members = async () =>
    ((await rig.redisCommand('SMEMBERS', `${key('ticker')}:symbols`)) as string[]).sort();
  const expected = upbit.slice(0, 2).toSorted().join();
  await eventually(members, (symbols) => symbols.join() === expected);
  await eventually(
    () => rig.redisCommand('HMGET', key('ticker'), 'status', 'request_type'),
    (fields) => String(fields) === 'connected,ticker',
  );
  await rig.ask('connect_and_subscribe', UPBIT_TRADE, upbit.slice(0, 1));
  const exists = async () => Number(await rig.redisCommand('EXISTS', key('trade')));
  await eventually(exists, (count) => count === 1);
  await rig.ask('disconnect', UPBIT_TRADE);
  await eventually(exists, (count) => count === 0);
});

describe('records that are no commands', () => {
  const seed = Number(process.env.KCS_SEED ?? Date.now() % 1_000_000_007);

  test(`${MALFORMED} of every kind and a valid one: a reply and a dead letter each, lag 0, its stream at once (seed ${seed})`, async () => {
    const random = randomOf(seed);
    const before = repliesOf(rig.events).length;
    const lettersBefore = (await rig.topic('ws.dlq')).length;
    const records = Array.from(
      { length: MALFORMED },
      () => malformedRecord(random).value ?? new Uint8Array(),
    );
    await Promise.all(records.map((value) => rig.commander.send(Buffer.from(value))));
    const sentAt = Date.now();
    const valid = await rig.send('connect_and_subscribe', UPBIT_TRADE, upbit.slice(0, 2));
    expect((await rig.reply(valid)).outcome).toBe('accepted');
    await eventually(
      async () => carried(await rig.entries(), 'upbit'),
      (codes) => codes.filter((code) => code.startsWith('trade')).length === 2,
    );
    const subscribes = (await rig.entries()).of('subscribe').filter(({ type }) => type === 'trade');
    const took = Math.max(...subscribes.map(({ at }) => at)) - sentAt;
    console.log(`the valid command behind ${MALFORMED} malformed ones was subscribed after ${took} ms`);
    // Half a second on an idle machine; ten times that where others are at work beside it. A pause for each of them
    // would be minutes.
    expect(took).toBeLessThan(5000);

    const replies = repliesOf(rig.events).slice(before);
    expect(replies).toHaveLength(MALFORMED + 1);
    const refused = replies.slice(0, -1);
    expect(refused.every(({ target, outcome }) => target === null && outcome === 'refused')).toBe(true);
    expect(new Set(replies.map(({ reply_id }) => reply_id)).size).toBe(MALFORMED + 1);
    const letters = await readTopic({
      bootstrap: rig.kafka.bootstrap,
      topic: 'ws.dlq',
      until: (all) => all.length >= lettersBefore + MALFORMED,
    });
    expect(letters).toHaveLength(lettersBefore + MALFORMED);
    await eventually(
      () => committedOffset(rig.kafka.bootstrap, 'coin-stream', 'ws.command', 0),
      (offset) => offset === rig.commander.sent,
    );
  }, 120_000);
});

describe('a foreign host', () => {
  test('is refused however it is written, and nobody comes there, not even after a restart', async () => {
    let visits = 0;
    const socket = { open: () => void visits++, data() {} };
    const trap = Bun.listen({ hostname: '127.0.0.1', port: 0, socket });
    const { host: known } = new URL(rig.simulator.exchanges.upbit?.url ?? '');
    const addresses = [
      `ws://127.0.0.1:${trap.port}/websocket/v1`,
      `wss://127.0.0.1:${trap.port}/websocket/v1`,
      `WS://127.0.0.1:${trap.port}`,
      `ws://localhost:${trap.port}/upbit`,
      `ws://2130706433:${trap.port}/`,
      `ws://127.1:${trap.port}/`,
      `ws://[::ffff:127.0.0.1]:${trap.port}/`,
      `ws://${known}@127.0.0.1:${trap.port}/`,
      `ws://api.upbit.com:443@127.0.0.1:${trap.port}/`,
      `ws://127.0.0.1:${trap.port}/?host=${known}`,
      `http://127.0.0.1:${trap.port}/`,
      `ws://api.upbit.com.localhost:${trap.port}/`,
    ];
    const [, , third = ''] = upbit;
    for (const url of addresses) {
      // For a stream that runs and for one that does not.
      for (const target of [UPBIT, UPBIT_TRADE]) {
        const refused = await rig.ask('connect_and_subscribe', target, [third], { connection: { url } });
        expect({ url, ...refused }).toMatchObject({ url, outcome: 'refused', reason: 'url_not_allowed' });
      }
    }
    expect(await rig.redisCommand('HGET', '{kcs}:desired:upbit|ticker', 'origin')).toBe('');
    expect(await rig.collector.stop()).toBe(0);
    rig.collector.start();
    await rig.reply(await rig.send('status', UPBIT), 60_000);
    await Bun.sleep(1000);
    expect(visits).toBe(0);
    trap.stop(true);
  }, 120_000);
});

test('a stop in order ends with 0 and leaves nothing uncommitted; a new start needs no command', async () => {
  expect(await rig.collector.stop()).toBe(0);
  const before = repliesOf(rig.events).length;
  expect(await rig.redisCommand('HGET', '{kcs}:ws:connection:upbit:korea:ticker', 'status')).toBe(
    'disconnected',
  );
  rig.collector.start();
  const status = await rig.reply(await rig.send('status', UPBIT), 60_000);
  expect(status.detail?.desired).toMatchObject({ symbols: upbit.slice(0, 2) });
  expect(repliesOf(rig.events)).toHaveLength(before + 1);
  (await rig.entries()).assertNoViolations();
}, 120_000);
