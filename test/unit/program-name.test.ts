import { expect, test } from 'bun:test';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { programName } from '../../src/cli/program-name.ts';
import { scratchDir } from '../services/scratch.ts';

test('a clone is called again by Bun where the shell has it, else through npx', () => {
  const folder = scratchDir('path');
  const [own, lent] = [join(folder, 'bin'), join(folder, 'node_modules', '.bin')];
  for (const bin of [own, lent]) {
    mkdirSync(bin, { recursive: true });
    symlinkSync(process.execPath, join(bin, 'bun'));
  }
  expect(programName(`${lent}:${own}`)).toBe('bun index.ts');
  expect(programName(`${lent}:/nowhere`)).toBe('npx bun index.ts');
});
