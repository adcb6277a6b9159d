import { join } from 'node:path';
import { freePort } from '../services/ports.ts';

/** The figures of a collector that the benchmark takes differences of. */
export interface Totals {
  /** Rows made out of frames. */
  readonly rows: number;
  readonly acked: number;
  readonly rejected: number;
  /** Messages that Kafka acknowledged. */
  readonly messages: number;
  /** How long the oldest row that is not acknowledged has been waiting, s. */
  readonly waited: number;
  /** Arrival to acknowledgement over the last minutes, ms; of the stream where it is longest. */
  readonly p50: number;
  readonly p99: number;
}

export interface Collector {
  readonly pid: number;
  totals(): Promise<Totals>;
  /** Ends it in order and waits; what is still under way is given up. */
  stop(): Promise<void>;
}

/** The part of /status that is read here. */
interface Status {
  readonly messaging: { readonly delivered: { readonly messages: number } };
  readonly oldest_unacknowledged_s: { readonly rows: number };
  readonly streams: readonly {
    readonly latency_ms: { readonly acknowledged: { readonly p50: number; readonly p99: number } | null };
    readonly totals: { readonly rows: number; readonly acknowledged: number; readonly rejected: number };
  }[];
}

const START_WITHIN_MS = 30_000;
const ROOT = join(import.meta.dir, '..', '..');

/**
 * `bun index.ts run` as a process of its own; resolves when its first rows are acknowledged.
 * `BENCH_PROFILE` holds flags of bun for it, as in `BENCH_PROFILE='--cpu-prof --cpu-prof-dir=/tmp'`.
 * @param streams flags of `run` that name the streams
 */
export async function startCollector(
  env: Readonly<Record<string, string>>,
  streams: readonly string[],
): Promise<Collector> {
  const port = await freePort();
  const profiler = process.env.BENCH_PROFILE?.split(' ') ?? [];
  const child = Bun.spawn([process.execPath, ...profiler, 'index.ts', 'run', ...streams], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      HTTP_PORT: String(port),
      LOG_LEVEL: 'warn',
      ...env,
    },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'inherit',
  });

  async function totals(): Promise<Totals> {
    const response = await fetch(`http://127.0.0.1:${port}/status`);
    const { messaging, oldest_unacknowledged_s, streams: running } = (await response.json()) as Status;
    const longest = (of: 'p50' | 'p99') =>
      Math.max(0, ...running.map(({ latency_ms }) => latency_ms.acknowledged?.[of] ?? 0));
    const sum = (of: 'rows' | 'acknowledged' | 'rejected') =>
      running.reduce((all, stream) => all + stream.totals[of], 0);
    return {
      rows: sum('rows'),
      acked: sum('acknowledged'),
      rejected: sum('rejected'),
      messages: messaging.delivered.messages,
      waited: oldest_unacknowledged_s.rows,
      p50: longest('p50'),
      p99: longest('p99'),
    };
  }

  async function stop(): Promise<void> {
    child.kill('SIGTERM');
    await child.exited;
  }

  for (const deadline = Date.now() + START_WITHIN_MS; ; ) {
    const now = await totals().catch(() => null);
    if (now && now.acked > 0) return { pid: child.pid, totals, stop };
    if (child.exitCode !== null) throw new Error(`the collector ended with ${child.exitCode}`);
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error('the collector acknowledged nothing in time');
    }
    await Bun.sleep(100);
  }
}
