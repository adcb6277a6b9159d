import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from '../../src/infra/kafka/addon/cache.ts';
import { explain } from '../../src/infra/kafka/addon/explain.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const root = join(import.meta.dir, '../..');
const addonFolder = join(root, 'src/infra/kafka/addon');
const folders: string[] = [];

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'addon-setup-'));
  folders.push(made);
  return made;
}

afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true });
});

function spawn(
  argv: string[],
  env: Record<string, string> = {},
): { out: string; code: number | null; ms: number } {
  const started = performance.now();
  const { stdout, stderr, exitCode } = Bun.spawnSync(argv, { cwd: root, env: { ...process.env, ...env } });
  return { out: `${stdout}${stderr}`, code: exitCode, ms: performance.now() - started };
}

test('a setup with nothing to do takes no time and prints one line', () => {
  const { out, code, ms } = spawn([process.execPath, join(addonFolder, 'setup.ts')]);
  expect(out).toMatch(/^setup: packages and Kafka addon \(librdkafka [\d.]+\) are in place\n$/);
  expect(code).toBe(0);
  expect(ms).toBeLessThan(2_000);
});

describe('Debian packages', () => {
  /** Runs the check with a dpkg-query that knows `installed` and an apt-get that writes down what it is asked. */
  function check(user: number, installed: string[]): { out: string; code: number | null; asked: string } {
    const bin = folder();
    const asked = join(bin, 'asked');
    const known = installed.map((name) => `echo ${name} installed`).join('\n');
    tool(join(bin, 'dpkg-query'), `${known}\necho make config-files`);
    tool(join(bin, 'apt-get'), `echo "$@" >> ${asked}`);
    const program = `(await import('${addonFolder}/debian.ts')).ensureDebianPackages(${user})
      .catch((error) => { console.log(error.message); process.exit(1); })`;
    const { out, code } = spawn([process.execPath, '-e', program], { PATH: `${bin}:/bin:/usr/bin` });
    return { out, code, asked: existsSync(asked) ? readFileSync(asked, 'utf8') : '' };
  }

  function tool(path: string, script: string): void {
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  }

  test('root gets the missing ones installed, and only those', () => {
    const { code, asked } = check(0, ['g++', 'python3', 'libssl-dev', 'zlib1g-dev']);
    expect(code).toBe(0);
    const [update, install, ...rest] = asked.trim().split('\n');
    expect(update).toEndWith('update');
    expect(install).toEndWith('install -y --no-install-recommends make libzstd-dev');
    expect(rest).toEqual([]);
  });

  test('anyone else gets the command to run', () => {
    const { code, asked, out } = check(1000, ['g++', 'make', 'python3', 'libssl-dev']);
    expect(code).toBe(1);
    expect(asked).toBe('');
    expect(out).toContain(
      'sudo apt-get update && sudo apt-get install -y --no-install-recommends zlib1g-dev libzstd-dev',
    );
  });

  test('nothing is asked of apt-get where all are there', () => {
    const all = ['g++', 'make', 'python3', 'libssl-dev', 'zlib1g-dev', 'libzstd-dev'];
    expect(check(1000, all)).toEqual({ code: 0, asked: '', out: '' });
  });
});

describe('the cache of builds', () => {
  const filled = (text: string) => async (temporary: string) => writeFileSync(join(temporary, 'file'), text);

  test('a build that fails leaves nothing behind', async () => {
    const cache = folder();
    const build = cached(join(cache, 'built'), async (temporary) => {
      await filled('half')(temporary);
      throw new Error('no compiler');
    });
    await expect(build).rejects.toThrow('no compiler');
    expect(readdirSync(cache)).toEqual([]);
  });

  test('of two builds at once the first to end stays, and both succeed', async () => {
    const target = join(folder(), 'built');
    const slow = cached(target, async (temporary) => {
      await Bun.sleep(20);
      await filled('slow')(temporary);
    });
    const quick = cached(target, filled('quick'));
    expect(await Promise.all([slow, quick])).toEqual([target, target]);
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('quick');
  });

  test('what a killed build left is removed by the next, what another is building is not', async () => {
    const cache = folder();
    const target = join(cache, 'built');
    for (const name of ['built.tmp-1-1', 'built.tmp-2-2', 'other.tmp-3-3'])
      writeFileSync(join(cache, name), '');
    const longAgo = new Date(Date.now() - 2 * 3_600_000);
    for (const name of ['built.tmp-1-1', 'other.tmp-3-3']) utimesSync(join(cache, name), longAgo, longAgo);
    await cached(target, filled('new'));
    expect(readdirSync(cache).sort()).toEqual(['built', 'built.tmp-2-2', 'other.tmp-3-3']);
  });
});

test('the reason of a failed load names the missing piece', () => {
  const failed = (code: string, message: string) => explain(Object.assign(new Error(message), { code }));
  const dlopen = (message: string) => failed('ERR_DLOPEN_FAILED', message);

  expect(failed('MODULE_NOT_FOUND', "Cannot find module 'kafka-addon/kafka.node'")).toMatchObject({
    message: 'The Kafka addon is not built.',
    remedy: 'Run: bun run setup',
  });
  expect(dlopen("/lib/libc.so.6: version `GLIBC_2.34' not found (required by kafka.node)")).toMatchObject({
    message: 'The Kafka addon needs glibc 2.34, which this system does not have.',
    remedy: 'Use Debian 12, Ubuntu 22.04, RHEL 9 or newer.',
  });
  expect(dlopen('libzstd.so.1: cannot open shared object file: No such file or directory').remedy).toBe(
    'Install it; on Debian: apt-get install libzstd1',
  );
  expect(dlopen('kafka.node: undefined symbol: _ZN2v811HandleScope6ExtendEPNS_7IsolateE').message).toContain(
    'built for another Bun',
  );
  expect(dlopen('/tmp/.bun-0-1.node: failed to map segment from shared object').message).toContain(
    'must be writable and not mounted noexec',
  );
});
