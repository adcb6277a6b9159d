import { type SimulatorProcess, spawnSimulator } from '../simulator/process.ts';
import { startCollector } from './collector.ts';
import { BINANCE_TRADE, type Feed, UPBIT_TICKER } from './feeds.ts';
import { floor, type Windows } from './floor.ts';
import { cpuMicros, rssMb, slope } from './process-use.ts';

export interface Steady {
  readonly rows_per_s: number;
  /** Of one core. */
  readonly cpu_share: number;
  /** What floor clients of the same frames take of one core. */
  readonly floor_share: number;
  readonly kafka_messages_per_s: number;
  /** From arrival to acknowledgement, ms; of the slower stream. */
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** At the end. */
  readonly rss_mb: number;
  readonly rss_slope_mb_per_min: number;
}

/** Of the steady load. */
export const FEEDS: readonly Feed[] = [UPBIT_TICKER, BINANCE_TRADE];
const ROWS_PER_S = 5_000;
const CODES_PER_EXCHANGE = 300;
/** Flags of the simulator that make it. */
export const LOAD = [
  ...['--exchanges', 'upbit,binance', '--symbols', String(CODES_PER_EXCHANGE)],
  ...['--rate', String(ROWS_PER_S), '--zipf', '1', '--no-rows'],
];
const SAMPLE_MS = 1_000;
/** A row that waits longer than this, in s, at two looks running was left behind: then no figure counts. */
export const LEFT_BEHIND_S = 1;
/** Code is compiled after this time; before, the threads that do it take 2 to 3 % of a core. */
const WARM_UP_MS = 45_000;
/** Heap, pools and windows of the past have most of their size after this part of the measuring, and this long. */
const SETTLED = { part: 0.5, minutes: 5 };

export interface SteadyOptions {
  /** How long to measure after the warm-up, s. The times of arrival to acknowledgement are those of the last three minutes at most. */
  readonly seconds: number;
  /** Shorter where only the way is to be seen, ms. */
  readonly warmUpMs?: number;
  /** `batch.window_ms`. */
  readonly windowMs?: number;
  /** Further settings, as `connection.gather_ms=5`. */
  readonly settings?: readonly string[];
  /** For the floor; left out: it is not measured. */
  readonly floor?: Windows;
}

/**
 * A busy day: 600 codes of two exchanges, Upbit's tickers and Binance's trades, 5,000 rows a second spread over them
 * by Zipf's law.
 * @throws Error where rows were left waiting: the figures of a collector that does not do its work are none
 */
export async function steady(
  services: Readonly<Record<string, string>>,
  { seconds, warmUpMs = WARM_UP_MS, windowMs = 100, settings = [], floor: windows }: SteadyOptions,
): Promise<Steady> {
  const simulator = await spawnSimulator(LOAD);
  try {
    const floorShare = windows ? await floorOf(simulator, windows, warmUpMs) : Number.NaN;
    const streams = streamsOf(simulator);
    const set = [`batch.window_ms=${windowMs}`, ...settings].flatMap((one) => ['--set', one]);
    const collector = await startCollector({ ...services, ...simulator.env }, [...streams, ...set]);
    try {
      await Bun.sleep(warmUpMs);
      const startedAt = performance.now();
      const cpu = cpuMicros(collector.pid);
      const start = await collector.totals();
      const memory: { x: number; y: number }[] = [];
      const passed = () => (performance.now() - startedAt) / 1_000;
      let late = 0;
      while (passed() < seconds) {
        await Bun.sleep(SAMPLE_MS);
        const { waited } = await collector.totals();
        late = waited > LEFT_BEHIND_S ? late + 1 : 0;
        if (late > 1) throw new Error(`rows were left waiting: the oldest for ${waited} s`);
        memory.push({ x: passed() / 60, y: rssMb(collector.pid) });
      }
      const end = await collector.totals();
      const used = cpuMicros(collector.pid) - cpu;
      const took = passed();
      return {
        rows_per_s: (end.acked - start.acked) / took,
        cpu_share: used / 1e6 / took,
        floor_share: floorShare,
        kafka_messages_per_s: (end.messages - start.messages) / took,
        p50_ms: end.p50,
        p99_ms: end.p99,
        rss_mb: memory.at(-1)?.y ?? Number.NaN,
        rss_slope_mb_per_min: slope(
          memory.filter(({ x }) => x > Math.min(SETTLED.minutes, (SETTLED.part * seconds) / 60)),
        ),
      };
    } finally {
      await collector.stop();
    }
  } finally {
    await simulator.stop();
  }
}

/** Flags of the collector for the feeds. */
export function streamsOf(simulator: SimulatorProcess): string[] {
  return FEEDS.flatMap(({ exchange, type }) => {
    const symbols = simulator.exchanges[exchange]?.symbols ?? [];
    return ['--exchange', exchange, '--type', type, '--symbols', symbols.join(',')];
  });
}

/** One floor client for each feed, at the same time; their share of a core together. */
export async function floorOf(
  simulator: SimulatorProcess,
  windows: Windows,
  warmUpMs: number,
): Promise<number> {
  const floors = await Promise.all(
    FEEDS.map(({ exchange, path, subscription }) => {
      const { url, symbols } = simulator.exchanges[exchange] ?? { url: '', symbols: [] };
      return floor(`${url}${path}`, subscription(symbols), windows, warmUpMs);
    }),
  );
  return floors.reduce((sum, { us, framesPerS }) => sum + (us * framesPerS) / 1e6, 0);
}
