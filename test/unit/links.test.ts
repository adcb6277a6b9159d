import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dir, '../..');
const PAGES = [
  '*.md',
  'docs/**/*.md',
  'src/**/*.md',
  'test/**/*.md',
  'exchanges/*.md',
  'schemas/*.md',
  'config/*.md',
]
  .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(ROOT)])
  .sort();

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Links of a page that lead nowhere: no such file, or no such heading in it. */
function lost(page: string): string[] {
  const from = join(ROOT, page);
  const text = readFileSync(from, 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    const to = path === '' ? from : join(dirname(from), path);
    if (!existsSync(to)) return true;
    return anchor !== undefined && to.endsWith('.md') && !anchorsOf(to).includes(anchor);
  });
}

test('there are pages with links', () => {
  expect(PAGES).toContain('docs/recipes/README.md');
  expect(PAGES.length).toBeGreaterThan(15);
});

test.each(PAGES)('%s: every link leads somewhere', (page) => {
  expect(lost(page)).toEqual([]);
});
