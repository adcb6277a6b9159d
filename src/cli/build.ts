import { mkdir, rename } from 'node:fs/promises';
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
const built = Bun.spawnSync(
  [
    process.execPath,
    'build',
    '--compile',
    join(root, 'index.ts'),
    '--define',
    `KCS_COMMIT=${JSON.stringify(commit())}`,
    '--outfile',
    join(dist, `${name}.new`),
  ],
  { cwd: root, stdout: 'inherit', stderr: 'inherit' },
);
if (!built.success) process.exit(built.exitCode || 1);
// A collector that runs from the old file keeps it.
await rename(join(dist, `${name}.new`), join(dist, name));
console.log(`built dist/${name}`);
