import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { freePort } from '../services/ports.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { allTrades, ROOT } from './program.ts';

// Real processes take their time on a busy machine.
setDefaultTimeout(60_000);

const CODES = 60;
/** Far below what a socket for each code takes. */
const FILES = 72;
let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ exchanges: ['upbit'], symbols: CODES, rowsPerS: 100, seed: 5 });
});

afterAll(async () => {
  await simulator?.stop();
});

test('a machine that gives no more files: named, no fault of the exchange, the page answers, what runs goes on', async () => {
  const port = await freePort();
  const flags = ['--set', 'messaging.driver=stdout', '--set', 'exchanges.upbit.codes_per_socket=1'];
  const { PATH = '', HOME = '' } = process.env;
  const script = `ulimit -n ${FILES} && exec "$@" > /dev/null`;
  const child = Bun.spawn(
    ['bash', '-c', script, 'few', process.execPath, 'index.ts', 'run', ...flags, ...allTrades(simulator)],
    {
      cwd: ROOT,
      env: { PATH, HOME, ...simulator.env(), HTTP_PORT: String(port) },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'pipe',
    },
  );
  const said = child.stderr.text();
  try {
    const page = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(2000) });
      return answer.text();
    };
    const until = async (what: string, holds: () => Promise<boolean>) => {
      const deadline = Date.now() + 30_000;
      while (!(await holds().catch(() => false))) {
        if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
        await Bun.sleep(200);
      }
    };
    await until('the limit is named', async () => (await page('/status')).includes('ulimit -n'));
    // Attempts go on for a while, and every one of them has its files to ask for.
    for (let round = 0; round < 20; round++) {
      const [figures, status] = await Promise.all([page('/metrics'), page('/status')]);
      const open = Number(/^kcs_process_open_fds (\d+)$/m.exec(figures)?.[1]);
      expect(open).toBeLessThan(FILES);
      const { streams: shown, breakers } = JSON.parse(status);
      const states: string[] = shown[0].shards.map(({ state }: { state: string }) => state);
      expect(states.filter((state) => state === 'live').length).toBeGreaterThan(10);
      expect(states).not.toContain('blocked');
      for (const breaker of breakers) expect(breaker).toMatchObject({ state: 'closed', failures: [] });
      await Bun.sleep(250);
    }
  } finally {
    child.kill('SIGTERM');
  }
  expect(await child.exited).toBe(0);
  expect(await said).toContain('"error_code":"local_fault"');
  simulator.ledger.assertNoViolations();
});
