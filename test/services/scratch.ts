import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Server } from './server.ts';

const servers = new Set<Server>();
let root: string | undefined;
let reaper: Bun.Subprocess<'pipe', 'ignore', 'ignore'> | undefined;
let count = 0;

/** A folder name that nobody else uses; everything under it is gone soon after this process, however it ends. */
export function scratchDir(name: string): string {
  root ??= openScratch();
  return join(root, `${name}-${++count}`);
}

/** Remembers a server for `endAllServers`. */
export function adopt(server: Server): void {
  servers.add(server);
}

/** Forgets a server. */
export function disown(server: Server): void {
  servers.delete(server);
}

/** Kills every server that this process started and deletes their folders. A server may be started again later. */
export async function endAllServers(): Promise<void> {
  await Promise.all([...servers].map((server) => server.kill9()));
  servers.clear();
  if (root !== undefined) rmSync(root, { recursive: true, force: true });
  reaper?.stdin.end();
  root = undefined;
  reaper = undefined;
}

/**
 * Makes the folder, and beside it a shell that waits for this process to end (its standard input closes) and then
 * deletes it: no handler of ours runs when the process is killed. In a session of its own, so that Ctrl-C spares it.
 */
function openScratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'kor-coin-stream-test-'));
  const wait = 'cat >/dev/null; n=0; until rm -rf "$1" || [ $n = 50 ]; do n=$((n+1)); sleep 0.1; done';
  reaper = Bun.spawn(['setsid', 'sh', '-c', wait, 'sh', dir], {
    cwd: '/',
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
  });
  reaper.unref();
  return dir;
}
