import { afterAll, beforeAll, expect, test } from 'bun:test';
import { EXCHANGES } from '../../exchanges/index.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { ends, FAST, NOBODY } from './program.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ exchanges: ['upbit', 'binance'], symbols: 3, rowsPerS: 10, seed: 3 });
});
afterAll(async () => {
  await simulator?.stop();
});

const SIMULATED = ['upbit', 'binance'];
const others = EXCHANGES.filter(({ id }) => !SIMULATED.includes(id)).flatMap(({ id }) => [
  '--set',
  `exchanges.${id}.enabled=false`,
]);
/** Nobody answers there, and at once. */
const away = { EXCHANGE_UPBIT_URL: `ws://${NOBODY}`, EXCHANGE_UPBIT_REST_URL: `http://${NOBODY}` };
const stream = (id: string): string[] => [
  '--set',
  `streams=[{exchange: ${id}, type: trade, symbols: [BTC]}]`,
];
const lineOf = (out: string, name: string): string =>
  out.split('\n').find((line) => line.includes(` ${name}: `)) ?? '';

test('exchanges that can be reached are told with their markets and how far their clock is off', async () => {
  const { code, out } = await ends(['check', ...FAST, ...others], simulator.env());
  for (const id of SIMULATED) expect(lineOf(out, id)).toMatch(/^ok .* markets, a socket opens in \d+ ms/);
  for (const name of ['TMPDIR', 'Kafka addon', 'HTTP port', 'open files'])
    expect(lineOf(out, name)).toMatch(/^(ok|warn) /);
  expect(code).toBe(0);
});

test('an exchange that cannot be reached: a warning, or 69 where a stream needs it', async () => {
  const env = { ...simulator.env(), ...away };
  const idle = await ends(['check', ...FAST, ...others], env);
  expect(lineOf(idle.out, 'upbit')).toMatch(/^warn .*cannot be reached.*127\.0\.0\.1:1/);
  expect(lineOf(idle.out, 'binance')).toMatch(/^ok /);
  expect(idle.code).toBe(0);
  const needed = await ends(['check', ...FAST, ...others, ...stream('upbit')], env);
  expect(lineOf(needed.out, 'upbit')).toMatch(/^FAIL .*exchange_unreachable/);
  expect(needed.code).toBe(69);
});

test('a port that is taken is named, a misspelt variable is told', async () => {
  const taken = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
  const env = { HTTP_PORT: String(taken.port), KAFKA_BOOTSTRAP_SERVER: 'kafka:9092' };
  const { code, out } = await ends(['check', '--no-exchanges'], env);
  expect(lineOf(out, 'HTTP port')).toMatch(new RegExp(`^FAIL .*port_in_use: 127.0.0.1:${taken.port}`));
  expect(out).toMatch(/^warn .*is KAFKA_BOOTSTRAP_SERVERS meant/m);
  expect(code).toBe(78);
  await taken.stop(true);
});

test('a recording of an exchange that is away ends with 69 and says why; one that cannot know a symbol as well', async () => {
  const record = ['record', ...FAST, '--exchange', 'upbit', '--type', 'trade', '--symbols'];
  for (const symbols of ['KRW-BTC', 'BTC']) {
    const { code, out, err } = await ends([...record, symbols], away);
    expect(err).toContain('exchange_unreachable: upbit');
    expect(out).toBe('');
    expect(code).toBe(69);
  }
});

test('a replay without a frame says so, and is no failure', async () => {
  const { code, err } = await ends(['replay', '--exchange', 'upbit', '--type', 'trade'], {}, { stdin: '' });
  expect(err).toContain('no frame was read from standard input');
  expect(code).toBe(0);
});
