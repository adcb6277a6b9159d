import { readTopic } from '../services/avro-consumer.ts';
import type { ReadTrade } from '../simulator/compare.ts';
import { type Entry, Ledger, type Row } from '../simulator/ledger.ts';
import type { SimulatorProcess } from '../simulator/process.ts';
import { type Form, launch } from './binary.ts';

/** What a message of a trade topic holds. */
export interface TradeBatch {
  exchange: string;
  symbol: string;
  code: string;
  data: Omit<ReadTrade, 'symbol'>[];
}

/** A gap as it is reported on ws.event; times are epoch microseconds. */
export interface Gap {
  from: number;
  to: number | null;
  cause: string;
  codes: string[];
}

interface GapEvent {
  kind: string;
  target: { exchange: string; request_type: string } | null;
  gap: Gap | null;
}

/** The main job as a process of its own. */
export class Collector {
  readonly #child: Bun.Subprocess<'ignore', 'ignore', 'pipe'>;
  /** What it wrote to standard error; resolves when it has ended. */
  readonly said: Promise<string>;

  private constructor(child: Bun.Subprocess<'ignore', 'ignore', 'pipe'>) {
    this.#child = child;
    this.said = child.stderr.text();
  }

  static start(form: Form, argv: readonly string[], env: Record<string, string>): Collector {
    const { argv: program, cwd, env: around } = launch(form);
    const io = { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' } as const;
    return new Collector(Bun.spawn([...program, 'run', ...argv], { cwd, env: { ...around, ...env }, ...io }));
  }

  /** SIGTERM. Resolves with the exit code and the time to the end, in ms. */
  async stop(): Promise<{ code: number; ms: number }> {
    const from = performance.now();
    this.#child.kill('SIGTERM');
    return { code: await this.#child.exited, ms: performance.now() - from };
  }

  /** It stands still until `resume`, as a machine that is suspended. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async kill9(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#child.exited;
  }
}

/** Resolves when that many codes of each exchange and type have been subscribed. */
export async function subscribed(simulator: SimulatorProcess, perExchange: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const response = await fetch(`${simulator.control}/control/summary`);
    const { counts } = (await response.json()) as { counts: Record<string, number> };
    const open = Object.keys(simulator.exchanges).map((id) => counts[`${id} subscribe`] ?? 0);
    if (open.every((count) => count >= perExchange)) return;
    if (Date.now() > deadline) throw new Error(`subscribed so far: ${JSON.stringify(counts)}`);
    await Bun.sleep(100);
  }
}

/**
 * The ledger of a simulator that runs elsewhere.
 * @param what `entries` leaves out the rows, which are nearly all of it: for asking again and again
 */
export async function ledgerOf(
  simulator: SimulatorProcess,
  what: 'ledger' | 'entries' = 'ledger',
): Promise<Ledger> {
  const response = await fetch(`${simulator.control}/control/${what}`);
  const ledger = new Ledger();
  for (const line of (await response.text()).split('\n')) {
    if (line === '') continue;
    const { kind, ...rest } = JSON.parse(line) as { kind: string };
    if (kind === 'row') ledger.rows.push(rest as unknown as Row);
    if (kind === 'entry') ledger.entries.push(rest as unknown as Entry);
  }
  return ledger;
}

/** Every gap of the trades of an exchange that has an end. */
export async function tradeGaps(bootstrap: string, exchange: string): Promise<Gap[]> {
  const events = await readTopic<GapEvent>({ bootstrap, topic: 'ws.event' });
  return events.flatMap(({ value }) =>
    value?.gap && value.target?.exchange === exchange && value.target.request_type === 'trade'
      ? [value.gap]
      : [],
  );
}

/** Whether a row lies inside the gap of a cut that has an end. Rows know whole milliseconds only. */
export function inGap({ at }: Row, code: string | undefined, gaps: readonly Gap[]): boolean {
  return gaps.some(
    ({ from, to, cause, codes }) =>
      cause === 'cut' &&
      code !== undefined &&
      codes.includes(code) &&
      at * 1000 + 999 >= from &&
      to !== null &&
      at * 1000 <= to,
  );
}
