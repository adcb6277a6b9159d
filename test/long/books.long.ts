import { parseArgs } from 'node:util';
import { runBooks } from '../integration/books/run.ts';
import type { Run } from '../integration/eleven-parts.ts';
import { endAllServers } from '../services/scratch.ts';

/**
 * Order books of every exchange, twenty codes each, five quiet minutes, then every fault of books, cuts and rotations:
 * what a reader in Python rebuilds from Kafka against the books of the exchanges. Prints what was looked at and, at the
 * end, `N passed, M failed`; exit code 0 where nothing failed.
 *
 *   bun test/long/books.long.ts [--minutes 5] [--codes 20] [--rate 6000]
 */
const { values } = parseArgs({
  options: {
    /** Without faults. */
    minutes: { type: 'string', default: '5' },
    codes: { type: 'string', default: '20' },
    /** Level changes a second over all books; the busiest code of eleven exchanges gets some 200. */
    rate: { type: 'string', default: '6000' },
  },
});

const MOMENTS = 100;
const started = Date.now();
let run: Run | null = null;

function say(line: string): void {
  console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`);
}

const found = await runBooks(
  {
    codes: Number(values.codes),
    changesPerS: Number(values.rate),
    quietMs: Number(values.minutes) * 60_000,
    paceMs: 3000,
    momentMs: 500,
    keyframeMs: 60_000,
    healMs: 20_000,
  },
  (begun) => {
    run = begun;
  },
  say,
);
await (run as Run | null)?.end();
await endAllServers();

const { compared, rows, breaks, ...lists } = found;
const checks = [
  ...Object.entries(lists).map(([name, list]) => ({ name, wrong: list.map((one) => JSON.stringify(one)) })),
  { name: 'moments', wrong: compared >= MOMENTS ? [] : [`${compared} of ${MOMENTS} could be compared`] },
  { name: 'breaks', wrong: breaks > 0 ? [] : ['no fault broke a book'] },
];
for (const { name, wrong } of checks) {
  say(`${wrong.length === 0 ? 'pass' : 'FAIL'}  ${name}`);
  for (const one of wrong.slice(0, 10)) say(`      ${one}`);
}
say(`${rows} rows, ${compared} moments compared, ${breaks} breaks told`);
const failed = checks.filter(({ wrong }) => wrong.length > 0).length;
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
