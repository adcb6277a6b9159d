import { expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Exchange } from '../../src/core/exchange.ts';
import { parseFixtures, type Subject } from './fixtures.ts';
import { fixtureRules } from './rules/fixtures.ts';
import { hostileRules } from './rules/hostile.ts';
import { limitRules } from './rules/limits.ts';
import { marketRules } from './rules/markets.ts';
import { sourceRules } from './rules/source.ts';
import { subscribingRules } from './rules/subscribing.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** The guide's exchange is taken from the guide, word for word, and must pass what the others pass. */
const ROOT = `${import.meta.dir}/../..`;
const FOLDER = `${ROOT}/out/guide/exchanges`;
const guide = readFileSync(`${ROOT}/docs/adding-an-exchange.md`, 'utf8');
const source = block('ts', (code) => code.startsWith('// exchanges/ardent.ts\n'));

mkdirSync(FOLDER, { recursive: true });
// The copy lies two folders deeper than the file would.
writeFileSync(`${FOLDER}/ardent.ts`, source.replaceAll("'../src/", "'../../../src/"));
writeFileSync(
  `${FOLDER}/tsconfig.json`,
  JSON.stringify({ extends: '../../../tsconfig.json', include: ['ardent.ts'] }),
);

const { ardent } = (await import(`${FOLDER}/ardent.ts`)) as { ardent: Exchange };
const subject: Subject = {
  exchange: ardent,
  fixtures: parseFixtures(block('json', (text) => text.includes('"exchange":"ardent"'))),
  source,
};

test('the example of the guide compiles under the settings of the project', () => {
  const { exitCode, stdout } = Bun.spawnSync([`${ROOT}/node_modules/.bin/tsc`, '-p', FOLDER], { cwd: ROOT });
  expect({ exitCode, said: stdout.toString() }).toEqual({ exitCode: 0, said: '' });
});

test('the example of the guide is linted and formatted like the rest', () => {
  const { exitCode, stdout } = Bun.spawnSync(
    [`${ROOT}/node_modules/.bin/biome`, 'check', '--write', '--stdin-file-path=exchanges/ardent.ts'],
    { cwd: ROOT, stdin: Buffer.from(source) },
  );
  expect({ exitCode, better: stdout.toString() }).toEqual({ exitCode: 0, better: source });
});

test('the entry of the guide is one that the list could take', () => {
  const index = readFileSync(`${ROOT}/exchanges/index.ts`, 'utf8');
  const line = block('ts', (code) => code.startsWith('import { ardent }')).trim();
  expect(index).toContain(line.replaceAll('ardent', 'upbit'));
});

for (const rules of [fixtureRules, hostileRules, limitRules, marketRules, sourceRules, subscribingRules]) {
  rules(subject);
}

function block(language: string, wanted: (code: string) => boolean): string {
  const blocks = [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))];
  const found = blocks.map(([, code = '']) => code).find(wanted);
  if (found === undefined) throw new Error(`the guide has no such block of ${language}`);
  return found;
}
