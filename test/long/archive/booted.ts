import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGES } from './bare-root.ts';
import { type Machine, machineOf } from './machine.ts';
import { debianRoot } from './root.ts';
import { ensureTools, NotHere } from './tools.ts';

const UP_MS = 60_000;

/** A Debian that systemd has booted, as a container on this machine's kernel and network. */
export async function booted(archive: string): Promise<Machine> {
  await ensureTools({ mmdebstrap: 'mmdebstrap', 'systemd-container': 'systemd-nspawn' });
  const root = await debianRoot(archive, 'amd64', 'minbase', PACKAGES);
  // Not that of the machine the root was made on.
  writeFileSync(join(root, 'etc/machine-id'), '');
  const alone = ['--register=no', '--keep-unit', '--link-journal=no', '--quiet'];
  const container = Bun.spawn(['systemd-nspawn', ...alone, '--boot', '--directory', root], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  });
  const inside = await leaderOf(container, UP_MS);
  const enter = ['nsenter', '--target', `${inside}`, ...SPACES, 'bash', '/opt/agent.sh'];
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };
  const child = Bun.spawn(enter, { env, stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' });
  return await machineOf(child, UP_MS, async () => {
    // As systemd-nspawn understands it: power off.
    container.kill('SIGTERM');
    const late = setTimeout(() => container.kill('SIGKILL'), UP_MS);
    await container.exited;
    clearTimeout(late);
  });
}

const SPACES = ['--mount', '--uts', '--ipc', '--pid', '--root', '--wd'];

/** The process of this machine that is systemd in there, when it says that the start is over. */
async function leaderOf(container: Bun.Subprocess, limitMs: number): Promise<number> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline && container.exitCode === null) {
    const leader = Number(childrenOf(container.pid).at(-1) ?? 0);
    const wait = ['systemctl', 'is-system-running', '--wait'];
    if (leader > 0) {
      const asked = Bun.spawnSync(['nsenter', '--target', `${leader}`, ...SPACES, ...wait], {
        timeout: limitMs,
      });
      if (/running|degraded/.test(asked.stdout.toString())) return leader;
    }
    await Bun.sleep(300);
  }
  container.kill('SIGKILL');
  throw new NotHere('systemd does not boot in a container here');
}

function childrenOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  } catch {
    return [];
  }
}
