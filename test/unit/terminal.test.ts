import { expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDir } from '../services/scratch.ts';

// Real processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** A terminal that nobody reads until `held` exists; then all of it, to standard output. */
const HOLDER = `
import os, subprocess, sys, time
master, slave = os.openpty()
child = subprocess.Popen(sys.argv[2:], stderr=slave)
os.close(slave)
until = time.time() + 40
while not os.path.exists(sys.argv[1]) and time.time() < until: time.sleep(0.05)
time.sleep(0.2)
while True:
    try: read = os.read(master, 65536)
    except OSError: break
    if not read: break
    sys.stdout.buffer.write(read)
child.wait()
`;

const python = Bun.which('python3');

test.skipIf(python === null)(
  'a terminal that is held holds up nothing, and has its lines in order when it is let go',
  async () => {
    const folder = scratchDir('terminal');
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'figures.json');
    const program = join(import.meta.dir, 'terminal-program.ts');
    const child = Bun.spawn([python ?? '', '-c', HOLDER, file, process.execPath, program, file], {
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const out = await child.stdout.text();
    expect(existsSync(file)).toBe(true);
    const { ticks, dropped } = JSON.parse(readFileSync(file, 'utf8'));
    expect(ticks).toBeGreaterThan(3);
    expect(dropped).toBeGreaterThan(800);
    const numbers = out
      .split(/\r?\n/)
      .flatMap((line) => (/^\d+ x+$/.test(line) ? [Number.parseInt(line, 10)] : []));
    expect(numbers).toEqual(Array.from({ length: 2000 - dropped }, (_, i) => i));
  },
);
