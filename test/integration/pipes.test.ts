import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { complaints, ROOT } from './program.ts';

// Real processes take their time on a busy machine.
setDefaultTimeout(60_000);

const STREAM = ['--exchange', 'upbit', '--type', 'trade', '--symbols', 'KRW-BTC'];
let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ exchanges: ['upbit'], symbols: 3, rowsPerS: 100, seed: 31 });
});

afterAll(async () => {
  await simulator?.stop();
});

/** The program before `reader` in a pipe of the shell; its exit code is the program's. */
async function piped(reader: string, argv: readonly string[]) {
  const script = `set -o pipefail; "$@" ${reader}`;
  const { PATH = '', HOME = '' } = process.env;
  const shell = Bun.spawn(['bash', '-c', script, 'pipe', process.execPath, 'index.ts', ...argv], {
    cwd: ROOT,
    env: { PATH, HOME, ...simulator.env() },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, err, code] = await Promise.all([shell.stdout.text(), shell.stderr.text(), shell.exited]);
  return { out, err, code };
}

describe('standard output whose reader goes', () => {
  const collect = ['run', '--set', 'messaging.driver=stdout', '--set', 'http.port=0', ...STREAM];

  test.each([
    ['| head -n 1', 1, 'EPIPE'],
    ['> /dev/full', 0, 'ENOSPC'],
  ])(
    'a collector ends by itself and says how many rows it could not write: %s',
    async (reader, rows, why) => {
      const { out, err, code } = await piped(reader, collect);
      expect(out.split('\n').filter((line) => line !== '')).toHaveLength(rows);
      expect(code).toBe(69);
      expect(complaints(err)).toHaveLength(1);
      expect(JSON.parse(complaints(err)[0] ?? '')).toMatchObject({
        level: 'fatal',
        error_code: 'undelivered',
        msg: expect.stringMatching(new RegExp(`standard output: [1-9]\\d* rows .* not written: .*${why}`)),
      });
    },
  );

  test('a recording ends with 0, and before its time', async () => {
    const { out, err, code } = await piped('| head -n 1', ['record', ...STREAM, '--seconds', '50']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toHaveProperty('received_at');
    expect(err).not.toContain('EPIPE');
  });

  test('a recording that cannot be written: 69, naming why', async () => {
    const { err, code } = await piped('> /dev/full', ['record', ...STREAM, '--seconds', '50']);
    expect(code).toBe(69);
    expect(err).toContain('undelivered: the recording: ENOSPC');
  });
});
