import { writeFileSync } from 'node:fs';
import { standardError } from '../../src/common/line-output.ts';

/** Fills its standard error far beyond what a terminal holds, and says whether its own clock went on meanwhile. */
const [file = ''] = process.argv.slice(2);
let ticks = 0;
setInterval(() => ticks++, 10);
for (let i = 0; i < 2000; i++) standardError.write(`${i} ${'x'.repeat(1000)}\n`);
await Bun.sleep(500);
writeFileSync(file, JSON.stringify({ ticks, dropped: standardError.dropped }));
await standardError.flush(20_000);
process.exit(0);
