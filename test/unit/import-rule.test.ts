import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dir, '../..');

/** Each part of the program, and which other parts it may import. Files of data count as parts too. */
const mayImport: Record<string, readonly string[]> = {
  'src/common': [],
  'src/core': ['src/common'],
  'src/application': ['src/core', 'src/common'],
  'src/infra': ['src/application', 'src/core', 'src/common', 'schemas', 'package.json'],
  'src/config': [
    ...['src/infra', 'src/application', 'src/core', 'src/common'],
    ...['exchanges', 'schemas', 'config', 'package.json'],
  ],
  'src/cli': [
    ...['src/config', 'src/infra', 'src/application', 'src/core', 'src/common'],
    ...['exchanges', 'schemas', 'config', 'package.json'],
  ],
  'src/release': ['src/cli', 'src/config', 'src/infra', 'src/common', 'package.json'],
  exchanges: ['src/core'],
  'index.ts': ['src/cli'],
};

/** Every import between files of ours that the rule forbids. Packages and built-in modules are free to all. */
function violations(files: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const [file, source] of files) {
    const part = partOf(file);
    for (const target of importsOf(file, source)) {
      const wanted = partOf(target);
      if (wanted !== part && !mayImport[part]?.includes(wanted)) found.push(`${file} imports ${target}`);
    }
  }
  return found;
}

/** `src/core/market/code.ts` belongs to `src/core`, `exchanges/upbit.ts` to `exchanges`. */
function partOf(file: string): string {
  const [first = '', second = ''] = file.split('/');
  return first === 'src' ? `src/${second}` : first;
}

const statement = /^\s*(?:import|export)\b[^;'"]*?\bfrom\s*['"]([^'"]+)['"]/gm;
const sideEffect = /^\s*import\s*['"]([^'"]+)['"]/gm;
const call = /\b(?:import|require|require\.resolve)\s*\(\s*['"`]([^'"`]+)['"`]/g;

/** The files of ours that a file imports, types included, as paths from the root of the repository. */
function importsOf(file: string, source: string): string[] {
  return [statement, sideEffect, call]
    .flatMap((pattern) => [...source.matchAll(pattern)].map((match) => match[1] ?? ''))
    .filter((name) => name.startsWith('.'))
    .map((name) => join(dirname(file), name));
}

function sources(): Map<string, string> {
  const files = new Map<string, string>();
  for (const pattern of ['index.ts', '{src,exchanges}/**/*.{ts,tsx,js,mjs,cjs}']) {
    for (const file of new Bun.Glob(pattern).scanSync(root)) {
      if (!file.includes('node_modules')) files.set(file, readFileSync(join(root, file), 'utf8'));
    }
  }
  return files;
}

test('every import of the program follows the rule of its layers', () => {
  const files = sources();
  expect(files.size).toBeGreaterThan(10);
  expect(violations(files)).toEqual([]);
});

test('no file of the program is outside the layers', () => {
  const strangers = [...sources().keys()].filter((file) => !(partOf(file) in mayImport));
  expect(strangers).toEqual([]);
});

test('allowed imports pass', () => {
  const files = new Map([
    ['index.ts', `import { main } from './src/cli/main.ts';\nawait main(process.argv);`],
    ['src/cli/main.ts', `import { exchanges } from '../../exchanges/index.ts';\nimport '../config/load.ts';`],
    ['src/infra/avro/codec.ts', `import text from '../../../schemas/trade.avsc' with { type: 'text' };`],
    [
      'src/core/market/code.ts',
      `import { fail } from '../../common/errors.ts';\nimport { join } from 'node:path';`,
    ],
    ['src/core/desired.ts', `export { code } from './market/code.ts'; // once came from '../infra/x.ts'`],
    [
      'exchanges/upbit.ts',
      `import type { Exchange } from '../src/core/exchange.ts';\nimport { z } from 'zod';`,
    ],
  ]);
  expect(violations(files)).toEqual([]);
});

test.each([
  ['src/common/log.ts', `import { code } from '../core/market/code.ts';`],
  ['src/core/ports.ts', `import type { Settings } from '../config/settings.ts';`],
  ['src/core/pipeline/merge.ts', `import {\n  a,\n  b,\n} from '../../application/leases.ts';`],
  ['src/core/connection/socket.ts', `import { upbit } from '../../../exchanges/upbit.ts';`],
  ['src/application/leases.ts', `import '../infra/redis/store.ts';`],
  ['src/application/orchestrator.ts', `const late = await import('../infra/kafka/writer.ts');`],
  ['src/infra/kafka/writer.ts', `export * from "../../config/settings.ts";`],
  ['src/infra/http/server.ts', `import { version } from '../../cli/version.ts';`],
  ['src/infra/http/server.ts', `import { exchanges } from '../../../exchanges/index.ts';`],
  ['src/config/container.ts', `import { run } from '../cli/run.ts';`],
  ['exchanges/upbit.ts', `import { clock } from '../src/common/clock.ts';`],
  ['src/cli/run.ts', `import { kafka } from '../services/services.ts';`],
  ['index.ts', `const { load } = require('./src/config/load.ts');`],
])('a forbidden import is found: %s', (file, source) => {
  expect(violations(new Map([[file, source]]))).toHaveLength(1);
});

test.each([
  ...['src/common', 'src/core', 'src/application', 'src/infra', 'src/config', 'src/cli'],
  ...['exchanges', 'schemas', 'test'],
])('%s has a README', (folder) => {
  expect(existsSync(join(root, folder, 'README.md'))).toBe(true);
});
