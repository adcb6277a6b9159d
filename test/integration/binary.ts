import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDir } from '../services/scratch.ts';

const ROOT = join(import.meta.dir, '..', '..');
const BINARY = join(ROOT, 'dist', 'kor-coin-stream');

/** How the program is started: `bun index.ts` of the work tree, or the binary with nothing around it. */
export type Form = 'source' | 'binary';

/** What a form needs to be spawned. The binary gets an empty folder and no variable of ours. */
export function launch(form: Form): {
  readonly argv: string[];
  readonly cwd: string;
  readonly env: Record<string, string>;
} {
  if (form === 'source') {
    const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };
    return { argv: [process.execPath, join(ROOT, 'index.ts')], cwd: ROOT, env };
  }
  const cwd = scratchDir('empty');
  mkdirSync(cwd, { recursive: true });
  return { argv: [BINARY], cwd, env: {} };
}

/** Builds the binary where it is missing or older than what goes into it. */
export async function freshBinary(): Promise<void> {
  const built = statSync(BINARY, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > newest()) return;
  const build = Bun.spawn([process.execPath, 'run', 'build'], {
    cwd: ROOT,
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const [said, code] = await Promise.all([build.stderr.text(), build.exited]);
  if (code !== 0) throw new Error(`the binary could not be built: ${said}`);
}

function newest(): number {
  const sources = ['index.ts', 'bun.lock', 'src/**/*', 'exchanges/*', 'schemas/*', 'config/*'].flatMap(
    (pattern) => [...new Bun.Glob(pattern).scanSync(ROOT)],
  );
  return Math.max(...sources.map((file) => statSync(join(ROOT, file)).mtimeMs));
}
