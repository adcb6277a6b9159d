import { readdirSync, readFileSync } from 'node:fs';

/** Files, sockets among them, that the process has open; null where the system does not tell. */
export function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return null;
  }
}

/** The most that may be open (`ulimit -n`); null where there is no limit, or the system does not tell. */
export function maxFiles(): number | null {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}

/** Kept for what must go on when exchanges take all they can get: brokers, Redis, whoever asks for metrics. */
const RESERVE = 32;
const RESERVE_PART = 8;

/** How many more sockets to exchanges may be opened; null where the system does not tell. */
export function socketsLeft(
  open: number | null = openFiles(),
  most: number | null = maxFiles(),
): number | null {
  if (open === null || most === null) return null;
  return Math.max(0, most - open - Math.min(RESERVE, Math.floor(most / RESERVE_PART)));
}
