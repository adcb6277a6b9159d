import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import dev from '../../config/dev.yaml' with { type: 'text' };
import prod from '../../config/prod.yaml' with { type: 'text' };
import base from '../../config/settings.yaml' with { type: 'text' };
import { Fault, messageOf } from '../common/errors.ts';
import { didYouMean } from '../common/nearest.ts';
import { type Environment, fromEnvironment } from './environment.ts';
import { declared } from './setting.ts';
import { type Settings, settingsSchema } from './settings.ts';
import { isTree, keysOf, merge, type Tree, treeOf } from './tree.ts';
import { readYaml, YamlFault } from './yaml.ts';

/** The files inside the binary. */
const BUILT_IN: ReadonlyMap<string, string> = new Map([
  ['dev', dev],
  ['prod', prod],
]);

/** The ENV of who names none. */
const STANDARD_ENV = 'dev';

export interface Sources {
  /** Folder with settings.yaml and {ENV}.yaml; null: the built-in ones. */
  readonly folder: string | null;
  readonly environment: Environment;
  /** `path=value` of `--set`, values being YAML scalars, in the order given. */
  readonly overrides: readonly string[];
  /** What other flags say, as a tree. */
  readonly flags: Tree;
}

/**
 * settings.yaml ← {ENV}.yaml ← environment ← flags and --set, deep-merged and validated.
 * @throws Fault config_invalid with the path of every offending setting, config_unreadable, usage
 */
export function loadSettings(sources: Sources): Settings {
  const overrides = fromOverrides(sources.overrides);
  const environment = fromEnvironment(sources.environment, parse);
  const common = readCommon(sources.folder);
  const over = [environment, sources.flags, overrides];
  const { env } = [common, ...over].reduce(merge, {});
  return validate([common, readOfEnv(sources.folder, env), ...over].reduce(merge, {}));
}

const PATHS = declared(settingsSchema).flatMap(({ path }) =>
  path.split('.').map((_, at, keys) => keys.slice(0, at + 1).join('.')),
);

/** @throws Fault config_invalid */
export function validate(tree: Tree): Settings {
  const read = settingsSchema.safeParse(tree);
  if (read.success) return read.data;
  const problems = read.error.issues.flatMap(explain);
  throw new Fault(
    'config_invalid',
    problems.map(({ path }) => path).join(', '),
    problems.map(({ path, problem }) => `${path}: ${problem}`).join('; '),
    'Correct it; `kor-coin-stream help settings` lists every setting.',
  );
}

function explain(issue: z.core.$ZodIssue): { path: string; problem: string }[] {
  const path = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [{ path: path || 'settings', problem: issue.message }];
  return issue.keys.map((key) => {
    const full = path ? `${path}.${key}` : key;
    return { path: full, problem: `unknown setting.${didYouMean(full, PATHS)}`.replace(/\.$/, '') };
  });
}

function readCommon(folder: string | null): Tree {
  if (folder === null) return mapOf(base, 'built-in settings.yaml');
  const path = join(folder, 'settings.yaml');
  return mapOf(readText(path), path);
}

/** {ENV}.yaml. A folder may leave it out where nobody named an ENV. */
function readOfEnv(folder: string | null, named: unknown): Tree {
  const env = String(named ?? STANDARD_ENV);
  if (!/^\w[\w-]*$/.test(env) || env === 'settings') {
    throw new Fault(
      'config_invalid',
      `ENV=${env}`,
      'is no name of an environment.',
      'Use letters, digits, - and _, as in ENV=prod.',
    );
  }
  if (folder !== null) {
    const path = join(folder, `${env}.yaml`);
    return (named ?? null) === null && !existsSync(path) ? {} : mapOf(readText(path), path);
  }
  const text = BUILT_IN.get(env);
  if (text !== undefined) return mapOf(text, `built-in ${env}.yaml`);
  throw new Fault(
    'config_invalid',
    `ENV=${env}`,
    `there is no built-in ${env}.yaml.${didYouMean(env, BUILT_IN.keys())}`,
    `Use ENV=${[...BUILT_IN.keys()].join(' or ENV=')}, or name a folder that has it with --config.`,
  );
}

function mapOf(text: string, path: string): Tree {
  const tree = parse(text, path);
  if (tree === null || tree === undefined) return {};
  if (isTree(tree)) return tree;
  throw new Fault('config_invalid', path, 'the file is not a map of settings.', 'Write `key: value` lines.');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Fault(
      'config_unreadable',
      path,
      messageOf(error),
      'Check --config, ENV and the permissions.',
      error,
    );
  }
}

function parse(text: string, what: string, under = ''): unknown {
  try {
    return readYaml(text, under);
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error;
    throw new Fault('config_invalid', what, error.message, 'Correct the YAML.', error);
  }
}

function fromOverrides(overrides: readonly string[]): Tree {
  return overrides.reduce<Tree>((tree, override) => {
    const at = override.indexOf('=');
    const path = override.slice(0, at);
    if (at < 1 || keysOf(path).includes('')) {
      // What follows a wrong separator may be a secret.
      const [start] = override.split(/[^\w.-]/);
      throw new Fault('usage', `--set ${start}`, 'is not path=value.', 'Write --set batch.window_ms=50.');
    }
    return merge(tree, treeOf(path, parse(override.slice(at + 1), `--set ${path}`, path)));
  }, {});
}
