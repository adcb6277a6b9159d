import { join } from 'node:path';
import type { Simulator } from '../simulator/simulator.ts';

export const ROOT = join(import.meta.dir, '..', '..');

/** Waits for no service for long, and takes any port. */
export const FAST = ['--set', 'startup.timeout_ms=1500', '--set', 'http.port=0'];
/** Nobody listens there. */
export const NOBODY = '127.0.0.1:1';

/** Flags of a collector of all trades of a simulator's Upbit. */
export function allTrades(simulator: Simulator): string[] {
  return ['--exchange', 'upbit', '--type', 'trade', '--symbols', simulator.symbols('upbit').join(',')];
}

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Program {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when standard error holds this; rejects with all of it when the program ends without. */
  said(text: string): Promise<void>;
}

/** The program as a user starts it, in an environment that holds nothing but `env`. */
export function start(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  options: { readonly stdin?: string | Uint8Array; readonly binary?: string } = {},
): Program {
  const command = options.binary === undefined ? [process.execPath, 'index.ts'] : [options.binary];
  const child = Bun.spawn([...command, ...argv], {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
    stdin: options.stdin === undefined ? 'ignore' : new Blob([options.stdin]),
    stdout: 'pipe',
    stderr: 'pipe',
  });
  let err = '';
  const waiting = new Map<string, () => void>();
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) {
      err += decoder.decode(chunk, { stream: true });
      for (const [text, resolve] of waiting) if (err.includes(text)) resolve();
    }
  })();
  const ended = Promise.all([child.stdout.text(), child.exited, reading]).then(([out, code]) => ({
    code,
    out,
    err,
  }));
  return {
    pid: child.pid,
    ended,
    kill: (signal) => child.kill(signal),
    said(text) {
      if (err.includes(text)) return Promise.resolve();
      return new Promise((resolve, reject) => {
        waiting.set(text, resolve);
        ended.then(() => reject(new Error(`it ended without saying ${text}:\n${err}`)));
      });
    },
  };
}

/** Starts it and waits for its end. */
export function ends(...args: Parameters<typeof start>): Promise<Ended> {
  return start(...args).ended;
}

/** The messages of a program that failed: what stands on standard error beside log lines below `error`. */
export function complaints(err: string): string[] {
  return err.split('\n').filter((line) => line !== '' && !/^\{"level":"(info|warn|debug)"/.test(line));
}
