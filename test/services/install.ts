import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import {
  FLINK_VERSION,
  KAFKA_VERSION,
  kafkaHome,
  PYTHON_CLIENT,
  REGISTRY_VERSION,
  recipesHome,
  registryHome,
  warmHome,
} from './paths.ts';
import { warmUp } from './warm.ts';

/**
 * Sets up what the tests need beyond the project's own packages, and does nothing where it is there already.
 *
 *   bun test/services/install.ts          Kafka, schema registry, Redis and kcat
 *   bun test/services/install.ts --all    and Chromium, promtool, systemd-analyze, a Java compiler, Kafka's Python client and
 *                                         Flink's parser, for the tests of page, metrics, unit and recipes
 *
 * Imports nothing but built-in modules, so that it runs before and without any package.
 */

/** Debian package → a program by which its presence shows. */
const services = { 'redis-server': 'redis-server', kcat: 'kcat', 'default-jre-headless': 'java' };
const pages = { chromium: 'chromium', prometheus: 'promtool', systemd: 'systemd-analyze' };
const recipes = { 'default-jdk-headless': 'javac', python3: 'python3' };

async function main(): Promise<void> {
  const all = process.argv.includes('--all');
  const fetches = [
    { home: kafkaHome, install: installKafka },
    { home: registryHome, install: installRegistry },
    ...(all ? [{ home: recipesHome, install: installRecipes }] : []),
  ].filter(({ home }) => !existsSync(home));
  const wanted = {
    ...services,
    ...(fetches.length > 0 ? { maven: 'mvn' } : {}),
    ...(all ? { ...pages, ...recipes } : {}),
    ...(fetches.some(({ home }) => home === recipesHome) && !hasPip() ? { 'python3-pip': 'pip3' } : {}),
  };
  await installPackages(wanted);
  if (all) await installKoreanFont();
  for (const { home, install } of fetches) {
    console.error(`test services: fetching ${basename(home)}`);
    await appear(home, install);
  }
  if (!existsSync(warmHome())) {
    console.error(
      'test services: letting Kafka and the registry start once, so that they start quickly from now on',
    );
    await appear(warmHome(), warmUp);
  }
}

async function installPackages(wanted: Record<string, string>): Promise<void> {
  const missing = Object.keys(wanted).filter((name) => !Bun.which(wanted[name] ?? name));
  if (missing.length === 0) return;
  const list = missing.join(' ');
  if (!Bun.which('apt-get')) {
    fail(`these Debian packages, or what your system calls them, are missing: ${list}`);
  }
  if (process.getuid?.() !== 0) {
    fail(
      `run this, then try again:\n  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${list}`,
    );
  }
  console.error(`test services: installing ${list}`);
  const patient = ['-o', 'DPkg::Lock::Timeout=300'];
  await run(['apt-get', ...patient, '-q', 'update']);
  await run(['apt-get', ...patient, '-q', 'install', '-y', '--no-install-recommends', ...missing]);
}

/** For the screenshots of the Korean page alone: where it cannot be had, letters are boxes and nothing fails. */
async function installKoreanFont(): Promise<void> {
  if (!Bun.which('apt-get') || !Bun.which('fc-list') || process.getuid?.() !== 0) return;
  const known = Bun.spawnSync(['fc-list', ':lang=ko', 'family']);
  if (known.success && known.stdout.toString().trim() !== '') return;
  console.error('test services: installing fonts-nanum');
  const argv = ['apt-get', '-o', 'DPkg::Lock::Timeout=300', '-q', 'install', '-y', 'fonts-nanum'];
  Bun.spawnSync(argv, { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' });
}

async function installKafka(dir: string): Promise<void> {
  const artifact = `<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version>`;
  // Without a logger, Kafka says nothing, not even why it does not start.
  const logger = '<groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>';
  const dependencies = [artifact, logger].map((fields) => `<dependency>${fields}</dependency>`);
  await copyFromMaven(dependencies.join(''), join(dir, 'libs'));
}

async function installRegistry(dir: string): Promise<void> {
  const artifact =
    `<groupId>io.apicurio</groupId><artifactId>apicurio-registry-app</artifactId><version>${REGISTRY_VERSION}</version>` +
    '<type>tar.gz</type><classifier>all</classifier>' +
    '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>';
  await copyFromMaven(`<dependency>${artifact}</dependency>`, dir);
  for (const archive of await readdir(dir)) {
    await run(['tar', '-xzf', join(dir, archive), '-C', dir]);
    await rm(join(dir, archive));
  }
}

function hasPip(): boolean {
  return Bun.which('python3') !== null && Bun.spawnSync(['python3', '-m', 'pip', '--version']).success;
}

async function installRecipes(dir: string): Promise<void> {
  // Into a folder of its own: nothing of the system's Python is touched.
  await run(['python3', '-m', 'pip', 'install', '-q', '--target', join(dir, 'python'), PYTHON_CLIENT]);
  const parser = `<groupId>org.apache.flink</groupId><artifactId>flink-sql-parser</artifactId><version>${FLINK_VERSION}</version>`;
  const calcite =
    '<groupId>org.apache.calcite</groupId><artifactId>calcite-linq4j</artifactId><version>1.32.0</version>';
  const dependencies = [parser, calcite].map((fields) => `<dependency>${fields}</dependency>`);
  await copyFromMaven(dependencies.join(''), join(dir, 'flink'));
}

/** Copies dependencies, with all they depend on, from Maven's repository into a folder. */
async function copyFromMaven(dependencies: string, target: string): Promise<void> {
  const project = await mkdtemp(join(tmpdir(), 'kor-coin-stream-maven-'));
  try {
    await writeFile(
      join(project, 'pom.xml'),
      '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>' +
        '<groupId>test</groupId><artifactId>services</artifactId><version>1</version>' +
        `<dependencies>${dependencies}</dependencies></project>`,
    );
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${target}`];
    await run(['mvn', '-q', '-B', '-f', join(project, 'pom.xml'), ...goal]);
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}

/** Fills a folder beside `home` and renames it, so that `home` is never half there, whoever else does the same. */
async function appear(home: string, fill: (dir: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(home), { recursive: true });
  const draft = await mkdtemp(`${home}.draft-`);
  try {
    await fill(draft);
    await rename(draft, home);
  } catch (error) {
    if (!existsSync(home)) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function run(argv: string[]): Promise<void> {
  const child = Bun.spawn(argv, {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) fail(`${argv.join(' ')}\nended with ${code}:\n${`${out}${err}`.trim().slice(-3000)}`);
}

/** Something that the user has to mend; the message is all there is to say. */
class SetupFailed extends Error {}

function fail(reason: string): never {
  throw new SetupFailed(reason);
}

try {
  await main();
} catch (error) {
  console.error(`test services: ${error instanceof SetupFailed ? error.message : Bun.inspect(error)}`);
  process.exitCode = 1;
}
