import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** README.md and README.ko.md say the same: what can be compared without reading either language is compared. */
interface Page {
  readonly title: string;
  readonly text: string;
}

const [english, korean] = ['README.md', 'README.ko.md'].map(
  (title): Page => ({ title, text: readFileSync(join(import.meta.dir, '../..', title), 'utf8') }),
) as [Page, Page];

const FENCED = /^```(\w*)\n([\s\S]*?)^```$/gm;
const prose = ({ text }: Page): string => text.replace(FENCED, '');

/** From one heading to the next, without fenced blocks; the first is what stands before any section. */
function sectionsOf(page: Page): { level: number; heading: string; text: string }[] {
  return prose(page)
    .split(/^(?=#+ )/m)
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [, marks = '', heading = ''] = part.match(/^(#+) (.*)/) ?? [];
      return { level: marks.length, heading, text: part };
    });
}

/** Commands and data as they stand, without comments; of the tree, which explains itself in words, its paths. */
function blocksOf({ text }: Page): string[][] {
  return [...text.matchAll(FENCED)].map(([, language = '', body = '']) => {
    if (language === '') return [language, ...(body.match(/(?<=^|\s{3,})[a-z][\w./]*(?=\s{2,})/gm) ?? [])];
    return [language, ...body.split('\n').map((line) => line.replace(/\s+#.*$/, ''))];
  });
}

/** Cells of every line of a table: how many, and what is code in each. */
function tableLines(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  return lines.map((line) => line.split(/(?<!\\)\|/).map((cell) => codeOf(cell).join(' ')));
}

/** What is written as code, each once, sorted. */
function codeOf(text: string): string[] {
  return [...new Set(text.match(/`[^`\n]+`/g) ?? [])].sort();
}

function targetsOf(text: string): string[] {
  const linked = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
  const bare = [...text.matchAll(/<(https?:[^>]+)>/g)].map(([, target = '']) => target);
  return [...linked, ...bare].sort();
}

/** The anchor of a heading, as GitHub makes it. */
function anchorOf(heading: string): string {
  return `#${heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')}`;
}

const pairs = sectionsOf(english).map(
  (section, at) => [section.heading, section, sectionsOf(korean)[at]] as const,
);

test('the same headings, by number and level', () => {
  const levels = (page: Page) => sectionsOf(page).map(({ level }) => level);
  expect(levels(korean)).toEqual(levels(english));
  expect(levels(english).length).toBeGreaterThan(10);
});

test('the same blocks, commands to the letter', () => {
  expect(blocksOf(korean)).toEqual(blocksOf(english));
  expect(blocksOf(english).length).toBeGreaterThan(8);
});

describe('section by section', () => {
  test.each(pairs)('%s: the same tables', (_, one, other) => {
    expect(tableLines(other?.text ?? '')).toEqual(tableLines(one.text));
  });

  test.each(pairs)('%s: the same names', (_, one, other) => {
    expect(codeOf(other?.text ?? '')).toEqual(codeOf(one.text));
  });

  test.each(pairs)('%s: the same list entries', (_, one, other) => {
    const entries = (text = '') => (text.match(/^(?:-|\d+\.) /gm) ?? []).map((mark) => mark.trim());
    expect(entries(other?.text)).toEqual(entries(one.text));
  });

  test.each(pairs)('%s: the same links', (_, one, other) => {
    const elsewhere = (text = '') =>
      targetsOf(text).filter((target) => !target.startsWith('#') && !target.startsWith('README'));
    expect(elsewhere(other?.text)).toEqual(elsewhere(one.text));
  });
});

test.each([english, korean])('$title: links within lead to a heading, and to the other language', (page) => {
  const anchors = sectionsOf(page).map(({ heading }) => anchorOf(heading));
  const targets = targetsOf(page.text);
  expect(targets.filter((target) => target.startsWith('#') && !anchors.includes(target))).toEqual([]);
  expect(targets).toContain(page === english ? korean.title : english.title);
});

test('the Korean page is in Korean, in one voice', () => {
  const sentences = prose(korean).match(/[가-힣]+다(?=[.,;\s])/g) ?? [];
  expect(sentences.length).toBeGreaterThan(60);
  const ends = prose(korean).match(/\S*다\.(?=\s|$)/g) ?? [];
  expect(ends.filter((end) => !end.endsWith('니다.'))).toEqual([]);
});
