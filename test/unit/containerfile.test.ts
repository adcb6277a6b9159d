import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a builder would not mind and an operator would. `test/long/archive.long.ts` builds and runs it where it can. */
const text = readFileSync(join(import.meta.dir, '../../src/release/Containerfile'), 'utf8');
const release = readFileSync(join(import.meta.dir, '../../src/release/release.ts'), 'utf8');

/** Instructions in order, each on one line. */
const instructions = text
  .split('\n')
  .filter((line) => !line.startsWith('#'))
  .join('\n')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '');
const of = (name: string): string[] =>
  instructions.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));

test('it runs as a user of its own, by number, so that runAsNonRoot can be demanded of it', () => {
  const [uid] = of('USER').at(-1)?.split(':') ?? [];
  expect(Number(uid)).toBeGreaterThan(0);
  expect(of('RUN').join()).toContain(`--uid ${uid}`);
  const last = instructions.findIndex((line) => line.startsWith('USER '));
  expect(instructions.slice(last).filter((line) => /^(RUN|COPY|ADD) /.test(line))).toEqual([]);
});

test('the root can be read-only: what is written goes to a tmpfs that runs what is in it', () => {
  expect(of('ENV').join(' ')).toContain('TMPDIR=/tmp');
  expect(text).toMatch(/^# .*--read-only --tmpfs \/tmp:exec,size=\d+m/m);
});

test('signals reach the program, and it has the time that its stop takes', () => {
  for (const name of ['ENTRYPOINT', 'CMD']) expect(JSON.parse(of(name)[0] ?? '')).toBeArray();
  expect(of('STOPSIGNAL')).toEqual(['SIGTERM']);
  expect(Number(text.match(/podman stop -t (\d+)/)?.[1])).toBeGreaterThan(10);
});

test('the base is pinned, nothing is fetched but its packages, and no list of them stays', () => {
  expect(of('FROM')).toEqual([expect.stringMatching(/^debian:\d+-slim$/)]);
  expect(of('ADD')).toEqual([]);
  expect(of('RUN').every((line) => line.includes('rm -rf /var/lib/apt/lists/*'))).toBe(true);
  expect(of('RUN').join()).toContain('--no-install-recommends');
});

test('what it copies is in the archive beside it', () => {
  expect(release).toContain("['src/release/Containerfile', 'Containerfile']");
  const copied = of('COPY').map((line) => line.replace(/--\S+ /g, '').split(' ')[0]);
  expect(copied).toEqual(['kor-coin-stream']);
});
