import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

/** An error whose message says all that the reader needs: no stack is printed. */
export class SetupError extends Error {}

export interface RunOptions {
  readonly cwd?: string;
  /** Output goes to this file instead of the terminal; its end is printed when the command fails. */
  readonly log?: string;
  readonly env?: Record<string, string>;
}

/** Runs a command to its end; a SetupError if it cannot start or its exit code is not 0. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<void> {
  const { cwd, log, env } = options;
  const sink = log === undefined ? ('inherit' as const) : openSync(log, 'a');
  const outcome = await new Promise<string | number>((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', sink, sink],
    });
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(code ?? `ended by ${signal}`));
  });
  if (typeof sink === 'number') closeSync(sink);
  if (outcome === 0) return;
  const end = log === undefined ? '' : `\n${readFileSync(log, 'utf8').split('\n').slice(-30).join('\n')}`;
  throw new SetupError(`failed (${outcome}): ${command} ${args.join(' ')}${end}`);
}
