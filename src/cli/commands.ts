import type { Command } from './command.ts';
import { exchanges } from './exchanges.ts';
import { help } from './help.ts';
import { replay } from './replay.ts';
import { run } from './run.ts';
import { version } from './version.ts';

/** Every command, in the order of the overview. `help` reads this list, so it gets it handed in. */
export const COMMANDS: readonly Command[] = [run, replay, exchanges, version, help(() => COMMANDS)];
