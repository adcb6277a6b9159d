import { maintenance, refusals } from './faults/exchanges.ts';
import type { Fault } from './faults/fault.ts';
import { brokerKilled, permissionWithdrawn, topicDeleted } from './faults/kafka.ts';
import { busyCores, freeze, kills, stalls } from './faults/process.ts';
import { redisEmptied, redisFrozen, redisOutOfMemory, redisReadOnly, registryAway } from './faults/stores.ts';

/** What happens on a bad day, one after another. */
const FAULTS: readonly Fault[] = [
  stalls(),
  busyCores(),
  kills('kill', 1, 15),
  brokerKilled(),
  redisOutOfMemory(),
  redisReadOnly(),
  freeze('freeze', 30),
  registryAway(),
  permissionWithdrawn(),
  topicDeleted(),
  kills('kill-again', 1, 15, 8),
  redisFrozen(),
  maintenance(),
  refusals(),
  redisEmptied(),
  kills('kill-thrice', 3, 25),
  freeze('freeze-again', 35, 8),
];

/** Minutes of the full run. */
export const FULL_MINUTES = 15;

/** The faults of a run of so many minutes; of the named ones alone where names are given. Throws on an unknown name. */
export function plan(minutes: number, names: readonly string[] = []): Fault[] {
  const unknown = names.filter((name) => !FAULTS.some((fault) => fault.name === name));
  if (unknown.length > 0) {
    throw new Error(`no fault ${unknown.join()}; there are ${FAULTS.map(({ name }) => name).join()}`);
  }
  return FAULTS.filter(({ name, fromMinutes = 0 }) =>
    names.length > 0 ? names.includes(name) : minutes >= fromMinutes,
  );
}

/** How long a fault lasts in a run of so many minutes, in ms. */
export function lastsMs({ lasts, least }: Fault, minutes: number): number {
  return Math.max(least, lasts * scale(minutes)) * 1000;
}

/** How long nothing happens after it, in ms. */
export function calmMs({ calm }: Fault, minutes: number): number {
  return calm * Math.max(0.5, scale(minutes)) * 1000;
}

function scale(minutes: number): number {
  return Math.min(1, minutes / FULL_MINUTES);
}
