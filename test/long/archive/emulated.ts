import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../services/ports.ts';
import { Agent, type Machine } from './machine.ts';
import { debianRoot } from './root.ts';
import { demand, ensureTools } from './tools.ts';

/** An emulated processor is some thirty times slower. */
const UP_MS = 900_000;
const MEMORY_MIB = 3072;
/** This machine, as a guest sees it. */
const OUTSIDE = '10.0.2.2';
const PACKAGES = [
  ...['linux-image-cloud-arm64', 'kmod', 'iproute2', 'mount', 'util-linux', 'bash', 'dash', 'coreutils'],
  ...[
    'grep',
    'sed',
    'libc-bin',
    'base-files',
    'base-passwd',
    'passwd',
    'zlib1g',
    'libzstd1',
    'ca-certificates',
  ],
  ...['systemd', 'debianutils', 'findutils'],
];
/** The first process: drivers, network, and the agent on the serial line. */
const INIT = `#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp; mount -t tmpfs run /run
depmod -a; modprobe virtio_pci; modprobe virtio_net
ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via ${OUTSIDE}
stty raw -echo
exec bash /opt/agent.sh
`;

/**
 * An arm64 machine in QEMU with Debian's kernel. The root is unpacked, not installed, so that no arm64 program has to run
 * on this machine, and lies in the guest's memory.
 */
export async function emulated(archive: string): Promise<Machine> {
  await ensureTools({ mmdebstrap: 'mmdebstrap', 'qemu-system-arm': 'qemu-system-aarch64', cpio: 'cpio' });
  const root = await debianRoot(archive, 'arm64', 'extract', PACKAGES);
  writeFileSync(join(root, 'init'), INIT);
  chmodSync(join(root, 'init'), 0o755);
  const image = `${root}.cpio`;
  await demand([
    ...[
      'sh',
      '-c',
      'cd "$0" && find . -path ./boot -prune -o -print0 | cpio --null -o -H newc --quiet >"$1"',
    ],
    ...[root, image],
  ]);
  const port = await freePort();
  const [kernel = ''] = new Bun.Glob('boot/vmlinuz-*').scanSync({ cwd: root });
  const child = Bun.spawn(
    [
      ...['nice', '-n', '10', 'setpriv', '--pdeathsig', 'KILL', 'qemu-system-aarch64'],
      ...['-M', 'virt', '-cpu', 'cortex-a72', '-smp', '1', '-m', `${MEMORY_MIB}`, '-nographic', '-no-reboot'],
      ...['-monitor', 'none', '-serial', 'stdio'],
      ...['-netdev', `user,id=net,hostfwd=tcp:127.0.0.1:${port}-:${port}`],
      ...['-device', 'virtio-net-pci,netdev=net,romfile='],
      ...['-kernel', join(root, kernel), '-initrd', image],
      ...['-append', 'console=ttyAMA0 quiet loglevel=0 rdinit=/init panic=-1'],
    ],
    { stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' },
  );
  const agent = new Agent(child);
  await agent.ready(UP_MS);
  return {
    host: OUTSIDE,
    port,
    run: (script, limitMs) => agent.run(script, limitMs),
    async end() {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}
