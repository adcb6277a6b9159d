import { afterAll, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeSteps } from '../../src/cli/service/remove.ts';
import { installSteps, type Place } from '../../src/cli/service/steps.ts';
import { listen, stopListening } from '../services/notify-socket.ts';
import { scratchDir } from '../services/scratch.ts';
import { startSimulator } from '../simulator/simulator.ts';
import { start } from './program.ts';

afterAll(stopListening);

const UNIT = 'etc/systemd/system/kor-coin-stream.service';

function place(): Place {
  const root = scratchDir('root');
  mkdirSync(root, { recursive: true });
  const executable = join(root, 'downloaded');
  writeFileSync(executable, '#!/bin/sh\n', { mode: 0o700 });
  return { root, executable, systemd: false, run: () => 1 };
}

const did = (steps: ReturnType<typeof installSteps>): (string | null)[] =>
  steps.map(({ ensure }) => ensure());

test('installed twice, the second time does nothing; removed, what cannot be had again stays', () => {
  const here = place();
  expect(did(installSteps(here)).filter((done) => done !== null).length).toBeGreaterThan(4);
  expect(did(installSteps(here)).every((done) => done === null)).toBe(true);
  const environment = join(here.root, 'etc/kor-coin-stream/environment');
  expect(statSync(environment).mode & 0o777).toBe(0o640);
  // The unit reads this folder alone, whatever ENV says.
  for (const name of ['settings.yaml', 'prod.yaml', 'dev.yaml'])
    expect(existsSync(join(here.root, 'etc/kor-coin-stream', name))).toBe(true);
  expect(statSync(join(here.root, 'usr/local/bin/kor-coin-stream')).mode & 0o777).toBe(0o755);

  writeFileSync(environment, 'REDIS_URL=redis://mine');
  writeFileSync(join(here.root, UNIT), 'an older unit');
  expect(did(installSteps(here)).filter((done) => done !== null)).toEqual(['brought up to date']);
  expect(readFileSync(environment, 'utf8')).toBe('REDIS_URL=redis://mine');

  did(removeSteps(here, false));
  expect(existsSync(join(here.root, UNIT))).toBe(false);
  expect(existsSync(environment)).toBe(true);
  did(removeSteps(here, true));
  expect(existsSync(environment)).toBe(false);
});

test('the unit is one that systemd accepts', () => {
  const here = place();
  did(installSteps(here));
  const unit = join(here.root, UNIT);
  // The binary of this test lies elsewhere, and a user of that name need not exist.
  const text = readFileSync(unit, 'utf8').replace('ExecStart=/', `ExecStart=${here.root}/`);
  writeFileSync(
    unit,
    text.replaceAll('=kor-coin-stream\n', '=root\n').replace('StateDirectory=root', 'StateDirectory=kcs'),
  );
  const { exitCode, stdout, stderr } = Bun.spawnSync(['systemd-analyze', 'verify', '--man=no', unit]);
  expect(`${stdout}${stderr}`).toBe('');
  expect(exitCode).toBe(0);
});

test('the service manager is told of the start, of life, and of the drain', async () => {
  const folder = scratchDir('notify');
  mkdirSync(folder, { recursive: true });
  const heard = await listen(join(folder, 'socket'));
  const simulator = await startSimulator({ exchanges: ['upbit'], symbols: 2, rowsPerS: 50, seed: 5 });
  const program = start(
    [
      ...['run', '--set', 'http.port=0', '--set', 'messaging.driver=stdout'],
      ...['--exchange', 'upbit', '--type', 'trade', '--symbols', 'KRW-BTC'],
    ],
    { ...simulator.env(), NOTIFY_SOCKET: join(folder, 'socket'), WATCHDOG_USEC: '600000' },
  );
  expect((await heard.next()).value).toBe('READY=1');
  expect((await heard.next()).value).toContain('STATUS=');
  expect((await heard.next()).value).toBe('WATCHDOG=1');
  expect((await heard.next()).value).toBe('WATCHDOG=1');
  program.kill('SIGTERM');
  let word = '';
  while (word !== 'STOPPING=1') word = String((await heard.next()).value);
  expect((await program.ended).code).toBe(0);
  await simulator.stop();
});
