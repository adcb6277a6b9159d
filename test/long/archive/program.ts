import type { SimulatorProcess } from '../../simulator/process.ts';
import type { Check } from '../verdict.ts';
import { ARCHIVE, type Machine } from './machine.ts';

/** How patient to be with a machine: 1 for one that is as fast as this. */
export type Patience = number;

const PROGRAM = `${ARCHIVE}/kor-coin-stream`;
const ENDS_MS = 30_000;
const LIVE_MS = 30_000;
const CODES = 5;
/** An emulated machine takes its time for a page, too. */
const ANSWER_MS = 60_000;

export function checkOf(name: string, wrong: readonly string[], figures: string): Check {
  return { name, passed: wrong.length === 0, told: [figures, ...wrong] };
}

/** The simulator's addresses as a machine sees them: variables of the collector. */
export function exchangesFor({ env }: SimulatorProcess, { host }: Machine): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, url]) => [name, url.replace('127.0.0.1', host)]));
}

export function exported(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value}'\n`)
    .join('');
}

/** Nothing there that the archive should not need. */
export async function nothingElse(machine: Machine): Promise<Check> {
  const { said } = await machine.run('command -v bun node gcc cc g++ clang make python3', ENDS_MS);
  return checkOf(
    'no Bun, Node or compiler is there',
    said.split('\n').filter(Boolean),
    'command -v finds none',
  );
}

/** `version` says the version of the archive. */
export async function version(machine: Machine, expected: string, patience: Patience): Promise<Check> {
  const began = performance.now();
  const { code, said } = await machine.run(`${PROGRAM} version`, ENDS_MS * patience);
  const right = code === 0 && said.startsWith(`kor-coin-stream ${expected}\n`) && /librdkafka \d/.test(said);
  return checkOf('version', right ? [] : [`ended with ${code}: ${said}`], took(began));
}

/** `check` finds nothing wrong where the exchanges answer, and fails as a whole where one that is needed does not. */
export async function check(
  machine: Machine,
  simulator: SimulatorProcess,
  patience: Patience,
): Promise<Check> {
  const env = exported({ ...exchangesFor(simulator, machine), HTTP_PORT: '0' });
  const began = performance.now();
  const { code, said } = await machine.run(`${env}${PROGRAM} check`, ENDS_MS * patience);
  const lines = said.split('\n').filter(Boolean);
  // How far the clocks are apart is measured too roughly by a processor that is so slow.
  const fine = patience === 1 ? /^ok / : /^(ok|warn {2}\w+: \d+ markets)/;
  const missing = Object.keys(simulator.exchanges).filter((id) => !said.includes(` ${id}: `));
  const wrong = [
    ...lines.filter((line) => !fine.test(line)),
    ...missing.map((id) => `${id} is not reported`),
    ...(code === 0 ? [] : [`ended with ${code}`]),
  ];
  return checkOf('check', wrong, `${lines.length} lines, ${took(began)}`);
}

/**
 * The demo: streams of two exchanges against a simulator outside, with the broker in the process. Watched from outside
 * for `seconds`: ready, every stream live, rows acknowledged all along; then it ends cleanly.
 */
export async function demo(
  machine: Machine,
  simulator: SimulatorProcess,
  seconds: number,
  patience: Patience,
): Promise<Check> {
  const env = exported({
    ...exchangesFor(simulator, machine),
    ...{ HTTP_HOST: '0.0.0.0', HTTP_PORT: `${machine.port}`, HTTP_ALLOWED_HOSTS: '127.0.0.1' },
  });
  const wanted = ['upbit', 'binance'].flatMap((id) => {
    const symbols = simulator.exchanges[id]?.symbols.slice(0, CODES).join(',');
    return `--exchange ${id} --type ticker,trade --symbols '${symbols}'`;
  });
  const start = `${env}rm -f /tmp/ended
(${PROGRAM} run ${wanted.join(' ')} --set shutdown.timeout_ms=${10_000 * patience} >/tmp/log 2>&1 & echo $! >/tmp/pid; wait $!; echo $? >/tmp/ended) >/dev/null 2>&1 &`;
  await machine.run(start, ENDS_MS * patience);
  const liveAfterMs = await untilLive(machine.port, 4, LIVE_MS * patience);
  const watched = liveAfterMs === null ? null : await watch(machine.port, seconds, patience);
  const stop = 'kill -TERM "$(cat /tmp/pid)"; until [ -s /tmp/ended ]; do sleep 0.1; done; cat /tmp/ended';
  const { said } = await machine.run(`timeout ${20 * patience} bash -c '${stop}'`, ENDS_MS * patience);
  const wrong = [
    ...(watched === null ? ['not every stream went live'] : watched.wrong),
    ...(said.trim() === '0' ? [] : [`its end: ${said.trim() || 'none'}`]),
  ];
  const log = wrong.length === 0 ? [] : [(await machine.run('tail -n 20 /tmp/log', ENDS_MS * patience)).said];
  const live = liveAfterMs === null ? 'never live' : `live after ${seconds1(liveAfterMs)}`;
  return checkOf(
    'the demo',
    [...wrong, ...log],
    `${live}, ${watched?.rows ?? 0} rows acknowledged in ${seconds} s`,
  );
}

interface Status {
  readonly ready: boolean;
  readonly streams: readonly { readonly state: string; readonly totals: { readonly acknowledged: number } }[];
}

/** What the collector says of itself; null where it does not answer. */
export async function statusAt(port: number): Promise<Status | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/status`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return (await answer.json()) as Status;
  } catch {
    return null;
  }
}

/** @returns after how many ms all streams were live and rows acknowledged; null where they were not in time */
export async function untilLive(port: number, streams: number, limitMs: number): Promise<number | null> {
  const began = performance.now();
  while (performance.now() - began < limitMs) {
    const status = await statusAt(port);
    const flowing = status?.streams.filter(
      ({ state, totals }) => state === 'live' && totals.acknowledged > 0,
    );
    if (status?.ready && flowing?.length === streams) return performance.now() - began;
    await Bun.sleep(500);
  }
  return null;
}

/** Looks again and again: still ready, and more acknowledged than the last time. */
async function watch(
  port: number,
  seconds: number,
  patience: Patience,
): Promise<{ rows: number; wrong: string[] }> {
  const wrong: string[] = [];
  const lookS = patience === 1 ? LOOK_S : seconds / 2;
  let first: number | null = null;
  let last = 0;
  for (let elapsed = 0; elapsed <= seconds; elapsed += lookS) {
    const status = await statusAt(port);
    const rows = status?.streams.reduce((sum, { totals }) => sum + totals.acknowledged, 0) ?? 0;
    if (!status) wrong.push(`no answer after ${elapsed} s`);
    else if (!status.ready) wrong.push(`not ready after ${elapsed} s`);
    else if (rows <= last) wrong.push(`nothing more was acknowledged after ${elapsed} s`);
    last = rows;
    first ??= rows;
    if (elapsed < seconds) await Bun.sleep(lookS * 1000);
  }
  return { rows: last - (first ?? 0), wrong };
}

const LOOK_S = 5;

function took(began: number): string {
  return seconds1(performance.now() - began);
}

function seconds1(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
