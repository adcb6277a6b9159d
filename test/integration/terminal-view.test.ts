import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import { protocols } from '../simulator/protocols/index.ts';
import { ROOT } from './program.ts';
import { svgOf, terminalScreen } from './terminal-screen.ts';

// Real processes take their time on a busy machine.
setDefaultTimeout(120_000);

/** Kept as what the build made, to be looked at; docs/terminal.svg is one of these. */
const SHOTS = join(ROOT, 'out/screenshots');
const COLUMNS = 80;
const ROWS = 24;
const CODES = 6;
/**
 * A terminal of that size around a program: what is written to it goes to standard output. Keys are typed into it when a
 * line comes on standard input.
 */
const TERMINAL = `
import fcntl, os, select, struct, subprocess, sys, termios
master, slave = os.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', ${ROWS}, ${COLUMNS}, 0, 0))
child = subprocess.Popen(sys.argv[1:], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
os.close(slave)
while True:
    ready, _, _ = select.select([master, 0], [], [])
    if master in ready:
        try: read = os.read(master, 65536)
        except OSError: break
        if not read: break
        sys.stdout.buffer.write(read); sys.stdout.buffer.flush()
    if 0 in ready:
        key = os.read(0, 64)
        if not key: break
        os.write(master, key.rstrip(b'\\n'))
sys.exit(child.wait())
`;

const python = Bun.which('python3');
let simulator: SimulatorProcess;

beforeAll(async () => {
  mkdirSync(SHOTS, { recursive: true });
  simulator = await spawnSimulator(['--symbols', '12', '--rate', '600']);
}, 60_000);
afterAll(async () => {
  await simulator?.stop();
});

function streams(): string[] {
  return Object.entries(simulator.exchanges).flatMap(([id, { symbols }]) => [
    ...['--exchange', id, '--type', 'ticker,trade', '--symbols', symbols.slice(0, CODES).join(',')],
  ]);
}

test.skipIf(python === null)(
  '22 streams on 80 columns and 24 lines: nothing wraps, no old frame is left, head and keys stay',
  async () => {
    const drivers = ['--set', 'messaging.driver=embedded', '--set', 'http.port=0'];
    const argv = [process.execPath, 'index.ts', 'run', ...streams(), ...drivers];
    const child = Bun.spawn([python ?? '', '-c', TERMINAL, ...argv], {
      cwd: ROOT,
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', TERM: 'xterm', ...simulator.env },
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'inherit',
    });
    try {
      let written = '';
      const reading = (async () => {
        const decoder = new TextDecoder();
        for await (const chunk of child.stdout) written += decoder.decode(chunk, { stream: true });
      })();
      const screen = () => terminalScreen(written, COLUMNS, ROWS);
      const says = (text: RegExp) => screen().lines.some((line) => text.test(line));
      expect(await until(() => says(/^22 of 22 live/))).toBe(true);
      const drawn = () => written.split('22 of 22 live').length;
      const before = drawn();
      expect(await until(() => drawn() > before + 4)).toBe(true);
      const { lines, scrolled, wrapped } = screen();
      const heads = (text: RegExp) => [...scrolled, ...lines].filter((line) => text.test(line));
      // A long log line may; a line of the table would be drawn over a wrong place.
      const ours = new RegExp(`^(stream|${Object.keys(protocols).join('|')}|q ends|\\d+ of \\d+ live)\\b`);
      expect(wrapped.filter((line) => ours.test(line))).toEqual([]);
      expect(heads(/^stream +state/)).toHaveLength(1);
      expect(lines.filter((line) => /^stream +state/.test(line))).toHaveLength(1);
      expect(lines.some((line) => line.startsWith('q ends'))).toBe(true);
      for (const id of Object.keys(protocols))
        expect(lines.some((line) => line.startsWith(`${id} `))).toBe(true);
      writeFileSync(join(SHOTS, 'terminal.svg'), svgOf(screen()));

      child.stdin.write('/kraken\n');
      expect(await until(() => !says(/^upbit /) && says(/^kraken /))).toBe(true);
      child.stdin.write('\r\n');
      await Bun.sleep(200);
      child.stdin.write('q\n');
      expect(await child.exited).toBe(0);
      await reading;
      expect(says(/^stream +state/)).toBe(false);
    } finally {
      child.kill('SIGKILL');
    }
  },
);

async function until(check: () => boolean): Promise<boolean> {
  for (const end = performance.now() + 60_000; performance.now() < end; ) {
    if (check()) return true;
    await Bun.sleep(100);
  }
  return false;
}
