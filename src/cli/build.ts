import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { commit } from '../common/build-info.ts';

/**
 * `bun run build`: everything (plug-ins, schemas, settings, the Kafka addon) into dist/kor-coin-stream. Set-up must
 * have run, as the addon is taken from where it puts it.
 */
const root = join(import.meta.dir, '..', '..');
const dist = join(root, 'dist');
const name = 'kor-coin-stream';

await mkdir(dist, { recursive: true });
// Stack traces of the binary show the name it was built under, so that it has its own from the start.
const draft = await mkdtemp(join(dist, '.build-'));
const built = Bun.spawnSync(
  [
    process.execPath,
    'build',
    '--compile',
    join(root, 'index.ts'),
    '--define',
    `KCS_COMMIT=${JSON.stringify(commit())}`,
    '--outfile',
    join(draft, name),
  ],
  { cwd: root, stdout: 'inherit', stderr: 'inherit' },
);
// A collector that runs from the old file keeps it.
if (built.success) await rename(join(draft, name), join(dist, name));
await rm(draft, { recursive: true });
if (!built.success) process.exit(built.exitCode || 1);
console.log(`built dist/${name}`);
