import { expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Glob } from 'bun';
import { jobsOf, LONGEST_FIRST } from '../run.ts';
import { judged, runJob } from '../runner/job.ts';
import { closing, line } from '../runner/report.ts';

const SUMMARY =
  '(pass) one\n(fail) two\n\n 1 pass\n 1 fail\n 3 expect() calls\nRan 2 tests across 1 file. [5ms]\n';

test('counts are those of the summary', () => {
  expect(judged(SUMMARY, 1, null)).toMatchObject({ passed: 1, failed: 1, fault: null });
  expect(judged('checked\n12 passed, 0 failed\n', 0, null)).toMatchObject({ passed: 12, failed: 0 });
});

test.each([
  ['no test ran', 'nothing to see\n', 0, null, 'ran no test'],
  ['a crash after the summary', ' 4 pass\n 0 fail\n', 139, null, 'ended with 139'],
  ['a job beyond its limit', ' 4 pass\n 0 fail\n', 137, 900_000, 'within 900 s'],
])('%s is a failure', (_, words, code, overran, fault) => {
  const outcome = judged(words, code, overran);
  expect(outcome.failed).toBe(1);
  expect(outcome.fault).toContain(fault);
});

test('a job that hangs is ended with all that it started', async () => {
  const script = `Bun.spawn(['sleep', '612']); console.log('1 passed, 0 failed'); await Bun.sleep(60_000);`;
  const outcome = await runJob({ name: 'hangs', argv: ['-e', script], limitMs: 1500 });
  expect(outcome.failed).toBe(1);
  expect(outcome.tookMs).toBeLessThan(20_000);
  expect(Bun.spawnSync(['pgrep', '-f', '^sleep 612$']).stdout.toString()).toBe('');
});

test('what a job worked is counted with what it started', async () => {
  const burn =
    'for (;;) { const { user, system } = process.cpuUsage(); if (user + system > 400_000) break; }';
  const script = `await Bun.spawn([process.execPath, '-e', ${JSON.stringify(burn)}]).exited; console.log('1 passed, 0 failed');`;
  expect((await runJob({ name: 'burns', argv: ['-e', script], limitMs: 60_000 })).cpuMs).toBeGreaterThan(300);
});

test('the closing line sums up', () => {
  const outcomes = [
    { ...judged(SUMMARY, 1, null), name: 'a', tookMs: 1, cpuMs: 3000 },
    { ...judged(' 5 pass\n 0 fail\n', 0, null), name: 'b', tookMs: 2, cpuMs: 4000 },
  ];
  const words = closing(outcomes, 3).split('\n');
  expect(words.at(-1)).toBe('6 passed, 1 failed');
  expect(words).toContain('a: (fail) two');
  expect(words).toContain('all in 0 s, CPU 7 s');
});

test('what failed beside others and passed alone is told, and does not count as failed', () => {
  const first = { ...judged(SUMMARY, 1, null), name: 'a', tookMs: 1, cpuMs: 3000 };
  const again = { ...judged(' 2 pass\n 0 fail\n', 0, null), name: 'a', tookMs: 1, cpuMs: 3000 };
  const words = closing([again], 3, [first]).split('\n');
  expect(words.at(-1)).toBe('2 passed, 0 failed');
  expect(words).toContain('failed beside others, passed alone: a: (fail) two');
});

test('the jobs that are begun first exist', () => {
  const isThere = (name: string) => existsSync(`test/${name}.test.ts`) || existsSync(`test/${name}`);
  expect(LONGEST_FIRST.filter((name) => !isThere(name))).toEqual([]);
});

test('a plain run has the same limit, which is longer than what Bun gives without one', async () => {
  await Bun.sleep(5_500);
});

test('what a long run measured is shown though nothing failed', () => {
  const outcome = {
    ...judged('median 66 ms\n12 passed, 0 failed\n', 0, null),
    name: 'a',
    tookMs: 1,
    cpuMs: 2,
  };
  expect(line(outcome, 1, 1, true)).toContain('median 66 ms');
  expect(line(outcome, 1, 1)).not.toContain('median');
});

test('every test file is in one part, and every long run that CI makes is there', () => {
  const named = (part: string) => jobsOf([part]).map(({ name }) => name);
  const long = named('long');
  expect(long).toContain('test/long/bad-day.long.ts');
  expect(long.filter((name) => name.endsWith('.test.ts'))).toEqual(
    [...new Glob('test/long/*.test.ts').scanSync()].sort(),
  );
  expect(named('soak')).toEqual([...new Glob('test/long/*.long.ts').scanSync()].sort());
  expect(jobsOf(['long']).every(({ measures }) => measures)).toBe(true);
  expect(named('integration').toSorted()).toEqual(
    [...new Glob('test/integration/*.test.ts').scanSync()].sort(),
  );
  expect(jobsOf([]).some(({ name }) => name.startsWith('test/long/'))).toBe(false);
  expect(readFileSync('.ci/run', 'utf8')).toContain("'bun run test long'");
});

test('the shards of the unit part hold every file of it, each once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'shards-'));
  const files = Array.from({ length: 9 }, (_, at) => `${String.fromCharCode(97 + at)}.test.ts`);
  for (const file of files) {
    writeFileSync(join(folder, file), `import { test } from 'bun:test'; test('${file}', () => {});`);
  }
  const shards = jobsOf(['unit']).map(({ argv }) => argv.at(-1) ?? '');
  const words = await Promise.all(
    shards.map((shard) =>
      Bun.spawn([process.execPath, 'test', shard], {
        cwd: folder,
        stdout: 'ignore',
        stderr: 'pipe',
      }).stderr.text(),
    ),
  );
  rmSync(folder, { recursive: true });
  const ran = words.flatMap((text) => [...text.matchAll(/^\(pass\) (\S+)/gm)].map(([, name]) => name));
  expect(ran.toSorted()).toEqual(files);
});
