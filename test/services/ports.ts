import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const LOWEST = 10_240;

/**
 * A TCP port on loopback that nobody listens on now.
 *
 * Taken from below the kernel's ephemeral range: a client that keeps knocking at a stopped server's port could
 * otherwise be given that very port as its own and hold it, and the server could not come back on it.
 */
export async function freePort(): Promise<number> {
  const ceiling = lowestEphemeralPort();
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (ceiling - LOWEST));
    if (await canListen(port)) return port;
  }
  throw new Error(`no free port found on 127.0.0.1 between ${LOWEST} and ${ceiling}`);
}

function lowestEphemeralPort(): number {
  const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  const lowest = Number.parseInt(range, 10);
  return lowest > LOWEST + 1_000 ? lowest : 32_768;
}

/** Whether nobody holds the port on 127.0.0.1. */
export function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
