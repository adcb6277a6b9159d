import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, messageOf } from '../../common/errors.ts';
import type { Settings } from '../../config/settings.ts';
import { systemDisk } from '../../infra/outbox/disk.ts';
import { recover } from '../../infra/outbox/recovery.ts';
import type { Found, Look } from './look.ts';

const MIB = 1024 * 1024;

/** The outbox of the settings: whether its folder takes files, what is in it, and what the disk has left. */
export function outboxLooks({ outbox }: Settings): Look[] {
  const { dir, max_bytes } = outbox;
  if (dir === null)
    return [
      {
        name: 'outbox',
        look: async () => 'none (outbox.dir is not set): what is not acknowledged is lost in a crash',
      },
    ];
  return [{ name: 'outbox', look: () => folder(dir, max_bytes) }];
}

/** A collector runs without it as well, so that nothing of it hinders a start. */
async function folder(dir: string, mostBytes: number): Promise<Found> {
  try {
    await writable(dir);
    const { bavail, bsize } = await statfs(dir);
    const left = bavail * bsize;
    const little = left < mostBytes;
    const room = `${mib(left)} MiB of disk left${little ? `, less than outbox.max_bytes (${mib(mostBytes)} MiB)` : ''}`;
    return { words: `${dir} is writable; ${await contents(dir)}; ${room}`, doubtful: little };
  } catch (error) {
    const fault = new Fault('outbox_unavailable', dir, messageOf(error), '', error);
    return {
      words: `${fault.subject}: ${fault.message}`,
      doubtful: true,
      remedy: 'Messages go on in memory alone: give the collector’s user a folder that it may write to.',
    };
  }
}

async function writable(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const probe = join(dir, `check-${crypto.randomUUID()}`);
  try {
    await writeFile(probe, 'a word', { mode: 0o600 });
  } finally {
    await rm(probe, { force: true });
  }
}

async function contents(dir: string): Promise<string> {
  const { segments, damages } = await recover(systemDisk, dir);
  const messages = segments.reduce((sum, { open }) => sum + open, 0);
  const oldest = Math.min(...segments.map((segment) => segment.oldestAt() ?? Number.POSITIVE_INFINITY));
  const age = Number.isFinite(oldest)
    ? `, the oldest ${Math.round(Date.now() / 1000 - oldest / 1e6)} s old`
    : '';
  const damaged = damages.length > 0 ? `; damaged: ${damages.map(({ reason }) => reason).join(', ')}` : '';
  return messages === 0 ? `it is empty${damaged}` : `${messages} messages${age}${damaged}`;
}

function mib(bytes: number): number {
  return Math.round(bytes / MIB);
}
