import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSettings } from '../../src/config/load.ts';
import { readTopic } from '../services/avro-consumer.ts';
import { recipesHome } from '../services/paths.ts';
import { scratchDir } from '../services/scratch.ts';
import { kafka, redis, registry } from '../services/services.ts';
import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import { blocksOf, commandsOf, exportsOf } from './walk/blocks.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** The README from top to bottom: what a new user pastes is run as it stands, against services of the test. */
const ROOT = join(import.meta.dir, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** How a command is run. Every command of the README is here, and every entry is met. */
type How =
  /** It ends by itself, with 0 or this code; what it prints holds this. */
  | { readonly prints: RegExp; readonly code?: number }
  /** It runs on; it is left running until the end, and has printed a line by then. */
  | { readonly keeps: 'printing' | 'collecting' }
  | { readonly elsewhere: string };

const HOW: Readonly<Record<string, How>> = {
  'npx --yes bun@1.4.5 start': {
    elsewhere: 'needs the exchanges; demo.test.ts is the same on the simulator',
  },
  'npx --yes bun@1.4.5 run test': { elsewhere: 'is this test run' },
  './kor-coin-stream schemas register': { prints: /trade-data-value/ },
  './kor-coin-stream check': { prints: /kafka/i },
  './kor-coin-stream run --exchange upbit --type ticker,trade': { keeps: 'collecting' },
  'python3 -m venv venv && venv/bin/pip install': { elsewhere: 'test/services/install.ts does it' },
  'venv/bin/python docs/recipes/reader.py trade-data.korea': { keeps: 'printing' },
  // Other tests leave on this broker what no collector has written: it is found.
  'kor-coin-stream audit --exchange upbit': {
    prints: /rows of \d+ codes in \d+ messages: .*unexplained$/m,
    code: 1,
  },
  'kor-coin-stream send connect_and_subscribe': { prints: /"outcome":"(accepted|noop)"/ },
  'kor-coin-stream tail ws.event': { keeps: 'printing' },
  'kcat -P -b kafka:9092 -t ws.command': { prints: /^$/ },
  'kor-coin-stream record --exchange upbit': { prints: /^$/ },
  'kor-coin-stream check --live --exchange upbit': { prints: /^ok +upbit/m },
  'kor-coin-stream replay --exchange upbit': { prints: /^(\{"request_type":"trade",.*\}\n){3}$/ },
};

interface Running {
  readonly command: string;
  readonly child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>;
  printed: string;
}

const running: Running[] = [];
let place: string;
let simulator: SimulatorProcess;
let addresses: [kafka: string, registry: string, redis: string];

beforeAll(async () => {
  place = scratchDir('walk');
  mkdirSync(place, { recursive: true });
  symlinkSync(join(ROOT, 'docs'), join(place, 'docs'));
  const program = join(place, 'kor-coin-stream');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'index.ts')}' "$@"\n`);
  chmodSync(program, 0o755);
  mkdirSync(join(place, 'venv/bin'), { recursive: true });
  symlinkSync(Bun.which('python3') ?? '', join(place, 'venv/bin/python'));
  [simulator, ...addresses] = await Promise.all([
    spawnSimulator(['--symbols', '10', '--rate', '300']),
    kafka(),
    registry(),
    redis(),
  ]);
}, 120_000);

afterAll(async () => {
  for (const { child } of running) end(child, 'SIGKILL');
  await simulator?.stop();
});

/** Addresses of the README → those of the services here; nothing else of a command is changed but how long it records. */
function here(text: string): string {
  const [broker, schemas, store] = addresses;
  return text
    .replaceAll('kafka:9092', broker)
    .replaceAll('http://registry:8081', schemas)
    .replaceAll('redis://redis:6379', store)
    .replaceAll('--seconds 60', '--seconds 3');
}

function spawn(command: string, variables: Readonly<Record<string, string>>) {
  return Bun.spawn(['bash', '-c', here(command)], {
    cwd: place,
    env: {
      ...{ PATH: `${place}:${process.env.PATH ?? ''}`, HOME: process.env.HOME ?? '' },
      ...{ PYTHONPATH: join(recipesHome, 'python'), ...simulator.env },
      // The broker here is a single one, and other tests have a page as well.
      ...{ KAFKA_REPLICATION_FACTOR: '1', HTTP_PORT: '0', ...variables },
    },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    // A process group of its own: the shell is not alone.
    detached: true,
  });
}

function end({ pid, exitCode, signalCode }: Bun.Subprocess, signal: NodeJS.Signals): void {
  if (exitCode === null && signalCode === null) process.kill(-pid, signal);
}

async function endsWell(command: string, variables: Record<string, string>, or = 0): Promise<string> {
  const child = spawn(command, variables);
  const late = setTimeout(() => end(child, 'SIGKILL'), 60_000);
  const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  clearTimeout(late);
  if (code !== 0 && code !== or)
    throw new Error(`${command} ended with ${code}:\n${out}${said.slice(-3000)}`);
  return out;
}

function keepsOn(command: string, variables: Record<string, string>): void {
  const it: Running = { command, child: spawn(command, variables), printed: '' };
  running.push(it);
  it.child.stderr.text();
  (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of it.child.stdout) it.printed += decoder.decode(chunk, { stream: true });
  })();
}

const met = new Set<string>();

async function take(command: string, variables: Record<string, string>): Promise<void> {
  const name = Object.keys(HOW).find((start) => command.startsWith(start));
  const how = HOW[name ?? ''];
  if (name === undefined || how === undefined) throw new Error(`HOW does not say how to run: ${command}`);
  met.add(name);
  if ('prints' in how) expect(await endsWell(command, variables, how.code)).toMatch(how.prints);
  if ('keeps' in how) {
    keepsOn(command, variables);
    const [bootstrap, url] = addresses;
    if (how.keeps === 'collecting') {
      await readTopic({ bootstrap, registry: url, topic: 'trade-data.korea', until: 1, timeoutMs: 60_000 });
    }
  }
}

const blocks = blocksOf(README);

test('every command, from top to bottom, as it stands', async () => {
  for (const { language, text } of blocks) {
    if (language !== 'sh') continue;
    const variables = exportsOf(here(text));
    for (const command of commandsOf(text)) await take(command, variables);
  }
  expect([...met].sort()).toEqual(Object.keys(HOW).sort());
  const [bootstrap] = addresses;
  const events = await readTopic({
    ...{ bootstrap, topic: 'ws.event', timeoutMs: 60_000 },
    until: (all) => all.some(({ value }) => value?.correlation_id === '7b0d7f6e-2c1a-4a53-9f0e-0d9d7d1c9a11'),
  });
  const replies = events.filter(({ value }) => value?.kind === 'reply');
  expect(replies.map(({ value }) => value?.outcome)).not.toContain('refused');
}, 180_000);

test('the message of the README has the shape of a message', async () => {
  const [shown] = blocks.filter(({ language }) => language === 'json');
  const variables = { KAFKA_BOOTSTRAP_SERVERS: addresses[0], SCHEMA_REGISTRY_URL: addresses[1] };
  const command = README.match(/`(kor-coin-stream tail trade-data [^`]*)`/)?.[1] ?? '';
  const real = JSON.parse(await endsWell(command, variables));
  expect(shapeOf(JSON.parse(shown?.text ?? ''))).toEqual(shapeOf(real));
});

test('what runs on has printed, and the collector ends cleanly', async () => {
  const [collector, ...others] = running;
  end(collector?.child as Bun.Subprocess, 'SIGTERM');
  expect(await collector?.child.exited).toBe(0);
  const deadline = Date.now() + 30_000;
  while (others.some(({ printed }) => !printed.includes('\n')) && Date.now() < deadline) await Bun.sleep(100);
  for (const { command, printed } of others) {
    expect(`${command}: ${printed.slice(0, printed.indexOf('\n'))}`).toMatch(/: \{".*\}$/);
  }
});

test('the variables for a secured broker are options of the client', () => {
  const block = blocks.find(({ text }) => text.includes('KAFKA_OPTION_'));
  const password = join(place, 'kafka-password');
  writeFileSync(password, 'secret\n');
  const environment = exportsOf(block?.text.replace('/etc/kor-coin-stream/kafka-password', password) ?? '');
  const { kafka: client } = loadSettings({ folder: null, environment, overrides: [], flags: {} });
  expect(client.options).toEqual({
    ...{ 'security.protocol': 'sasl_ssl', 'ssl.ca.location': '/etc/kafka-ca.pem' },
    ...{ 'sasl.mechanism': 'SCRAM-SHA-512', 'sasl.username': 'collector', 'sasl.password': 'secret' },
  });
});

test('every page, picture and folder that it names is there', () => {
  const links = [...README.matchAll(/\]\(([^)#]+)(#[^)]*)?\)/g)].map(([, path = '']) => path);
  const local = links.filter((path) => !path.startsWith('http'));
  expect(local.length).toBeGreaterThan(10);
  expect(local.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const tree = blocks.find(({ text }) => text.startsWith('index.ts '))?.text ?? '';
  const named = [...tree.matchAll(/(?:^|\s{3,})((?:src\/)?[a-z]+(?:\.ts)?)(?=\s{2,})/gm)].map(
    ([, path = '']) => path,
  );
  expect(named).toContain('src/core');
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

/** Names and kinds at every level; of a list its first element. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return [shapeOf(value[0])];
  if (value === null || typeof value !== 'object') return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shapeOf(inner)]));
}
