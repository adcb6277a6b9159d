import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildBinary, NAME, ROOT } from './binary.ts';

/** `bun run build`: dist/kor-coin-stream for this machine. Set-up must have run, which puts the addon in its place. */
const dist = join(ROOT, 'dist');
await mkdir(dist, { recursive: true });
await buildBinary({ outfile: join(dist, NAME) });
console.log(`built dist/${NAME}`);
