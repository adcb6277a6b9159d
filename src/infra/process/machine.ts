import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** The first numbering of processes of a kernel; every container has another. */
const FIRST_NUMBERING = 'pid:[4026531836]';

export interface MachineFacts {
  /** One boot of one kernel. */
  readonly boot: string | null;
  /** `/etc/machine-id`: stays the same over boots; an image may bring it along. */
  readonly machineId: string | null;
  readonly numbering: string | null;
  readonly hostname: string;
}

export function machineFacts(): MachineFacts {
  return {
    boot: read('/proc/sys/kernel/random/boot_id'),
    machineId: read('/etc/machine-id'),
    numbering: link('/proc/self/ns/pid'),
    hostname: hostname(),
  };
}

/**
 * A name for this machine as exchanges see it: the same after a restart, another for another machine that has the same
 * host name. On a machine of its own that is its machine id, beside the host name, because machines are cloned. Containers
 * have random host names and no machine id, or that of their image; those of one machine share its boot, as they share
 * its address.
 */
export function machineName({ boot, machineId, numbering, hostname: host }: MachineFacts): string {
  const id = /^[0-9a-f]{32}$/.test(machineId ?? '') && !/^0+$/.test(machineId ?? '') ? machineId : null;
  if (numbering === FIRST_NUMBERING && id) return `${host}-${id}`;
  const parts = [boot, id].filter((part) => part !== null);
  return parts.length > 0 ? parts.join('-') : host;
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim() || null;
  } catch {
    return null;
  }
}

function link(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
