/** Something that this machine has not and that cannot be installed here: a part is left out, and says why. */
export class NotHere extends Error {}

/**
 * Programs that a part needs, out of their Debian packages; installed where we may.
 * @param wanted package → program by which its presence shows
 * @throws NotHere
 */
export async function ensureTools(wanted: Readonly<Record<string, string>>): Promise<void> {
  if (process.getuid?.() !== 0) throw new NotHere('needs root');
  const missing = Object.keys(wanted).filter((name) => !Bun.which(wanted[name] ?? name));
  if (missing.length === 0) return;
  if (!Bun.which('apt-get')) throw new NotHere(`needs ${missing.join(', ')}`);
  const apt = ['apt-get', '-q', '-o', 'DPkg::Lock::Timeout=300'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const argv of [['update'], ['install', '-y', '--no-install-recommends', ...missing]]) {
    const { success, stderr } = Bun.spawnSync([...apt, ...argv], { env, stdout: 'ignore' });
    if (!success) throw new NotHere(`${missing.join(', ')} cannot be installed: ${stderr.toString().trim()}`);
  }
}

/** Runs a program of this machine. @returns what it printed @throws Error where it fails */
export async function demand(
  argv: readonly string[],
  options: { readonly cwd?: string; readonly limitMs?: number } = {},
): Promise<string> {
  const child = Bun.spawn([...argv], {
    cwd: options.cwd ?? '/',
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: options.limitMs ?? 600_000,
  });
  const [out, said, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${`${out}${said}`.slice(-3000)}`);
  return out;
}
