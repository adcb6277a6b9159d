import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { Fault, messageOf } from '../common/errors.ts';
import { didYouMean } from '../common/nearest.ts';

/** What Node adds to its message about an unknown flag. */
const NODES_ADVICE = /(?<=\.) To specify a positional argument.*$/s;

const UNKNOWN = /Unknown option '--?([^'=]+)/;

/** A flag in the order in which it was given. */
export interface Flag {
  readonly name: string;
  /** Undefined for a flag without a value. */
  readonly value: string | undefined;
}

export interface Args {
  readonly flags: readonly Flag[];
  readonly positionals: readonly string[];
  /** The last value of a flag. */
  value(name: string): string | undefined;
  has(name: string): boolean;
  /** Every value of a flag that may be repeated. */
  all(name: string): string[];
}

/**
 * Reads `args` strictly.
 * @param options names of flags; `string` takes a value, `boolean` none
 * @param most how many words may stand beside the flags
 * @throws Fault usage
 */
export function readArgs(
  command: string,
  args: readonly string[],
  options: Readonly<Record<string, 'string' | 'boolean'>>,
  most = 0,
): Args {
  const config: ParseArgsOptionsConfig = Object.fromEntries(
    Object.entries(options).map(([name, type]) => [name, { type, multiple: true }]),
  );
  try {
    const { tokens, positionals } = parseArgs({
      args: [...args],
      options: config,
      allowPositionals: true,
      strict: true,
      tokens: true,
    });
    if (positionals.length > most) throw new Error(`${positionals[most]} is one word too many.`);
    const flags = tokens.flatMap((token): Flag[] =>
      token.kind === 'option' ? [{ name: token.name, value: token.value }] : [],
    );
    return {
      flags,
      positionals,
      value: (name) => flags.findLast((flag) => flag.name === name)?.value,
      has: (name) => flags.some((flag) => flag.name === name),
      all: (name) =>
        flags.flatMap((flag) => (flag.name === name && flag.value !== undefined ? [flag.value] : [])),
    };
  } catch (error) {
    const words = messageOf(error).replace(NODES_ADVICE, '');
    const [, unknown] = words.match(UNKNOWN) ?? [];
    const known = [...Object.keys(options), 'help'].map((name) => `--${name}`);
    throw usage(command, words + (unknown ? didYouMean(`--${unknown}`, known) : ''));
  }
}

/** A wrong command line. */
export function usage(command: string, what: string): Fault {
  return new Fault('usage', command, what, `See: kor-coin-stream help ${command}`);
}

/** Comma-separated values; blanks around them and empty ones are dropped. */
export function commaList(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
