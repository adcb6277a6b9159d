import type { ExitCode } from '../common/errors.ts';

/** One word of the command line. */
export interface Command {
  readonly name: string;
  /** One line for the overview. */
  readonly summary: string;
  /** Full text of `help NAME`. */
  readonly usage: string;
  /** @throws Fault, whose code gives the exit code */
  run(args: readonly string[]): Promise<ExitCode>;
}
