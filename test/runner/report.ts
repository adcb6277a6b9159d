import type { Outcome } from './job.ts';

/** So much of what a failed job printed is shown at once; all of it is in its file. */
const SHOWN = 20_000;
const SLOWEST = 5;

/**
 * One line when a job has ended; with its words where it failed.
 * @param measures its words are what it measured: they are shown either way
 */
export function line(outcome: Outcome, done: number, all: number, measures = false): string {
  const { name, passed, failed, fault, words } = outcome;
  const head = `[${done}/${all}] ${failed === 0 ? 'ok    ' : 'FAILED'} ${name}: ${passed} passed, ${failed} failed, ${seconds(outcome.tookMs)}, CPU ${seconds(outcome.cpuMs)}`;
  if (failed === 0) return measures ? `${head}\n${words.trim().slice(-SHOWN)}` : head;
  return `${head}${fault === null ? '' : `\n${name} ${fault}`}\n${excerpt(words)}`;
}

/**
 * The summary of a run. Its last line is `N passed, N failed`.
 * @param contended what failed beside others and passed alone
 */
export function closing(
  outcomes: readonly Outcome[],
  tookMs: number,
  contended: readonly Outcome[] = [],
): string {
  const slowest = [...outcomes].sort((a, b) => b.tookMs - a.tookMs).slice(0, SLOWEST);
  const failures = outcomes.flatMap(failuresOf);
  const before = contended.flatMap(failuresOf).map((text) => `failed beside others, passed alone: ${text}`);
  const sum = (of: 'passed' | 'failed' | 'cpuMs'): number =>
    outcomes.reduce((all, outcome) => all + outcome[of], 0);
  return [
    '',
    `longest: ${slowest.map((outcome) => `${outcome.name} ${seconds(outcome.tookMs)}`).join(', ')}`,
    ...before,
    ...failures,
    `all in ${Math.round(tookMs / 1000)} s, CPU ${Math.round(sum('cpuMs') / 1000)} s`,
    `${sum('passed')} passed, ${sum('failed')} failed`,
  ].join('\n');
}

function failuresOf({ name, words, fault }: Outcome): string[] {
  const told = [...words.matchAll(/^\(fail\) .*$/gm)].map(([text]) => `${name}: ${text}`);
  return fault === null ? told : [...told, `${name}: ${fault}`];
}

/** Failures with what was said before each, for a file of a thousand tests says a thousand times that one passed. */
function excerpt(words: string): string {
  const telling = words.replaceAll(/^\((pass|skip)\) .*\n/gm, '');
  return telling.length <= SHOWN ? telling : `…${telling.slice(-SHOWN)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
