import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DOCS, TABLES, tableIn } from '../reference.ts';
import { logKeys } from './log-keys.ts';

const root = join(import.meta.dir, '..', '..');

describe('the reference pages', () => {
  for (const [file, table] of Object.entries(TABLES)) {
    test(`docs/${file} is what the program says (bun test/reference.ts writes it)`, () => {
      expect(tableIn(readFileSync(join(DOCS, file), 'utf8'))).toBe(table());
    });
  }

  test('docs/logs.md has every field that a log line is given', () => {
    const page = readFileSync(join(DOCS, 'logs.md'), 'utf8');
    const documented = new Set(Array.from(page.matchAll(/^\| `([^`]+)` \|/gm), ([, field]) => field));
    const missing: string[] = [];
    let seen = 0;
    for (const file of new Bun.Glob('src/**/*.ts').scanSync(root)) {
      for (const key of logKeys(readFileSync(join(root, file), 'utf8'))) {
        seen++;
        if (!documented.has(key)) missing.push(`${key} (${file})`);
      }
    }
    expect(missing).toEqual([]);
    expect(seen).toBeGreaterThan(50);
  });
});

test('keys of logged objects are found, those of inner ones are not', () => {
  const source = `
    log.info({ phase: 'start', a: { hidden: 1 }, b, ...target, c: f({ no: 1 }), 'd e': 2 }, 'text { not: this }');
    this.#log[level]({ phase: 'x', err: error }, \`\${y}\`);
    catalog.info('nothing');`;
  expect(logKeys(source)).toEqual(['phase', 'a', 'b', 'c', 'phase', 'err']);
});
