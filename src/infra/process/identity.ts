import { readFileSync, readlinkSync } from 'node:fs';
import type { ProcessIdentity } from '../../application/state-store.ts';

/** Of /proc/PID/stat, counted from the state, which follows the name in parentheses. */
const STARTED_AT = 19;

/** This process; null where the system has no /proc. */
export function ownProcess(): ProcessIdentity | null {
  const machine = machineId();
  const stat = machine && statOf(process.pid);
  return machine && stat ? { machine, pid: process.pid, started: stat.started } : null;
}

/**
 * Whether it has ended for certain: its number is nobody's, or another's that started at another time. False also for a
 * process of another machine or container, of which nothing is known here, and for one that a /proc which hides other
 * users' processes does not show.
 * @param see how a process is looked at
 */
export function hasEnded({ machine, pid, started }: ProcessIdentity, see: Sight = systemSight): boolean {
  if (machine !== machineId()) return false;
  const stat = see.stat(pid);
  if (stat) return stat.started !== started || stat.ended;
  return !see.exists(pid);
}

export interface Sight {
  /** Null where /proc does not show it. */
  stat(pid: number): { readonly started: number; readonly ended: boolean } | null;
  /** Whether any process has the number, this user's or not, visible or not. */
  exists(pid: number): boolean;
}

export const systemSight: Sight = { stat: statOf, exists };

/** kill(2) with no signal: ESRCH is the one answer that says that nobody has the number. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

/** One boot of one kernel, and the numbering of processes in it, which containers have for themselves. */
function machineId(): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return null;
  }
}

function statOf(pid: number): { readonly started: number; readonly ended: boolean } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { started: Number(fields[STARTED_AT]), ended: fields[0] === 'Z' || fields[0] === 'X' };
  } catch {
    return null;
  }
}
