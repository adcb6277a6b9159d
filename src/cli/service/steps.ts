import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import dev from '../../../config/dev.yaml' with { type: 'text' };
import prod from '../../../config/prod.yaml' with { type: 'text' };
import environment from './environment.example' with { type: 'text' };
import unit from './kor-coin-stream.service' with { type: 'text' };
import settings from './settings.example.yaml' with { type: 'text' };

export const NAME = 'kor-coin-stream';
export const UNIT = `/etc/systemd/system/${NAME}.service`;
export const BINARY = `/usr/local/bin/${NAME}`;
export const SETTINGS = `/etc/${NAME}`;
export const STATE = `/var/lib/${NAME}`;

/** Where the service is put. */
export interface Place {
  /** Before every path; empty for this machine. */
  readonly root: string;
  /** The running binary. */
  readonly executable: string;
  /** Runs a program of the system. @returns its exit code */
  run(argv: readonly string[]): number;
  /** Whether systemd runs here. */
  readonly systemd: boolean;
}

/** Something that has to be in place. */
export interface Step {
  readonly what: string;
  /** Puts it in place. @returns what was done; null where nothing was to do */
  ensure(): string | null;
}

/** What makes the service, in order. Each step looks before it acts, so that a second run does nothing. */
export function installSteps(place: Place): Step[] {
  const { root, executable, systemd, run } = place;
  const at = (path: string): string => join(root || '/', path);
  let changed = false;
  return [
    { what: BINARY, ensure: () => putBinary(executable, at(BINARY)) },
    ...(root === '' ? [{ what: `user ${NAME}`, ensure: () => putUser(run) }] : []),
    {
      what: `${SETTINGS}/settings.yaml`,
      ensure: () => putOnce(at(`${SETTINGS}/settings.yaml`), settings, 0o644),
    },
    // Either may be named by ENV, and the folder is all that is read.
    ...Object.entries({ 'prod.yaml': prod, 'dev.yaml': dev }).map(([name, text]) => ({
      what: `${SETTINGS}/${name}`,
      ensure: () => putOnce(at(`${SETTINGS}/${name}`), text, 0o644),
    })),
    {
      what: `${SETTINGS}/environment`,
      // Secrets will stand in it.
      ensure: () => putOnce(at(`${SETTINGS}/environment`), environment, 0o640, owners(root)),
    },
    { what: STATE, ensure: () => putFolder(at(STATE), owners(root)) },
    {
      what: UNIT,
      ensure() {
        const done = putFile(at(UNIT), unit, 0o644);
        changed = done !== null;
        return done;
      },
    },
    {
      what: 'systemd',
      ensure() {
        if (!changed || !systemd || root !== '') return null;
        demand(run, ['systemctl', 'daemon-reload']);
        return 'reloaded';
      },
    },
  ];
}

interface Owners {
  readonly user: number;
  readonly group: number;
}

/** Ids of the service's user; null in another root, where it may not exist. */
function owners(root: string): Owners | null {
  if (root !== '') return null;
  const found = readFileSync('/etc/passwd', 'utf8').match(new RegExp(`^${NAME}:[^:]*:(\\d+):(\\d+):`, 'm'));
  return found ? { user: Number(found[1]), group: Number(found[2]) } : null;
}

function putBinary(from: string, to: string): string | null {
  if (existsSync(to) && (from === to || sameFile(from, to))) return null;
  const before = existsSync(to);
  mkdirSync(dirname(to), { recursive: true });
  // A collector that runs keeps the old file.
  const draft = `${to}.new`;
  copyFileSync(from, draft);
  chmodSync(draft, 0o755);
  renameSync(draft, to);
  return before ? 'replaced' : 'copied';
}

function sameFile(one: string, other: string): boolean {
  return statSync(one).size === statSync(other).size && readFileSync(one).equals(readFileSync(other));
}

function putUser(run: Place['run']): string | null {
  if (run(['getent', 'passwd', NAME]) === 0) return null;
  const home = ['--home-dir', STATE, '--no-create-home', '--shell', '/usr/sbin/nologin'];
  demand(run, ['useradd', '--system', '--user-group', ...home, NAME]);
  return 'made';
}

/** A file that belongs to the operator once it is there. */
function putOnce(path: string, text: string, mode: number, owned: Owners | null = null): string | null {
  if (existsSync(path)) return null;
  const done = putFile(path, text, mode);
  // Read by the service through its group, written by root alone.
  if (owned) chownSync(path, 0, owned.group);
  return done;
}

function putFile(path: string, text: string, mode: number): string | null {
  const before = existsSync(path);
  if (before && readFileSync(path, 'utf8') === text) return null;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
  return before ? 'brought up to date' : 'written';
}

function putFolder(path: string, owned: Owners | null): string | null {
  if (existsSync(path)) return null;
  mkdirSync(path, { recursive: true, mode: 0o750 });
  if (owned) chownSync(path, owned.user, owned.group);
  return 'made';
}

/** @throws Error where the program fails */
export function demand(run: Place['run'], argv: readonly string[]): void {
  const code = run(argv);
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}`);
}
