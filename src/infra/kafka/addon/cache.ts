import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** No build takes this long: what is older was left by a build that was killed. */
const ABANDONED_AFTER_MS = 3_600_000;

/**
 * Fills `folder` unless it is there: in a temporary one beside it, which is then renamed. A build that is killed
 * leaves nothing under the final name, and of two builds at once the first to end wins.
 */
export async function cached(folder: string, fill: (temporary: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return folder;
  removeAbandoned(folder);
  mkdirSync(dirname(folder), { recursive: true });
  const temporary = mkdtempSync(`${folder}.tmp-`);
  try {
    await fill(temporary);
    renameSync(temporary, folder);
  } catch (error) {
    // Another build put its own there first: as good as ours.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return folder;
}

function removeAbandoned(folder: string): void {
  const parent = dirname(folder);
  if (!existsSync(parent)) return;
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(`${basename(folder)}.tmp-`)) continue;
    const path = join(parent, name);
    if (Date.now() - statSync(path).mtimeMs > ABANDONED_AFTER_MS)
      rmSync(path, { recursive: true, force: true });
  }
}
