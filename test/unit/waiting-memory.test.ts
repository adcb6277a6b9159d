import { expect, test } from 'bun:test';
import { join } from 'node:path';

interface Measured {
  readonly memory: number;
  readonly told: number;
}

/** What an allocator and a collector of garbage take on top of what is used. */
const MOST = 1.5;

test.each([
  ['trade', 1, 'avro'],
  ['trade', 3, 'avro'],
  ['trade', 50, 'json'],
  ['ticker', 1, 'avro'],
])(
  'rows that wait take hardly more memory than the budget says: %s, %p to a window, %s',
  async (...shape) => {
    const program = join(import.meta.dir, 'waiting-memory.ts');
    const child = Bun.spawn([process.execPath, program, ...shape.map(String)], {
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expect([code, said]).toEqual([0, '']);
    const { memory, told } = JSON.parse(out) as Measured;
    expect(told).toBeGreaterThan(30e6);
    expect(memory / told).toBeLessThan(MOST);
  },
  60_000,
);
