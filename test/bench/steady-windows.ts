import { spawnSimulator } from '../simulator/process.ts';
import { type Collector, startCollector, type Totals } from './collector.ts';
import type { Windows } from './floor.ts';
import { cpuMicros } from './process-use.ts';
import { floorOf, LEFT_BEHIND_S, LOAD, streamsOf } from './steady.ts';

/** The steady load over one window of time. */
export interface SteadyWindow {
  readonly rows_per_s: number;
  /** Of one core. */
  readonly cpu_share: number;
  readonly kafka_messages_per_s: number;
  /** From arrival to acknowledgement, ms, over the three minutes before the end of the window at most. */
  readonly p50_ms: number;
  readonly p99_ms: number;
}

export interface SteadyWindows {
  /** What floor clients that ran beside the collector took of a core; null where none did. */
  readonly floor_share: number | null;
  readonly of: readonly SteadyWindow[];
}

/**
 * The steady load at one `batch.window_ms`, several windows of time of the same processes, and floor clients beside them.
 * @param warmUpMs all run so long before; times of arrival to acknowledgement reach three minutes back
 * @throws Error where rows were left waiting
 */
export async function steadyWindows(
  services: Readonly<Record<string, string>>,
  windowMs: number,
  { warmUpMs, windows, floor }: { warmUpMs: number; windows: Windows; floor: boolean },
): Promise<SteadyWindows> {
  const simulator = await spawnSimulator(LOAD);
  try {
    const env = { ...services, ...simulator.env };
    const settings = ['--set', `batch.window_ms=${windowMs}`];
    const collector = await startCollector(env, [...streamsOf(simulator), ...settings]);
    try {
      const [floorShare, of] = await Promise.all([
        floor ? floorOf(simulator, windows, warmUpMs) : null,
        measured(collector, warmUpMs, windows),
      ]);
      return { floor_share: floorShare, of };
    } finally {
      await collector.stop();
    }
  } finally {
    await simulator.stop();
  }
}

async function measured(
  collector: Collector,
  warmUpMs: number,
  { seconds, count }: Windows,
): Promise<SteadyWindow[]> {
  await Bun.sleep(warmUpMs);
  const all: SteadyWindow[] = [];
  let late = 0;
  let start = await look(collector);
  for (let n = 0; n < count; n++) {
    await Bun.sleep(seconds * 1_000);
    const end = await look(collector);
    late = end.totals.waited > LEFT_BEHIND_S ? late + 1 : 0;
    if (late > 1) throw new Error(`rows were left waiting: the oldest for ${end.totals.waited} s`);
    const took = (end.at - start.at) / 1_000;
    all.push({
      rows_per_s: (end.totals.acked - start.totals.acked) / took,
      cpu_share: (end.cpuUs - start.cpuUs) / 1e6 / took,
      kafka_messages_per_s: (end.totals.messages - start.totals.messages) / took,
      p50_ms: end.totals.p50,
      p99_ms: end.totals.p99,
    });
    start = end;
  }
  return all;
}

async function look(collector: Collector): Promise<{ at: number; cpuUs: number; totals: Totals }> {
  return { at: performance.now(), cpuUs: cpuMicros(collector.pid), totals: await collector.totals() };
}
