import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from '../../src/common/errors.ts';

const ROOT = join(import.meta.dir, '../..');

test('every code of the error table is told by somebody', () => {
  const sources = [...new Bun.Glob('src/**/*.ts').scanSync(ROOT)]
    .filter((file) => file !== 'src/common/errors.ts')
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n');
  expect(Object.keys(ERRORS).filter((code) => !sources.includes(`'${code}'`))).toEqual([]);
});
