import type { Cancel } from '../../common/clock.ts';
import type { LineOutput } from '../../common/line-output.ts';
import type { Collector } from '../../config/container.ts';
import { programName } from '../program-name.ts';
import { type Figures, FiguresOf, sum } from './figures.ts';
import { TerminalTable } from './terminal.ts';

const TABLE_EVERY_MS = 1000;
const LINE_EVERY_MS = 60_000;
/** The first line comes as soon as all streams are live, so that it is seen that rows arrive. */
const LOOK_MS = 500;
/** By then a connection had several tries. */
const DOUBT_AFTER_MS = 5000;

/**
 * What a person sees of a running collector: on a terminal a table that renews itself below the log lines, else one log
 * line a minute about all streams.
 */
export class LiveView {
  readonly interactive: boolean;
  readonly #out: LineOutput;
  readonly #table: TerminalTable;
  #figures = new FiguresOf(0);
  #cancel: Cancel = () => {};
  #invited = false;
  #startedMs = 0;
  /** Whether the question has been settled. */
  #settled = false;
  #lineAtMs = 0;

  /** @param terminal what `out` writes to, for its size */
  constructor(out: LineOutput, terminal: NodeJS.WriteStream, input: NodeJS.ReadStream) {
    this.#out = out;
    this.interactive = terminal.isTTY === true;
    this.#table = new TerminalTable(out, terminal, input, () => process.kill(process.pid, 'SIGINT'));
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
    this.#table.write(line);
  }

  start(collector: Collector): void {
    const { messaging, clock } = collector;
    this.#startedMs = clock.now();
    this.#lineAtMs = this.#startedMs + DOUBT_AFTER_MS;
    this.#figures = new FiguresOf(this.#startedMs);
    if (messaging.bootstrap !== null && messaging.driver === 'embedded')
      this.#hint(collector, messaging.bootstrap);
    if (this.interactive) this.#table.start();
    this.#next(collector);
  }

  stop(): void {
    this.#cancel();
    if (this.interactive) this.#table.stop();
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
  #invite({ log, messaging, store, orchestrator }: Collector): void {
    // What was asked for and waits needs no command.
    if (this.#invited || !store.available || !orchestrator.informed || orchestrator.idle().length > 0) return;
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

  #next(collector: Collector): void {
    this.#cancel = collector.clock.after(this.interactive ? TABLE_EVERY_MS : LOOK_MS, () => {
      if (this.interactive || this.#lineDue(collector)) this.#show(collector);
      this.#next(collector);
    });
  }

  #lineDue({ clock, orchestrator }: Collector): boolean {
    const nowMs = clock.now();
    const streams = orchestrator.streams();
    const first = this.#lineAtMs === this.#startedMs + DOUBT_AFTER_MS;
    const flows = streams.length > 0 && streams.every(({ stats }) => stats.acked > 0);
    if (nowMs < this.#lineAtMs && !(first && flows)) return false;
    this.#lineAtMs = nowMs + LINE_EVERY_MS;
    return true;
  }

  #show(collector: Collector): void {
    const { clock, orchestrator, log } = collector;
    const nowMs = clock.now();
    const streams = this.#figures.take(orchestrator.streams(), clock.micros(), nowMs);
    if (streams.length === 0) this.#invite(collector);
    this.#doubt(collector, nowMs);
    if (this.interactive) this.#table.show(streams);
    else if (streams.length > 0) log.info({ phase: 'metrics', ...summary(streams) }, words(streams));
  }
}

/** Of all streams, under keys that stay the same: numbers for who counts, names of those that are not live. */
function summary(streams: readonly Figures[]): Record<string, unknown> {
  const live = streams.filter(({ state }) => state === 'live');
  return {
    streams: streams.length,
    live: live.length,
    codes: sum(streams, 'codes'),
    rows_per_s: Number(sum(streams, 'rowsPerS').toFixed(1)),
    acknowledged: sum(streams, 'acknowledged'),
    oldest_s: Math.max(0, ...streams.map(({ waitS }) => waitS)),
    not_live: streams
      .filter(({ state }) => state !== 'live')
      .map(({ exchange, type, state }) => `${exchange} ${type} ${state}`),
  };
}

function words(streams: readonly Figures[]): string {
  const live = streams.filter(({ state }) => state === 'live').length;
  return `${live} of ${streams.length} streams live, ${sum(streams, 'rowsPerS').toFixed(1)} rows/s, ${sum(streams, 'acknowledged')} acknowledged`;
}
