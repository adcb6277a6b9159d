import { spawnSync } from 'node:child_process';
import { run, SetupError } from './run.ts';

/** What the build needs beside Bun: compilers, and the libraries that librdkafka links. */
export const DEBIAN_PACKAGES = ['g++', 'make', 'python3', 'libssl-dev', 'zlib1g-dev', 'libzstd-dev'] as const;

// biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are dpkg's
const FORMAT = '-f=${Package} ${db:Status-Status}\n';

/** Packages of the list that dpkg does not know as installed; undefined where there is no dpkg. */
export function missingPackages(wanted: readonly string[]): string[] | undefined {
  const query = spawnSync('dpkg-query', ['-W', FORMAT, ...wanted], {
    encoding: 'utf8',
  });
  if (query.error !== undefined) return undefined;
  const installed = new Set(
    query.stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return wanted.filter((name) => !installed.has(name));
}

/**
 * Installs the missing packages, and only those, when run by root.
 * Anyone else gets the command to run, as a SetupError.
 */
export async function ensureDebianPackages(user = process.getuid?.()): Promise<void> {
  const missing = missingPackages(DEBIAN_PACKAGES);
  if (missing === undefined) {
    console.log(
      'setup: no dpkg here; taking a C++20 compiler, make, python3, OpenSSL (static), zlib, zstd as given',
    );
    return;
  }
  if (missing.length === 0) return;
  const install = ['install', '-y', '--no-install-recommends', ...missing];
  if (user !== 0)
    throw new SetupError(
      `The build of the Kafka addon needs ${missing.join(', ')}. Install by:\n` +
        `  sudo apt-get update && sudo apt-get ${install.join(' ')}`,
    );
  console.log(`setup: apt-get install ${missing.join(' ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  // A machine that just started may be updating itself.
  const wait = ['-q', '-o', 'DPkg::Lock::Timeout=300'];
  await run('apt-get', [...wait, 'update'], { env });
  await run('apt-get', [...wait, ...install], { env });
}
