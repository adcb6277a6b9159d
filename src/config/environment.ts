import { readFileSync } from 'node:fs';
import { EXCHANGES } from '../../exchanges/index.ts';
import { Fault, messageOf } from '../common/errors.ts';
import { nearest } from '../common/nearest.ts';
import { declared } from './setting.ts';
import { settingsSchema } from './settings.ts';
import { merge, type Tree, treeOf } from './tree.ts';
import { FOREIGN_KEYS } from './yaml.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** KAFKA_OPTION_SASL_PASSWORD is librdkafka's sasl.password. */
export const OPTION = 'KAFKA_OPTION_';
/** NAME_FILE names a file that holds the value of NAME, where that is a secret. */
const FILE = '_FILE';

const SETTINGS = declared(settingsSchema);
const SECRETS = SETTINGS.flatMap(({ env = [], secret }) => (secret ? env : []));

/**
 * What the variables say, as a tree.
 * @param parse makes a value of what no text setting holds: `(text, variable, path)`
 * @throws Fault config_unreadable where the file of a secret cannot be read, config_invalid where one is given twice
 */
export function fromEnvironment(
  environment: Environment,
  parse: (text: string, variable: string, path: string) => unknown,
): Tree {
  const values = withFiles(environment);
  let tree: Tree = {};
  for (const { path, env = [], type } of SETTINGS) {
    const name = env.find((candidate) => (values[candidate] ?? '') !== '');
    const value = name === undefined ? undefined : values[name];
    if (name === undefined || value === undefined) continue;
    tree = merge(tree, treeOf(path, type === 'text' || type === 'list' ? value : parse(value, name, path)));
  }
  for (const { id } of EXCHANGES) {
    for (const key of ['url', 'rest_url']) {
      const value = values[`EXCHANGE_${id}_${key}`.toUpperCase()];
      if (value) tree = merge(tree, treeOf(`exchanges.${id}.${key}`, value));
    }
  }
  for (const [name, value] of Object.entries(values)) {
    if (!name.startsWith(OPTION) || !value) continue;
    const option = name.slice(OPTION.length).toLowerCase().replaceAll('_', '.');
    tree = merge(tree, treeOf(`${FOREIGN_KEYS}${option}`, value));
  }
  return tree;
}

/** Variables that nobody reads and that look as if one of ours was meant, each with the one that was. */
function strayVariables(environment: Environment): { readonly name: string; readonly meant: string }[] {
  const known = new Set([
    ...SETTINGS.flatMap(({ env = [] }) => env),
    ...SECRETS.map((name) => `${name}${FILE}`),
    ...EXCHANGES.flatMap(({ id }) => ['URL', 'REST_URL'].map((key) => `EXCHANGE_${id.toUpperCase()}_${key}`)),
  ]);
  return Object.keys(environment).flatMap((name) => {
    if (known.has(name) || !name.includes('_') || name.startsWith(OPTION)) return [];
    const meant = nearest(name, known);
    return meant === null ? [] : [{ name, meant }];
  });
}

/**
 * What is legal and yet hardly meant: misspelt variables, and secrets on the command line.
 * @param overrides `path=value` of `--set`
 */
export function doubts(environment: Environment, overrides: readonly string[]): string[] {
  const strays = strayVariables(environment).map(
    ({ name, meant }) => `${name} is no setting and is not read: is ${meant} meant?`,
  );
  const secrets = SETTINGS.filter(({ secret }) => secret).map(({ path }) => path);
  const shown = overrides
    // An address is one where it holds a password.
    .filter((override) => !override.startsWith('redis.url=') || override.includes('@'))
    .map((override) => override.split('=', 1)[0] ?? '')
    .filter((path) => secrets.includes(path) || SECRET_OPTION.test(path))
    .map(
      (path) =>
        `--set ${path} is seen by everybody on this machine who lists processes: give it as ${variableOf(path)}, or in a file that ${variableOf(path)}${FILE} names`,
    );
  return [...strays, ...shown];
}

const SECRET_OPTION = /^kafka\.options\..*(password|secret|key\.pem)/;

function variableOf(path: string): string {
  if (path.startsWith(FOREIGN_KEYS))
    return OPTION + path.slice(FOREIGN_KEYS.length).toUpperCase().replaceAll('.', '_');
  return SETTINGS.find((one) => one.path === path)?.env?.[0] ?? 'an environment variable';
}

/** The variables, and the content of files in the place of those that name one. */
function withFiles(environment: Environment): Environment {
  const values: Record<string, string | undefined> = { ...environment };
  for (const [variable, path] of Object.entries(environment)) {
    const name = variable.slice(0, -FILE.length);
    if (!path || !variable.endsWith(FILE) || !(SECRETS.includes(name) || name.startsWith(OPTION))) continue;
    if (values[name]) {
      const what = `${name} and ${variable} are both set.`;
      throw new Fault('config_invalid', name, what, 'Leave one of them.');
    }
    values[name] = readSecret(variable, path);
    delete values[variable];
  }
  return values;
}

function readSecret(variable: string, path: string): string {
  try {
    // Editors end the last line.
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new Fault(
      'config_unreadable',
      `${variable}=${path}`,
      messageOf(error),
      'Check path and permissions.',
      error,
    );
  }
}
