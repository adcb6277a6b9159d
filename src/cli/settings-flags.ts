import { doubts } from '../config/environment.ts';
import { loadSettings } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import type { Args } from './args.ts';

/** The flags that every command with settings has. */
export const SETTINGS_FLAGS = { config: 'string', set: 'string' } as const;

/** Help text of those flags. */
export const SETTINGS_USAGE = `--config DIR       folder with settings.yaml and {ENV}.yaml; without it the built-in ones
--set PATH=VALUE   one setting, the value as YAML has it; may be repeated`;

/** The settings as files, environment and flags make them. @throws Fault */
export function settingsOf(args: Args, flags: Readonly<Record<string, unknown>> = {}): Settings {
  return loadSettings({
    folder: args.value('config') ?? null,
    environment: process.env,
    overrides: args.all('set'),
    flags: { ...flags },
  });
}

/** What of variables and flags is legal and yet hardly meant; one sentence each. */
export function doubtsOf(args: Args): string[] {
  return doubts(process.env, args.all('set'));
}
