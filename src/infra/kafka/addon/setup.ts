/**
 * `bun run setup`: makes a fresh clone runnable. Installs the packages, the Debian packages that the build
 * needs, and builds the Kafka addon. It may be run at any time: what is done already is not done again.
 *
 * It imports nothing but built-ins, for it runs before node_modules exists.
 */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildAddon, recipe } from './build.ts';
import { ensureDebianPackages } from './debian.ts';
import { explain } from './explain.ts';
import { run, SetupError } from './run.ts';

const root = join(import.meta.dir, '../../../..');
const modules = join(root, 'node_modules');
/** The folder that `require('kafka-addon/kafka.node')` finds; bun install leaves folders that it does not know alone. */
const home = join(modules, 'kafka-addon');
const addon = join(home, 'kafka.node');

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** Another process may be reading the file: it sees the old one or the new one, never half of it. */
function replace(path: string, write: (temporary: string) => void): void {
  const temporary = `${path}.${process.pid}`;
  write(temporary);
  renameSync(temporary, path);
}

function checkBun(): void {
  const wanted = JSON.parse(read(join(root, 'package.json'))).engines.bun;
  if (Bun.version !== wanted)
    throw new SetupError(
      `This is Bun ${Bun.version}, and the Kafka addon is built for ${wanted} alone.\n` +
        `Run the same command with it: npx --yes bun@${wanted} run <script>`,
    );
}

async function ensureModules(): Promise<void> {
  const wanted = createHash('sha256')
    .update(read(join(root, 'package.json')))
    .update(read(join(root, 'bun.lock')))
    .digest('hex');
  const stamp = join(modules, '.setup');
  if (read(stamp) !== wanted) {
    console.log('setup: bun install --frozen-lockfile');
    await run(process.execPath, ['install', '--frozen-lockfile'], { cwd: root });
    replace(stamp, (path) => writeFileSync(path, wanted));
  }
  refreshBindings();
}

/** bun install copies a `file:` package once and does not look again when its files change. */
function refreshBindings(): void {
  const source = join(import.meta.dir, 'bindings/index.js');
  const places = ['@confluentinc/kafka-javascript/node_modules/bindings', 'bindings'];
  const installed = places.map((place) => join(modules, place, 'index.js')).find((path) => existsSync(path));
  if (installed === undefined)
    throw new SetupError(
      `The package "bindings" is missing below ${modules}. Remove node_modules and run setup again.`,
    );
  if (read(installed) !== read(source)) replace(installed, (path) => copyFileSync(source, path));
}

async function ensureAddon(): Promise<void> {
  const plan = recipe(root);
  const stamp = join(home, 'key');
  if (existsSync(addon) && read(stamp) === plan.key) {
    console.log(`setup: packages and Kafka addon (librdkafka ${plan.librdkafka}) are in place`);
    return;
  }
  const built = await buildAddon(plan, ensureDebianPackages);
  mkdirSync(home, { recursive: true });
  rmSync(stamp, { force: true });
  replace(addon, (path) => copyFileSync(built, path));
  const { librdkafkaVersion } = load();
  replace(stamp, (path) => writeFileSync(path, plan.key));
  console.log(`setup: Kafka addon ready, librdkafka ${librdkafkaVersion}`);
}

function load(): { librdkafkaVersion: string } {
  try {
    return createRequire(import.meta.url)(addon);
  } catch (error) {
    const { message, remedy } = explain(error);
    throw new SetupError(`${message} ${remedy}`);
  }
}

try {
  checkBun();
  await ensureModules();
  await ensureAddon();
} catch (error) {
  console.error(`setup: ${error instanceof SetupError ? error.message : Bun.inspect(error)}`);
  process.exit(1);
}
