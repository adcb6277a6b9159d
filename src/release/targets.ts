import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ARM64, buildAddon, NATIVE, recipe, type Toolchain } from '../infra/kafka/addon/build.ts';
import { ensureDebianPackages, missingPackages } from '../infra/kafka/addon/debian.ts';
import { run, SetupError } from '../infra/kafka/addon/run.ts';

/** A machine that a release is made for. */
export interface Target {
  readonly name: 'linux-x64' | 'linux-arm64';
  /** The package whose Bun goes into the binary: on x64 the one for processors without AVX2. */
  readonly bun: string;
  readonly toolchain: Toolchain;
  /** Debian packages of the compiler and the libraries, beside those of every build. */
  readonly packages: readonly string[];
}

const CROSS = ['g++-aarch64-linux-gnu', 'libssl-dev:arm64', 'zlib1g-dev:arm64', 'libzstd-dev:arm64'];

export const TARGETS: readonly Target[] = [
  {
    name: 'linux-x64',
    bun: '@oven/bun-linux-x64-baseline',
    toolchain: { ...NATIVE, arch: 'x64' },
    packages: [],
  },
  { name: 'linux-arm64', bun: '@oven/bun-linux-aarch64', toolchain: ARM64, packages: CROSS },
];

/**
 * The Kafka addon for a target, built where the cache lacks it.
 * @throws SetupError where its compiler is not there and cannot be installed
 */
export async function addonFor(target: Target, root: string): Promise<string> {
  return await buildAddon(recipe(root, target.toolchain), async () => {
    await ensureDebianPackages();
    await ensureCross(target);
  });
}

async function ensureCross({ name, packages }: Target): Promise<void> {
  if (packages.length === 0) return;
  // dpkg knows a foreign package by its name with the architecture.
  const missing = missingPackages(packages);
  if (missing === undefined || (missing.length > 0 && process.getuid?.() !== 0))
    throw new SetupError(`${name} needs Debian's ${packages.join(', ')} (dpkg --add-architecture arm64).`);
  if (missing.length === 0) return;
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const wait = ['-q', '-o', 'DPkg::Lock::Timeout=300'];
  await run('dpkg', ['--add-architecture', 'arm64']);
  await run('apt-get', [...wait, 'update'], { env });
  await run('apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...packages], { env });
}

/** Bun itself for a target, out of its package, in `folder`. @returns its path */
export async function bunFor({ bun }: Target, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const manifest = { name: 'bun-for-release', private: true, dependencies: { [bun]: Bun.version } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  // Packages of another processor are left out otherwise.
  await run(process.execPath, ['install', '--cpu=*', '--os=*', '--silent'], { cwd: folder });
  return join(folder, 'node_modules', bun, 'bin/bun');
}
