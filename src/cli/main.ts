import { EXIT, type ExitCode } from '../common/errors.ts';
import { standardError } from '../common/line-output.ts';
import { didYouMean } from '../common/nearest.ts';
import { COMMANDS } from './commands.ts';
import { tellFailure } from './failure.ts';
import { overview } from './help.ts';

/** At the end of the program what it said last is read, or nobody reads it; in ms. */
const LAST_WORDS_MS = 500;

/**
 * The command line: the first argument names the command, the rest are its own.
 * @returns the exit code; every failure is one line on standard error
 */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  const exit = await runCommand(argv);
  await standardError.flush(LAST_WORDS_MS);
  return exit;
}

async function runCommand(argv: readonly string[]): Promise<ExitCode> {
  const [name = 'help', ...args] = argv;
  if (name === '--help' || name === '-h') return printOverview();
  const command = COMMANDS.find((candidate) => candidate.name === (name === '--version' ? 'version' : name));
  if (!command) {
    const meant = didYouMean(
      name,
      COMMANDS.map((one) => one.name),
    );
    console.error(`usage: ${name}: there is no such command.${meant} See: kor-coin-stream help`);
    return EXIT.usage;
  }
  if (args.includes('--help') || args.includes('-h')) {
    console.log(command.usage);
    return EXIT.ok;
  }
  try {
    return await command.run(args);
  } catch (error) {
    return tellFailure(error, 'text');
  }
}

function printOverview(): ExitCode {
  console.log(overview(COMMANDS));
  return EXIT.ok;
}
