import { type Clock, sleep } from '../../common/clock.ts';
import type { Lane } from '../../core/pipeline/lane.ts';

/** How often a shard that is given up is looked at for rows on their way, and for how long, in ms. */
const DRAIN_LOOK_MS = 20;
export const DRAIN_MS = 5000;

/**
 * Waits until Kafka has what a shard brought, or for 5 s where Kafka does not take it.
 * @param closed resolves with its lanes when all that its sockets brought has come to them
 * @returns whether Kafka has all of it
 */
export async function drained(clock: Clock, closed: Promise<readonly Lane[]>): Promise<boolean> {
  // Of a code that another shard has by now only what came over this one is waited for.
  let brought: { readonly lane: Lane; readonly rows: number }[] | null = null;
  void closed.then((lanes) => {
    brought = lanes.map((lane) => ({ lane, rows: lane.received }));
  });
  const delivered = (): boolean =>
    brought?.every(({ lane, rows }) => lane.received - lane.pending >= rows) ?? false;
  const deadline = clock.now() + DRAIN_MS;
  while (!delivered() && clock.now() < deadline) await sleep(clock, DRAIN_LOOK_MS);
  return delivered();
}
