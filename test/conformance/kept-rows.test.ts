import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { EXCHANGES } from '../../exchanges/index.ts';

/** Of 126 MB of frames. */
const MOST_MB = 12;

test('the rows of no exchange hold on to the frames that they came in', () => {
  const program = join(import.meta.dir, 'kept-rows.ts');
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, program]);
  expect([exitCode, stderr.toString()]).toEqual([0, '']);
  const grown = JSON.parse(stdout.toString()) as Record<string, number>;
  expect(Object.keys(grown)).toHaveLength(EXCHANGES.flatMap(({ types }) => types).length);
  expect(Object.entries(grown).filter(([, mb]) => mb > MOST_MB)).toEqual([]);
}, 60_000);
