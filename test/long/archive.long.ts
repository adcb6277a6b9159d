import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { version as packageVersion } from '../../package.json';
import { endAllServers } from '../services/scratch.ts';
import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import { bareRoot } from './archive/bare-root.ts';
import { booted } from './archive/booted.ts';
import { container } from './archive/container.ts';
import { emulated } from './archive/emulated.ts';
import type { Machine } from './archive/machine.ts';
import { check, checkOf, demo, nothingElse, version } from './archive/program.ts';
import { installed, removed, started, watched } from './archive/service.ts';
import { demand, NotHere } from './archive/tools.ts';
import type { Check } from './verdict.ts';

/**
 * What people download, on machines that have nothing else: a bare root of Debian, one that systemd has booted, a container,
 * and an emulated arm64 machine. Makes dist/release where it is missing. A part whose tools cannot be had here is left
 * out, and says why. Ends with `N passed, M failed`; exit code 0 where nothing failed.
 *
 *   bun test/long/archive.long.ts [bare] [service] [container] [arm64]
 */
const ROOT = join(import.meta.dir, '../..');
const RELEASE = join(ROOT, 'dist/release');

interface Part {
  readonly target: 'linux-x64' | 'linux-arm64';
  /** What the simulator sends, of all exchanges together. */
  readonly rowsPerS?: number;
  run(archive: string, simulator: SimulatorProcess): Promise<Check[]>;
}

const PARTS: Readonly<Record<string, Part>> = {
  bare: {
    target: 'linux-x64',
    run: (archive, simulator) =>
      on(bareRoot(archive), async (machine) => [
        await nothingElse(machine),
        await version(machine, packageVersion, 1),
        await check(machine, simulator, 1),
        await demo(machine, simulator, 20, 1),
        await installed(machine),
        await removed(machine),
      ]),
  },
  service: {
    target: 'linux-x64',
    run: (archive, simulator) =>
      on(booted(archive), async (machine) => [
        await installed(machine),
        await started(machine, simulator),
        await watched(machine),
        await removed(machine),
      ]),
  },
  container: { target: 'linux-x64', run: container },
  arm64: {
    target: 'linux-arm64',
    rowsPerS: 30,
    run: (archive, simulator) =>
      on(emulated(archive), async (machine) => [
        await nothingElse(machine),
        await version(machine, packageVersion, EMULATED),
        await check(machine, simulator, EMULATED),
        await demo(machine, simulator, 60, EMULATED),
      ]),
  },
};
/** How much slower an emulated processor may be. */
const EMULATED = 40;

async function on(coming: Promise<Machine>, prove: (machine: Machine) => Promise<Check[]>): Promise<Check[]> {
  const machine = await coming;
  try {
    return await prove(machine);
  } finally {
    await machine.end();
  }
}

/** The archives are what SHA256SUMS says. */
function sums(): Check {
  const lines = readFileSync(join(RELEASE, 'SHA256SUMS'), 'utf8').trim().split('\n');
  const wrong = lines.filter((line) => {
    const [sum, file = ''] = line.split('  ');
    return (
      createHash('sha256')
        .update(readFileSync(join(RELEASE, file)))
        .digest('hex') !== sum
    );
  });
  return checkOf('SHA256SUMS', wrong, `${lines.length} archives`);
}

/** @throws NotHere where the release has none for the target */
function archiveOf(target: Part['target']): string {
  const archive = readdirSync(RELEASE).find((file) => file.endsWith(`-${target}.tar.gz`));
  if (archive === undefined) throw new NotHere(`dist/release has no archive for ${target}`);
  return join(RELEASE, archive);
}

async function runPart(name: string): Promise<Check[]> {
  const part = PARTS[name];
  if (!part) throw new Error(`${name} is no part; there are ${Object.keys(PARTS).join(', ')}`);
  const simulator = await spawnSimulator(['--symbols', '10', '--rate', `${part.rowsPerS ?? 200}`]);
  try {
    return await part.run(archiveOf(part.target), simulator);
  } catch (error) {
    if (!(error instanceof NotHere)) return [checkOf('the run itself', [String(error)], 'broke off')];
    console.log(`left out: ${name}: ${error.message}`);
    return [];
  } finally {
    await simulator.stop();
  }
}

const named = process.argv.slice(2);
const checks: Check[] = [];
if (!existsSync(join(RELEASE, 'SHA256SUMS')))
  await demand([process.execPath, 'run', 'release'], { cwd: ROOT });
try {
  checks.push(tell('release', sums()));
  for (const name of named.length > 0 ? named : Object.keys(PARTS))
    for (const one of await runPart(name)) checks.push(tell(name, one));
} finally {
  await endAllServers();
}
const failed = checks.filter(({ passed }) => !passed).length;
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function tell(part: string, one: Check): Check {
  console.log(`${one.passed ? '(pass)' : '(fail)'} ${part}: ${one.name}: ${one.told[0]}`);
  for (const line of one.told.slice(1)) console.log(`         ${line}`);
  return one;
}
