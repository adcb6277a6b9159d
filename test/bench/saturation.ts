import { spawnSimulator } from '../simulator/process.ts';
import { startCollector } from './collector.ts';
import type { Feed } from './feeds.ts';
import { floor, type Windows } from './floor.ts';
import { cpuMicros, median } from './process-use.ts';

export interface Saturation {
  readonly floor_us: number;
  readonly row_us: number;
  readonly ratio: number;
  readonly rows_per_s: number;
  readonly frame_bytes: number;
}

/** The collector's code is hot, and its queues are as full as they get, after this time. */
const WARM_UP_MS = 15_000;

/**
 * CPU time per row from the socket to the acknowledgement, of a collector that gets frames faster than it can read,
 * beside the floor on the same frames out of the same process. The floor is measured before and after.
 */
export async function saturation(
  feed: Feed,
  services: Readonly<Record<string, string>>,
  windows: Windows,
): Promise<Saturation> {
  const { exchange, type, codes, path } = feed;
  const flags = ['--flood', '--exchanges', exchange, '--symbols', String(codes), '--no-rows'];
  const simulator = await spawnSimulator(flags);
  try {
    const { url, symbols } = simulator.exchanges[exchange] ?? { url: '', symbols: [] };
    const measureFloor = () => floor(`${url}${path}`, feed.subscription(symbols), windows);
    const before = await measureFloor();
    const streams = ['--exchange', exchange, '--type', type, '--symbols', symbols.join(',')];
    const rows = await perRow({ ...services, ...simulator.env }, streams, windows);
    const after = await measureFloor();
    const floorUs = (before.us + after.us) / 2;
    return {
      floor_us: floorUs,
      row_us: rows.us,
      ratio: rows.us / floorUs,
      rows_per_s: rows.perS,
      frame_bytes: before.frameBytes,
    };
  } finally {
    await simulator.stop();
  }
}

/**
 * Rows count half when they are received and half when they are acknowledged, as work is done before and after. A busy collector
 * answers late: its CPU time is looked at when the answer is there, at both ends.
 */
async function perRow(
  env: Readonly<Record<string, string>>,
  streams: readonly string[],
  { seconds, count }: Windows,
): Promise<{ us: number; perS: number }> {
  const collector = await startCollector(env, streams);
  try {
    await Bun.sleep(WARM_UP_MS);
    const costs: number[] = [];
    const rates: number[] = [];
    for (let n = 0; n < count; n++) {
      const start = await collector.totals();
      const cpu = cpuMicros(collector.pid);
      const startedAt = performance.now();
      await Bun.sleep(seconds * 1_000);
      const end = await collector.totals();
      const used = cpuMicros(collector.pid) - cpu;
      const rows = (end.rows - start.rows + end.acked - start.acked) / 2;
      if (end.rejected > 0) throw new Error(`${end.rejected} frames were refused`);
      costs.push(used / rows);
      rates.push((rows / (performance.now() - startedAt)) * 1_000);
    }
    return { us: median(costs), perS: median(rates) };
  } finally {
    await collector.stop();
  }
}
