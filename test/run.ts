import { cpus } from 'node:os';
import { Glob } from 'bun';
import { type Job, type Outcome, runJob } from './runner/job.ts';
import { closing, line } from './runner/report.ts';
import { startRegistry } from './services/registry.ts';
import { endAllServers } from './services/scratch.ts';
import { REGISTRY_OF_THE_RUN } from './services/services.ts';

/**
 * Runs the tests, what waits beside what works: every file of `integration/` is a process of its own with servers and
 * ports of its own, several at a time.
 *
 *   bun test/run.ts                       all but the long runs
 *   bun test/run.ts unit|conformance|integration …         those parts
 *   bun test/run.ts long                  runs of a minute and more, one after the other: a quarter of an hour
 *   bun test/run.ts soak                  the same for hours
 *   bun test/run.ts PATH …                those files
 *
 * TEST_LANES says how many run at once: five for two cores. Whatever a job printed is kept in out/tests/. What failed beside
 * others is run once more alone; the summary tells of both.
 */

/**
 * The longest jobs, which are begun first: begun last they would be waited for alone. The first four mostly wait, some for
 * the minutes of the wall clock, and leave the machine to those after them.
 */
export const LONGEST_FIRST = [
  'integration/metrics',
  'integration/silence',
  'integration/eleven-changes',
  'integration/eleven',
  'unit',
  'integration/spine',
  'integration/messaging-outage',
  'integration/intake-outage',
  'integration/store-loss',
  'integration/kafka-refusals',
  'integration/resume',
  'integration/kafka-replicas',
  'integration/provisional',
  'integration/failures',
  'integration/intake-kill',
  'integration/leases',
  'integration/preflight',
  'integration/breakers',
  'integration/kafka-security',
  'conformance',
] as const;

/** What hundreds of files leave behind in one process makes each collection of garbage dearer: several have less each. */
const UNIT_SHARDS = 4;

/** Parts of the tests; those of `BY_DEFAULT` run where none is named. */
const PARTS: Readonly<Record<string, () => Job[]>> = {
  integration: () => files('integration/*.test.ts').map(suite),
  unit: () => shards('test/unit', UNIT_SHARDS),
  conformance: () => [suite('test/conformance')],
  long: () => [
    ...files('long/*.test.ts').map((path) => measuring(suite(path))),
    program('test/long/bad-day.long.ts', '--minutes', '4'),
  ],
  soak: () => files('long/*.long.ts').map((path) => program(path)),
};
const BY_DEFAULT = ['integration', 'unit', 'conformance'];

/** Most of a job's time is waiting. */
const LANES_PER_CORE = 2.5;
/** A file ends within so long, whatever hangs in it, in ms; a long run has an hour. */
const FILE_LIMIT_MS = 900_000;
const LONG_LIMIT_MS = 3_600_000;

function files(pattern: string): string[] {
  return [...new Glob(`test/${pattern}`).scanSync()].sort();
}

function rank({ name }: Job): number {
  const [path] = name.split(' ');
  const at = LONGEST_FIRST.findIndex((one) => path === `test/${one}` || path === `test/${one}.test.ts`);
  return at < 0 ? LONGEST_FIRST.length : at;
}

function suite(path: string): Job {
  return { name: path, argv: ['test', `./${path}`], limitMs: FILE_LIMIT_MS };
}

function shards(path: string, count: number): Job[] {
  return Array.from({ length: count }, (_, at) => ({
    name: `${path} ${at + 1}/${count}`,
    argv: ['test', `./${path}`, `--shard=${at + 1}/${count}`],
    limitMs: FILE_LIMIT_MS,
  }));
}

function program(path: string, ...flags: string[]): Job {
  return measuring({ name: path, argv: [path, ...flags], limitMs: LONG_LIMIT_MS });
}

/** A long run has the machine to itself, and its figures are shown. */
function measuring(job: Job): Job {
  return { ...job, measures: true };
}

/** What is run where these parts and files are named, or all but the long runs where none is. */
export function jobsOf(named: readonly string[]): Job[] {
  const parts = named.length > 0 ? named : BY_DEFAULT;
  return parts.flatMap((part) => PARTS[part]?.() ?? [suite(part)]).sort((a, b) => rank(a) - rank(b));
}

/**
 * What failed beside others is run once more with the machine to itself: there it has to pass. That it failed before is
 * told all the same, for it may be a fault that only a busy machine shows.
 */
async function againAlone(
  jobs: readonly Job[],
  outcomes: readonly Outcome[],
): Promise<{ readonly last: Outcome[]; readonly contended: Outcome[] }> {
  const last: Outcome[] = [];
  const contended: Outcome[] = [];
  for (const outcome of outcomes) {
    const job = outcome.failed > 0 ? jobs.find(({ name }) => name === outcome.name) : undefined;
    const again = job ? await runJob({ ...job, log: 'alone' }) : outcome;
    if (job) console.log(`alone: ${line(again, last.length + 1, outcomes.length)}`);
    if (job && again.failed === 0) contended.push(outcome);
    last.push(again);
  }
  return { last, contended };
}

/** One registry for all jobs, unless there is one; each starts its own where this one does not start. */
async function shareRegistry(): Promise<void> {
  if (process.env.SCHEMA_REGISTRY_URL) return;
  try {
    process.env[REGISTRY_OF_THE_RUN] = (await startRegistry()).url;
  } catch (error) {
    console.log(`no registry for all jobs: ${error instanceof Error ? error.message : error}`);
  }
}

async function main(): Promise<void> {
  const jobs = jobsOf(process.argv.slice(2));
  if (jobs.filter(({ name }) => /\/(integration|long)\//.test(name)).length > 1) await shareRegistry();
  const alone = jobs.some(({ measures }) => measures);
  const lanes = alone ? 1 : Number(process.env.TEST_LANES ?? Math.ceil(LANES_PER_CORE * cpus().length));
  const began = performance.now();
  const outcomes: Outcome[] = [];
  const queue = jobs[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (const job of queue) {
      if (alone) console.log(`${job.name} begins`);
      const outcome = await runJob(job);
      outcomes.push(outcome);
      console.log(line(outcome, outcomes.length, jobs.length, job.measures));
    }
  };
  console.log(
    `${jobs.length} jobs, ${Math.min(lanes, jobs.length)} at a time; their words are kept in out/tests/`,
  );
  await Promise.all(Array.from({ length: lanes }, lane));
  const { last, contended } =
    lanes > 1 ? await againAlone(jobs, outcomes) : { last: outcomes, contended: [] };
  console.log(closing(last, performance.now() - began, contended));
  if (last.some(({ failed }) => failed > 0)) process.exitCode = 1;
}

if (import.meta.main) {
  try {
    await main();
  } finally {
    await endAllServers();
  }
}
