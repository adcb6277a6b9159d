import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One process of the test run. */
export interface Job {
  readonly name: string;
  /** Arguments for Bun. */
  readonly argv: readonly string[];
  /** It is ended after so long, with all that it started, and has failed. */
  readonly limitMs: number;
  /** It has the machine to itself, and what it prints is shown though nothing failed. */
  readonly measures?: boolean;
  /** What the name of its log ends with, where it is not the first run. */
  readonly log?: string;
}

export interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly tookMs: number;
  /** What it and all that it started and waited for have worked, in ms of one core. */
  readonly cpuMs: number;
  /** Everything that it printed. */
  readonly words: string;
  /** Why it failed as a whole; null where it did not. */
  readonly fault: string | null;
}

const FOLDER = 'out/tests';
/** Process ids of jobs that run, with their names. */
const running = new Map<number, string>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    for (const pid of running.keys()) end(pid);
    console.log(`ended by ${signal} while these ran: ${[...running.values()].join(', ')}`);
    process.exit(130);
  });
}

/** Runs a job to its end, or to its limit. */
export async function runJob({ name, argv, limitMs, log: which }: Job): Promise<Outcome> {
  mkdirSync(FOLDER, { recursive: true });
  const file = join(FOLDER, `${name.replaceAll(/[/ ]/g, '-')}${which === undefined ? '' : `-${which}`}.log`);
  const log = openSync(file, 'w');
  const began = performance.now();
  const child = Bun.spawn([process.execPath, ...argv], {
    env: { ...process.env, NO_COLOR: '1' },
    stdin: 'ignore',
    stdout: log,
    stderr: log,
    // A group of its own, so that nothing that it left behind outlives it.
    detached: true,
  });
  closeSync(log);
  running.set(child.pid, name);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    end(child.pid);
  }, limitMs);
  const code = await child.exited;
  clearTimeout(timer);
  end(child.pid);
  running.delete(child.pid);
  const tookMs = performance.now() - began;
  const cpuMs = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1000;
  return { ...judged(readFileSync(file, 'utf8'), code, late ? limitMs : null), name, tookMs, cpuMs };
}

/**
 * What a job's words and its end say together: counts out of the summary of `bun test` (` 12 pass`), or out of a
 * closing line `12 passed, 0 failed`.
 * @param overran the limit in ms where it was ended at it
 */
export function judged(
  words: string,
  code: number,
  overran: number | null,
): Pick<Outcome, 'passed' | 'failed' | 'words' | 'fault'> {
  const passed = count(words, 'pass');
  const failed = count(words, 'fail');
  const none = passed === null || (passed === 0 && failed === 0);
  let fault: string | null = null;
  if (overran !== null) fault = `did not end within ${overran / 1000} s`;
  else if (none) fault = `ended with ${code} and ran no test`;
  else if (code !== 0 && (failed ?? 0) === 0) fault = `ended with ${code} although no test failed`;
  return { passed: passed ?? 0, failed: (failed ?? 0) + (fault === null ? 0 : 1), words, fault };
}

function count(words: string, what: 'pass' | 'fail'): number | null {
  const found = [...words.matchAll(new RegExp(`(?:^|, )\\s*(\\d+) ${what}(?:ed)?(?=$|,)`, 'gm'))].at(-1)?.[1];
  return found === undefined ? null : Number(found);
}

function end(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // Nothing of it is left.
  }
}
