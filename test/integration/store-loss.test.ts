import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import { ControlRig, eventually } from './control-rig.ts';
import { carried } from './sockets.ts';
import { ledgerOf } from './spine-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(240_000);

const TICKER = { exchange: 'binance', region: 'asia', request_type: 'ticker' };
const SIMULATOR = ['--exchanges', 'upbit,binance', '--symbols', '8', '--rate', '100'];

let rig: ControlRig | undefined;
let other: SimulatorProcess | undefined;

afterEach(async () => {
  await rig?.stop();
  await other?.stop();
  rig = undefined;
  other = undefined;
});

function carries(steered: ControlRig, symbols: readonly string[]): Promise<string[]> {
  return eventually(
    async () => carried(await steered.entries(), TICKER.exchange),
    (codes) =>
      codes.join() ===
      symbols
        .map((symbol) => `ticker ${symbol}`)
        .sort()
        .join(),
    60_000,
  );
}

/** Topics are made by the collector: commands have somewhere to go once it is up. */
async function started(argv: readonly string[]): Promise<ControlRig> {
  const steered = await ControlRig.start({ simulator: SIMULATOR, argv });
  rig = steered;
  await eventually(
    () => steered.status().catch(() => null),
    (status) => status !== null,
    60_000,
  );
  return steered;
}

test('a Redis that was emptied gets back what runs; replies are true, nothing shrinks, a restart has all of it', async () => {
  rig = await started([]);
  const symbols = (rig.simulator.exchanges.binance?.symbols ?? []).slice(0, 5);
  const four = symbols.slice(0, 4);
  expect(await rig.ask('connect_and_subscribe', TICKER, four)).toMatchObject({ outcome: 'accepted' });
  await carries(rig, four);
  await rig.redisCommand('FLUSHALL');
  const status = await rig.ask('status', TICKER);
  expect(status.detail).toMatchObject({ desired: { symbols: four, version: 1 } });
  const more = await rig.ask('connect_and_subscribe', TICKER, symbols.slice(4));
  expect(more).toMatchObject({ outcome: 'accepted', detail: { codes: 5, added: 1 } });
  await carries(rig, symbols);
  expect((await rig.entries()).of('unsubscribe', 'binance')).toEqual([]);
  expect((await rig.entries()).of('close', 'binance')).toEqual([]);
  await rig.redisCommand('FLUSHALL');
  await eventually(
    async () => rig?.redisCommand('HGET', '{kcs}:desired:binance|ticker', 'version'),
    (version) => version === '2',
  );
  await rig.collector.kill9();
  rig.collector.start();
  await carries(rig, symbols);
  expect(await rig.ask('disconnect', TICKER)).toMatchObject({ outcome: 'accepted' });
  await carries(rig, []);
  await rig.redisCommand('FLUSHALL');
  expect(await rig.ask('status', TICKER)).toMatchObject({ detail: { desired: { symbols: [], version: 3 } } });
});

test('a start with a Redis that takes no writes: not ready, in its words, no call for commands; it runs when it may', async () => {
  rig = await started([]);
  const symbols = (rig.simulator.exchanges.binance?.symbols ?? []).slice(0, 2);
  await rig.ask('connect_and_subscribe', TICKER, symbols);
  await carries(rig, symbols);
  await rig.collector.kill9();
  await rig.redisCommand('CONFIG', 'SET', 'maxmemory', '1');
  rig.collector.start();
  const { status } = rig;
  const full = await eventually(
    () => status.call(rig).catch(() => null),
    (one) => one !== null,
    60_000,
  );
  expect(full).toMatchObject({ ready: false, store: { available: false } });
  expect(JSON.stringify(full?.reasons)).toContain('OOM');
  await Bun.sleep(5000);
  await rig.redisCommand('CONFIG', 'SET', 'maxmemory', '0');
  await carries(rig, symbols);
  await eventually(
    () => (rig as ControlRig).status(),
    ({ ready }) => ready === true,
  );
  expect(await rig.collector.stop()).toBe(0);
  expect(await rig.collector.log).not.toContain('ask for one');
});

test('connection.url of a command moves a stream that runs, with a record of the time between', async () => {
  other = await spawnSimulator(SIMULATOR);
  const url = other.exchanges.binance?.url ?? '';
  rig = await started(['--set', `exchanges.binance.allowed_hosts=["${new URL(url).host}"]`]);
  const symbols = (rig.simulator.exchanges.binance?.symbols ?? []).slice(0, 2);
  await rig.ask('connect_and_subscribe', TICKER, symbols);
  await carries(rig, symbols);
  await rig.heard((events) => events.some(({ state }) => state === 'live'));
  const moved = await rig.ask('connect_and_subscribe', TICKER, symbols, { connection: { url } });
  expect(moved).toMatchObject({ outcome: 'accepted' });
  const there = other;
  await eventually(
    async () => carried(await ledgerOf(there), TICKER.exchange),
    (codes) => codes.length === 2,
  );
  await carries(rig, []);
  await rig.heard((events) =>
    events.some(({ kind, ...event }) => {
      const gap = (event as { gap?: { cause: string; to: number | null; codes: string[] } }).gap;
      return kind === 'gap' && gap?.to !== null && gap?.codes.length === 2;
    }),
  );
  const again = await rig.ask('connect_and_subscribe', TICKER, symbols, { connection: { url } });
  expect(again).toMatchObject({ outcome: 'noop' });
  const foreign = await rig.ask('connect_and_subscribe', TICKER, symbols, {
    connection: { url: url.replace('127.0.0.1', 'evil127.0.0.1.example') },
  });
  expect(foreign).toMatchObject({ outcome: 'refused', reason: 'url_not_allowed' });
});

test('configured streams that cannot run are warnings; the others run, before and after a restart', async () => {
  rig = await started([
    ...['--exchange', 'binance', '--type', 'ticker', '--symbols', 'BTCUSDT,NOPEUSDT'],
    ...['--exchange', 'upbit', '--type', 'trade', '--symbols', 'KRW-NOPE'],
  ]);
  for (let life = 0; life < 2; life++) {
    await carries(rig, ['BTCUSDT']);
    await rig.heard((events) =>
      ['upbit', 'binance'].every((exchange) =>
        events.some(({ kind, target, detail }) => {
          const pinned = detail?.pinned as { problem: string | null } | undefined;
          return kind === 'state' && target?.exchange === exchange && pinned?.problem?.includes('NOPE');
        }),
      ),
    );
    // What was said in the life before is still on the topic: the status is this life's.
    await eventually(
      async () =>
        (await (rig as ControlRig).status()) as { ready: boolean; warnings: { what: string; why: string }[] },
      ({ ready, warnings }) =>
        ready &&
        ['binance ticker', 'upbit trade'].every((what) =>
          warnings.some((one) => one.what === what && one.why.includes('NOPE')),
        ),
    );
    expect(await rig.collector.stop()).toBe(0);
    rig.collector.start();
  }
});
