import { cpSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../../src/common/errors.ts';
import { scratchDir } from '../../services/scratch.ts';
import { ARCHIVE } from './machine.ts';
import { demand, NotHere } from './tools.ts';

/** Debian's release that the archives are for at least. */
const SUITE = 'bookworm';

/**
 * A root of Debian with the archive unpacked, and nothing else in it that is ours.
 * @param packages beside those of the variant
 * @param variant as mmdebstrap has it: `extract` unpacks and runs nothing, so that the processor may be another
 */
export async function debianRoot(
  archive: string,
  architecture: 'amd64' | 'arm64',
  variant: 'minbase' | 'extract',
  packages: readonly string[],
): Promise<string> {
  const root = scratchDir(`root-${architecture}`);
  try {
    await demand([
      ...['mmdebstrap', '--quiet', `--architectures=${architecture}`, `--variant=${variant}`],
      ...[`--include=${packages.join(',')}`, SUITE, root],
    ]);
  } catch (error) {
    throw new NotHere(`Debian's packages cannot be had: ${messageOf(error)}`);
  }
  await unpack(archive, root);
  cpSync(join(import.meta.dir, 'agent.sh'), join(root, 'opt/agent.sh'));
  return root;
}

/** Puts the archive's files to `/opt/archive` of a root. */
async function unpack(archive: string, root: string): Promise<void> {
  const opt = join(root, 'opt');
  mkdirSync(opt, { recursive: true });
  await demand(['tar', '-xzf', archive, '-C', opt]);
  const [folder = ''] = new Bun.Glob('kor-coin-stream-*').scanSync({ cwd: opt, onlyFiles: false });
  renameSync(join(opt, folder), join(root, ARCHIVE));
}
