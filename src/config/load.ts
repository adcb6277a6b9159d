import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import dev from '../../config/dev.yaml' with { type: 'text' };
import prod from '../../config/prod.yaml' with { type: 'text' };
import base from '../../config/settings.yaml' with { type: 'text' };
import { Fault, messageOf } from '../common/errors.ts';
import { declared } from './setting.ts';
import { type Settings, settingsSchema } from './settings.ts';

type Tree = { [key: string]: unknown };

/** The files inside the binary. */
const BUILT_IN: Readonly<Record<string, string>> = { settings: base, dev, prod };

export interface Sources {
  /** Folder with settings.yaml and {ENV}.yaml; null: the built-in ones. */
  readonly folder: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
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
  const environment = fromEnvironment(sources.environment);
  const files = [readFile(sources.folder, 'settings')];
  const named = [...files, environment, sources.flags, overrides].reduce(merge, {});
  const env = typeof named.env === 'string' ? named.env : 'dev';
  files.push(readFile(sources.folder, env));
  return validate([...files, environment, sources.flags, overrides].reduce(merge, {}));
}

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
  return issue.keys.map((key) => ({ path: path ? `${path}.${key}` : key, problem: 'unknown setting' }));
}

function readFile(folder: string | null, name: string): Tree {
  const path = folder === null ? `built-in ${name}.yaml` : join(folder, `${name}.yaml`);
  const text = folder === null ? BUILT_IN[name] : readText(path);
  if (text === undefined) {
    throw new Fault(
      'config_invalid',
      `ENV=${name}`,
      `there is no built-in ${name}.yaml.`,
      `Use ENV=${Object.keys(BUILT_IN).slice(1).join(' or ENV=')}, or name a folder that has it with --config.`,
    );
  }
  const tree: unknown = parse(text, path);
  if (tree === null || tree === undefined) return {};
  if (typeof tree !== 'object' || Array.isArray(tree)) {
    throw new Fault(
      'config_invalid',
      path,
      'the file is not a map of settings.',
      'Write `key: value` lines.',
    );
  }
  return tree as Tree;
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

function parse(text: string, what: string): unknown {
  try {
    return parseYaml(text, { prettyErrors: true });
  } catch (error) {
    throw new Fault('config_invalid', what, messageOf(error), 'Correct the YAML.', error);
  }
}

/** EXCHANGE_UPBIT_URL, EXCHANGE_UPBIT_REST_URL. */
const EXCHANGE_VARIABLE = /^EXCHANGE_([A-Z0-9]+)_(REST_)?URL$/;

function fromEnvironment(environment: Sources['environment']): Tree {
  let tree: Tree = {};
  for (const { path, env = [], type } of declared(settingsSchema)) {
    const name = env.find((candidate) => (environment[candidate] ?? '') !== '');
    const value = name === undefined ? undefined : environment[name];
    if (name === undefined || value === undefined) continue;
    tree = merge(tree, treeOf(path, type === 'text' || type === 'list' ? value : parse(value, name)));
  }
  for (const [name, value] of Object.entries(environment)) {
    const match = EXCHANGE_VARIABLE.exec(name);
    if (!match?.[1] || !value) continue;
    tree = merge(tree, treeOf(`exchanges.${match[1].toLowerCase()}.${match[2] ? 'rest_url' : 'url'}`, value));
  }
  return tree;
}

function fromOverrides(overrides: readonly string[]): Tree {
  return overrides.reduce<Tree>((tree, override) => {
    const at = override.indexOf('=');
    if (at < 1)
      throw new Fault('usage', `--set ${override}`, 'is not path=value.', 'Write --set batch.window_ms=50.');
    return merge(tree, treeOf(override.slice(0, at), parse(override.slice(at + 1), `--set ${override}`)));
  }, {});
}

/** `a.b.c`, v → {a: {b: {c: v}}}. */
function treeOf(path: string, value: unknown): Tree {
  return path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Tree;
}

/** Maps are merged, everything else is replaced. */
function merge(under: Tree, over: Tree): Tree {
  const merged: Tree = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const old = merged[key];
    merged[key] = isTree(old) && isTree(value) ? merge(old, value) : value;
  }
  return merged;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
