import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { type Message, readTopic } from '../services/avro-consumer.ts';
import type { Ledger } from '../simulator/ledger.ts';
import { type Form, freshBinary } from './binary.ts';
import { repliesOf } from './control-parts.ts';
import { ControlRig, eventually } from './control-rig.ts';
import { carried, openSockets } from './sockets.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const TICKER = { exchange: 'upbit', region: 'korea', request_type: 'ticker' };
const TRADE = { ...TICKER, request_type: 'trade' };
const BINANCE = { exchange: 'binance', region: 'asia', request_type: 'trade' };
const BINANCE_TICKER = { ...BINANCE, request_type: 'ticker' };
const REGIONS = { upbit: 'korea', binance: 'asia' } as const;

interface ConnectSuccess {
  readonly action: string;
  readonly ack: string;
  readonly target: typeof TICKER;
  readonly symbol: string;
  readonly code: string;
  readonly meta: { readonly correlation_id: string | null; readonly observed_key: string };
}

let rig: ControlRig | undefined;

beforeAll(() => freshBinary(), 180_000);
afterEach(() => rig?.stop());
afterAll(() => rig?.collector.kill9());

async function started(form: Form): Promise<ControlRig> {
  rig = await ControlRig.start({
    form,
    avro: true,
    simulator: ['--exchanges', 'upbit,binance', '--symbols', '12', '--rate', '300'],
  });
  return rig;
}

function subscribed(steered: ControlRig, exchange: string, expected: readonly string[]): Promise<string[]> {
  return eventually(
    async () => carried(await steered.entries(), exchange),
    (codes) => codes.join() === [...expected].sort().join(),
  );
}

/** What an independent reader finds: JSON would not decode by a schema of the registry. */
async function connectSuccesses(
  { kafka, registry }: ControlRig,
  until: (messages: readonly Message<ConnectSuccess>[]) => boolean,
): Promise<Message<ConnectSuccess>[]> {
  const read = () =>
    Promise.all(
      Object.values(REGIONS).map((region) =>
        readTopic<ConnectSuccess>({
          bootstrap: kafka.bootstrap,
          registry: registry ?? '',
          topic: `ws.connect_success.${region}`,
        }),
      ),
    );
  return (await eventually(read, (messages) => until(messages.flat()))).flat();
}

/** `upbit ticker KRW-BTC` for each socket that ever carried the code. */
function carriedEver(ledger: Ledger): string[] {
  const seen = ledger
    .of('subscribe')
    .map(({ exchange, socket, type, symbol }) => `${socket} ${exchange} ${type} ${symbol}`);
  return [...new Set(seen)].map((one) => one.slice(one.indexOf(' ') + 1)).sort();
}

function named({ value }: Message<ConnectSuccess>): string {
  return `${value?.target.exchange} ${value?.target.request_type} ${value?.symbol}`;
}

describe.each(['source', 'binary'] as const)('%s', (form) => {
  test('streams start, grow, shrink, tell their state and stop; each command has its one reply', async () => {
    const steered = await started(form);
    const [a = '', b = '', c = '', d = ''] = steered.simulator.exchanges.upbit?.symbols ?? [];
    const [x = '', y = '', z = ''] = steered.simulator.exchanges.binance?.symbols ?? [];

    // Three streams.
    const three = await Promise.all([
      steered.send('connect_and_subscribe', TICKER, [a, b]),
      steered.send('connect_and_subscribe', TRADE, [a]),
      steered.send('connect_and_subscribe', BINANCE, [x, y]),
    ]);
    for (const id of three)
      expect(await steered.reply(id, 60_000)).toMatchObject({ outcome: 'accepted', reason: null });
    await subscribed(steered, 'upbit', [`ticker ${a}`, `ticker ${b}`, `trade ${a}`]);
    await subscribed(steered, 'binance', [`trade ${x}`, `trade ${y}`]);
    const sockets = openSockets(await steered.entries()).map(({ id }) => id);
    expect(sockets).toHaveLength(3);

    // Repeated, with the same and with another correlation id, one after the other and many at once.
    const again = { type: 'command', action: 'connect_and_subscribe', target: TICKER, symbols: [a, b] };
    const repeats = [...Array(3).fill(three[0]), 'again-1', 'again-2'] as string[];
    await Promise.all(repeats.map((correlation_id) => steered.commander.send({ ...again, correlation_id })));
    expect(await steered.reply('again-2')).toMatchObject({
      outcome: 'noop',
      reason: 'already_subscribed',
      resolved: [{ symbol: a }, { symbol: b }],
    });
    expect(repliesOf(steered.events, three[0]).map(({ outcome }) => outcome)).toEqual([
      'accepted',
      'noop',
      'noop',
      'noop',
    ]);

    // Codes come and go on the open sockets.
    const grown = await steered.ask('connect_and_subscribe', TICKER, [c, d]);
    expect(grown).toMatchObject({ outcome: 'accepted', resolved: [{ symbol: c }, { symbol: d }] });
    expect(await steered.ask('connect_and_subscribe', BINANCE, [z])).toMatchObject({ outcome: 'accepted' });
    await subscribed(steered, 'upbit', [a, b, c, d].map((code) => `ticker ${code}`).concat(`trade ${a}`));
    await connectSuccesses(steered, (all) =>
      [`upbit ticker ${d}`, `binance trade ${z}`].every((code) => all.some((one) => named(one) === code)),
    );
    expect(await steered.ask('unsubscribe', TICKER, [a])).toMatchObject({ outcome: 'accepted' });
    expect(await steered.ask('unsubscribe', BINANCE, [x])).toMatchObject({ outcome: 'accepted' });
    expect(await steered.ask('unsubscribe', TICKER, [a])).toMatchObject({
      outcome: 'noop',
      reason: 'not_subscribed',
    });
    await subscribed(steered, 'upbit', [b, c, d].map((code) => `ticker ${code}`).concat(`trade ${a}`));
    await subscribed(steered, 'binance', [`trade ${y}`, `trade ${z}`]);
    expect(openSockets(await steered.entries()).map(({ id }) => id)).toEqual(sockets);

    // A stream that two identical commands ask for at once has one socket.
    const twice = { ...again, target: BINANCE_TICKER, symbols: [x, y], correlation_id: 'twice' };
    await Promise.all([steered.commander.send(twice), steered.commander.send(twice)]);
    await steered.heard((events) => repliesOf(events, 'twice').length === 2);
    expect(repliesOf(steered.events, 'twice').map(({ outcome }) => outcome)).toEqual(['accepted', 'noop']);
    await subscribed(steered, 'binance', [`ticker ${x}`, `ticker ${y}`, `trade ${y}`, `trade ${z}`]);
    expect((await steered.entries()).of('open')).toHaveLength(4);

    // What is desired and what is.
    expect(await steered.ask('status', TICKER)).toMatchObject({
      outcome: 'accepted',
      detail: {
        desired: { symbols: [b, c, d], sockets: 1 },
        actual: { state: 'live', sockets: [{ shard: 0, state: 'live', confirmed: 3, refused: [] }] },
      },
    });

    // A socket that is cut is replaced, and its codes are confirmed anew.
    await steered.simulator.do({ do: 'cut', exchange: 'binance' });
    await eventually(
      async () => openSockets(await steered.entries()).filter(({ exchange }) => exchange === 'binance'),
      (open) => open.reduce((codes, socket) => codes + socket.codes.size, 0) === 4,
    );

    // The end of a stream, and of one that is none.
    expect(await steered.ask('disconnect', TRADE)).toMatchObject({ outcome: 'accepted' });
    await subscribed(
      steered,
      'upbit',
      [b, c, d].map((code) => `ticker ${code}`),
    );
    expect(await steered.ask('disconnect', TRADE)).toMatchObject({ outcome: 'noop', reason: 'not_running' });
    expect(await steered.ask('status', TRADE)).toMatchObject({ detail: { actual: null } });
    expect(await steered.ask('disconnect', { ...TICKER, region: 'asia' })).toMatchObject({
      outcome: 'refused',
      reason: 'region_mismatch',
    });

    // Once for each code and socket, under its key, with the command that led to it.
    const ledger = await steered.ledger();
    ledger.assertNoViolations();
    const expected = carriedEver(ledger);
    const successes = await connectSuccesses(steered, (all) => all.length >= expected.length);
    expect(successes.map(named).sort()).toEqual(expected);
    for (const { key, value, schemaId, headers } of successes) {
      const { exchange, region, request_type } = value?.target ?? TICKER;
      expect(schemaId).toBeGreaterThan(0);
      expect(headers).toMatchObject({ 'content-type': 'application/avro' });
      expect(key).toBe(`${exchange}|${region}|${request_type}|${value?.code}`);
      expect(value).toMatchObject({ action: 'connect_success', ack: 'clear' });
      expect(value?.meta.observed_key).toBe(`${exchange}/${region}/${request_type}`);
      expect(value?.meta.correlation_id).toMatch(/^test-|^twice$/);
    }

    // Everything was answered, each record once.
    const commands = await steered.topic('ws.command');
    expect(await steered.collector.stop()).toBe(0);
    const replies = repliesOf(steered.events);
    expect(replies).toHaveLength(commands.length);
    expect(new Set(replies.map(({ reply_id }) => reply_id)).size).toBe(commands.length);
  }, 180_000);
});
