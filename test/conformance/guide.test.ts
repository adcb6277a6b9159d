import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDir } from '../services/scratch.ts';

// The compiler and the suite run over the whole tree, beside other tests.
setDefaultTimeout(300_000);

/**
 * The guide followed to the letter, in a copy of the tree: its file, its entry, its frames and nothing else. Then the
 * exchange has to pass what the others pass, and so has the tree.
 */
const ROOT = join(import.meta.dir, '../..');
const PARTS = ['src', 'exchanges', 'schemas', 'config', 'test', 'docs', 'index.ts'];
const SETTINGS = ['package.json', 'tsconfig.json', 'bunfig.toml', 'biome.json', '.gitignore'];
const guide = readFileSync(join(ROOT, 'docs/adding-an-exchange.md'), 'utf8');
let tree: string;

beforeAll(() => {
  tree = scratchDir('guide');
  mkdirSync(tree, { recursive: true });
  for (const part of [...PARTS, ...SETTINGS]) cpSync(join(ROOT, part), join(tree, part), { recursive: true });
  // The copy is not to make a copy of its own.
  rmSync(join(tree, 'test/conformance/guide.test.ts'));
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  const source = block('ts', (code) => code.startsWith('// exchanges/ardent.ts\n'));
  writeFileSync(join(tree, 'exchanges/ardent.ts'), source);
  const frames = block('json', (text) => text.includes('"exchange":"ardent"'));
  writeFileSync(join(tree, 'test/frames/ardent.ndjson'), frames);
  const index = readFileSync(join(ROOT, 'exchanges/index.ts'), 'utf8');
  const entry = block('ts', (code) => code.startsWith('import { ardent }'));
  writeFileSync(
    join(tree, 'exchanges/index.ts'),
    index.replace(/^import \{ binance \}/m, `${entry}$&`).replace(/^\];/m, '  ardent,\n];'),
  );
});

test('every rule of the suite holds for the exchange of the guide', () => {
  const { said, exitCode } = run([process.execPath, 'test', './test/conformance', '-t', 'ardent']);
  expect(said).toContain('ardent');
  expect(Number(said.match(/^ (\d+) pass$/m)?.[1])).toBeGreaterThan(40);
  expect({ failed: said.match(/^\(fail\).*$/gm), exitCode }).toEqual({ failed: null, exitCode: 0 });
});

test('the tree with it is linted, formatted and typed like before', () => {
  for (const argv of [
    ['biome', 'check', 'exchanges'],
    ['tsc', '--noEmit'],
  ]) {
    const { said, exitCode } = run([join(tree, 'node_modules/.bin', argv[0] ?? ''), ...argv.slice(1)]);
    expect({ said: exitCode === 0 ? '' : said, exitCode }).toEqual({ said: '', exitCode: 0 });
  }
});

function run(argv: readonly string[]): { said: string; exitCode: number } {
  const { stdout, stderr, exitCode } = Bun.spawnSync([...argv], {
    cwd: tree,
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { said: `${stdout}${stderr}`, exitCode };
}

function block(language: string, wanted: (code: string) => boolean): string {
  const blocks = [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))];
  const found = blocks.map(([, code = '']) => code).find(wanted);
  if (found === undefined) throw new Error(`the guide has no such block of ${language}`);
  return found;
}
