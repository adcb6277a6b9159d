import { type Machine, machineOf } from './machine.ts';
import { debianRoot } from './root.ts';
import { ensureTools } from './tools.ts';

const UP_MS = 30_000;
/** What a plain installation has of what the archive wants, and the tool that looks at units. */
export const PACKAGES = ['ca-certificates', 'systemd', 'dbus', 'curl'];
/** Mounts in a namespace of their own: none is left, and nothing of this machine is reached through them. */
const ENTER = `
mount -t proc proc "$0/proc" && mount -t sysfs -o ro sys "$0/sys" && mount -t tmpfs run "$0/run" || exit 1
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root chroot "$0" bash /opt/agent.sh`;

/** A bare root of Debian on this machine's kernel and network: no Bun, no Node, no compiler. */
export async function bareRoot(archive: string): Promise<Machine> {
  await ensureTools({ mmdebstrap: 'mmdebstrap' });
  return await enterRoot(await debianRoot(archive, 'amd64', 'minbase', PACKAGES));
}

/** Enters a root that is there already. */
export async function enterRoot(root: string): Promise<Machine> {
  const child = Bun.spawn(
    ['unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', ENTER, root],
    {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'ignore',
    },
  );
  return await machineOf(child, UP_MS, () => child.exited);
}
