import type { Fault } from './faults/fault.ts';
import { calmMs, lastsMs } from './plan.ts';
import type { Watch } from './watch.ts';
import type { World } from './world.ts';

/** A fault that happened. Epoch ms. */
export interface Happened {
  readonly fault: Fault;
  readonly from: number;
  readonly to: number;
}

/** How long after a fault's end it may take to be ready again. */
export const READY_WITHIN_MS = 30_000;
/** What waited for the end of a fault follows at ten times the pace at which it came, or faster. */
const CATCH_UP = 10;

/** Lets the faults happen one after another, each when the one before is over. */
export async function runFaults(
  world: World,
  watch: Watch,
  faults: readonly Fault[],
  minutes: number,
  say: (line: string) => void,
): Promise<Happened[]> {
  const happened: Happened[] = [];
  for (const fault of faults) {
    say(`${fault.name} begins`);
    const from = Date.now();
    await fault.begin(world);
    await Bun.sleep(Math.max(0, from + lastsMs(fault, minutes) - Date.now()));
    await fault.end(world);
    const to = Date.now();
    happened.push({ fault, from, to });
    if (fault.delays !== 'none') {
      const topics = fault.delays === 'all' ? undefined : fault.delays;
      world.suffered.push({ name: fault.name, from, to: to + (to - from) / CATCH_UP, topics });
    }
    say(`${fault.name} is over after ${((to - from) / 1000).toFixed(1)} s`);
    await watch.untilReady(READY_WITHIN_MS);
    await Bun.sleep(Math.max(0, to + calmMs(fault, minutes) - Date.now()));
  }
  return happened;
}
