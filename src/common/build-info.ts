/** Put in by the build; empty when run from source. */
declare const KCS_COMMIT: string | undefined;

/** The commit this program was built from; from source that of the checkout, where git tells. */
export function commit(): string {
  if (typeof KCS_COMMIT === 'string') return KCS_COMMIT;
  try {
    const { success, stdout } = Bun.spawnSync(['git', 'rev-parse', '--short=12', 'HEAD'], {
      cwd: import.meta.dir,
    });
    if (success) return stdout.toString().trim();
  } catch {
    // No git here: the version is still the version.
  }
  return 'unknown';
}
