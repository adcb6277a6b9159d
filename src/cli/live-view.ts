import type { RunningStream } from '../application/stream.ts';
import type { Cancel } from '../common/clock.ts';
import type { LineOutput } from '../common/line-output.ts';
import { escapeControls } from '../common/log-text.ts';
import type { Collector } from '../config/container.ts';
import { programName } from './program-name.ts';
import { table } from './table.ts';

const TABLE_EVERY_MS = 1000;
const LINES_EVERY_MS = 10_000;
/** The first line comes early, so that it is seen that rows arrive. */
const FIRST_LINES_MS = 2000;
/** By then a connection had several tries. */
const DOUBT_AFTER_MS = 5000;
const ERASE_BELOW = '\u001b[0J';

/**
 * What a person sees of a running collector: on a terminal a table that renews itself below the log lines, else a log
 * line per stream now and then.
 */
export class LiveView {
  readonly interactive: boolean;
  readonly #out: LineOutput;
  readonly #acked = new Map<string, number>();
  #drawn: string[] = [];
  #cancel: Cancel = () => {};
  #lastMs = 0;
  #invited = false;
  #startedMs = 0;
  /** Whether the question has been settled. */
  #settled = false;

  constructor(out: LineOutput, interactive: boolean) {
    this.#out = out;
    this.interactive = interactive;
  }

  get full(): boolean {
    return this.#out.full;
  }

  drop(): void {
    this.#out.drop();
  }

  onResume(tell: (lines: number) => void): void {
    this.#out.onResume(tell);
  }

  /** A log line: it goes above the table. */
  write(line: string): void {
    this.#erase();
    this.#out.write(line);
    this.#draw();
  }

  start(collector: Collector): void {
    const { messaging, clock } = collector;
    this.#lastMs = clock.now();
    this.#startedMs = this.#lastMs;
    if (messaging.bootstrap !== null && messaging.driver === 'embedded')
      this.#hint(collector, messaging.bootstrap);
    this.#next(collector, this.interactive ? TABLE_EVERY_MS : FIRST_LINES_MS);
  }

  stop(): void {
    this.#cancel();
    this.#erase();
    this.#drawn = [];
  }

  #hint({ log }: Collector, bootstrap: string): void {
    log.info(
      { phase: 'start', bootstrap },
      `embedded broker (a trial, not durable) at ${bootstrap}; read along: ` +
        `KAFKA_BOOTSTRAP_SERVERS=${bootstrap} ${programName()} tail trade-data ticker-data --from beginning, ` +
        `or kcat -C -b ${bootstrap} -t trade-data.korea -o beginning -f '%k %s\\n'`,
    );
  }

  /** Once, as a collector that nobody has asked for anything looks like one that hangs. */
  #invite({ log, messaging }: Collector): void {
    if (this.#invited) return;
    this.#invited = true;
    const { bootstrap } = messaging;
    const command = `${programName()} send connect_and_subscribe --exchange upbit --type trade --symbols BTC`;
    log.info(
      { phase: 'start' },
      bootstrap === null
        ? 'no stream runs: start it with --exchange, --type and --symbols'
        : `no stream runs yet; ask for one: KAFKA_BOOTSTRAP_SERVERS=${bootstrap} ${command}`,
    );
  }

  /** Once, where the machine has no way to any exchange: whoever only looks around is told of another one. */
  #doubt({ log, orchestrator }: Collector, nowMs: number): void {
    const streams = orchestrator.streams();
    if (streams.length === 0 || this.#settled || nowMs - this.#startedMs < DOUBT_AFTER_MS) return;
    this.#settled = true;
    if (streams.some(({ state, stats }) => state !== 'backoff' || stats.rows > 0)) return;
    const demo = programName().endsWith('index.ts') ? '; without one, `bun run demo` simulates them' : '';
    log.warn(
      { phase: 'connect' },
      `no exchange could be reached yet: it goes on trying, and needs a network${demo}`,
    );
  }

  #next(collector: Collector, ms: number): void {
    this.#cancel = collector.clock.after(ms, () => {
      this.#show(collector);
      this.#next(collector, this.interactive ? TABLE_EVERY_MS : LINES_EVERY_MS);
    });
  }

  #show(collector: Collector): void {
    const { clock, orchestrator, log } = collector;
    const nowMs = clock.now();
    const rows = orchestrator
      .streams()
      .map((stream) => this.#row(stream, clock.micros(), (nowMs - this.#lastMs) / 1000));
    this.#lastMs = nowMs;
    if (rows.length === 0) this.#invite(collector);
    this.#doubt(collector, nowMs);
    if (this.interactive) {
      this.#erase();
      this.#drawn = table(rows).map(escapeControls);
      this.#draw();
      return;
    }
    for (const row of rows) log.info({ phase: 'metrics', ...row }, Object.values(row).join('  '));
  }

  #row(stream: RunningStream, now: number, seconds: number): Record<string, string> {
    const { exchange, request_type } = stream.target;
    const name = `${exchange} ${request_type}`;
    const { acked, ackedBytes } = stream.stats;
    const rate = (acked - (this.#acked.get(name) ?? 0)) / seconds;
    this.#acked.set(name, acked);
    const newest = [...stream.lanes].reduce<{ at: number; text: string }>(
      (best, lane) =>
        lane.lastReceivedAt > best.at
          ? { at: lane.lastReceivedAt, text: `${lane.market.code} ${lane.lastPrice}` }
          : best,
      { at: 0, text: '-' },
    );
    return {
      stream: name,
      state: stream.state,
      'rows/s': rate.toFixed(1),
      last: newest.text,
      fresh: newest.at === 0 ? '-' : `${((now - newest.at) / 1e6).toFixed(1)} s`,
      acknowledged: String(acked),
      bytes: String(ackedBytes),
    };
  }

  #erase(): void {
    if (this.#drawn.length > 0) this.#out.write(`\u001b[${this.#drawn.length}A\r${ERASE_BELOW}`);
  }

  #draw(): void {
    if (this.#drawn.length > 0 && !this.#out.full) this.#out.write(`${this.#drawn.join('\n')}\n`);
  }
}
