/** Folders that `npx` and `bun run` put on the PATH of what they start, and not on that of the shell. */
const LENT = /node_modules|_npx|bun-node-/;

/** How this very program is called again from the shell: the binary by its file, a clone through Bun. */
export function programName(path = process.env.PATH ?? ''): string {
  if (Bun.main.startsWith('/$bunfs/')) return process.execPath;
  const own = path
    .split(':')
    .filter((folder) => !LENT.test(folder))
    .join(':');
  return Bun.which('bun', { PATH: own }) === null ? 'npx bun index.ts' : 'bun index.ts';
}
