import { readFileSync } from 'node:fs';
import { systemClock } from '../common/clock.ts';
import { describe, EXIT, type ExitCode, Fault } from '../common/errors.ts';
import { standardError } from '../common/line-output.ts';
import { createLog, type Log } from '../common/log.ts';
import { type LeftBehind, type Stop, startCollector } from '../config/container.ts';
import type { Settings } from '../config/settings.ts';
import { serviceManager } from '../infra/process/notify.ts';
import { readArgs } from './args.ts';
import type { Command } from './command.ts';
import { tellFailure } from './failure.ts';
import { LiveView } from './live/view.ts';
import { streamGroups } from './run-flags.ts';
import { tellReady } from './service-manager.ts';
import { doubtsOf, SETTINGS_FLAGS, SETTINGS_USAGE, settingsOf } from './settings-flags.ts';

/** `run` */
export const run: Command = {
  name: 'run',
  summary: 'collect: exchanges → Kafka, steered by ws.command',
  usage: `kor-coin-stream run [--config DIR] [--set PATH=VALUE]…
                    [--exchange ID --type ticker,trade --symbols A,B]…

Runs the collector until SIGTERM, SIGINT or SIGHUP; a second signal ends it at once.

--exchange ID …    a stream that needs no command; each --exchange opens a group. --symbols "*" is every market
${SETTINGS_USAGE}`,
  async run(args) {
    const view = new LiveView(standardError, process.stderr, process.stdin);
    let pretty = view.interactive;
    try {
      const read = readArgs('run', args, {
        ...SETTINGS_FLAGS,
        exchange: 'string',
        type: 'string',
        symbols: 'string',
      });
      const groups = streamGroups(read.flags);
      const settings = settingsOf(read, groups.length > 0 ? { streams: groups } : {});
      if (settings.log.format !== 'auto') pretty = settings.log.format === 'text';
      return await collect(settings, view, pretty, doubtsOf(read));
    } catch (error) {
      const stopping = error instanceof Fault && ['undelivered', 'stop_incomplete'].includes(error.code);
      const phase = stopping ? 'stop' : 'start';
      return tellFailure(error, pretty ? 'text' : { phase });
    }
  },
};

async function collect(
  settings: Settings,
  view: LiveView,
  pretty: boolean,
  doubts: readonly string[],
): Promise<ExitCode> {
  const log = createLog(settings.log.level, pretty, pretty ? view : undefined);
  watchProcess(log);
  for (const doubt of doubts) log.warn({ phase: 'config' }, doubt);
  const manager = serviceManager(process.env);
  const signal = firstSignal();
  let stop: Stop = async () => ({ undelivered: 0, messages: 0, streams: [], hung: [] });
  const started = startCollector(settings, log, (how) => {
    stop = how;
  });
  // A signal while services are still being waited for ends the wait.
  const collector = await Promise.race([started, signal.then(() => null)]);
  if (collector === null) started.catch(() => {});
  else {
    view.start(collector);
    if (manager) tellReady(manager, collector);
  }
  const why = await Promise.race([signal, collector?.messaging.lost ?? signal]);
  view.stop();
  manager?.notify('STOPPING=1');
  if (typeof why === 'string')
    log.info({ phase: 'stop', signal: why }, 'stopping: sockets close, rows in hand are delivered');
  const { timeout_ms } = settings.shutdown;
  // Where even the bounds of the stop do not hold.
  systemClock.after(timeout_ms + LAST_RESORT_MS, () => {
    log.fatal({ phase: 'stop', exit: EXIT.unavailable }, `the stop did not end within ${timeout_ms} ms`);
    process.exit(EXIT.unavailable);
  });
  const left = await stop();
  const fault = faultOf(left, timeout_ms, typeof why === 'string' ? null : why);
  if (fault) throw fault;
  log.info({ phase: 'stop' }, 'stopped, everything received is acknowledged');
  return EXIT.ok;
}

/** How much later than it should a stop may end, in ms, before it is ended by force. */
const LAST_RESORT_MS = 250;

/** What a stop has to say where it left something behind. @param lost why the way out was gone before */
function faultOf(left: LeftBehind, timeoutMs: number, lost: Fault | null): Fault | null {
  const { undelivered, messages, kept = 0, streams, hung } = left;
  const ended = hung.length === 0 ? '' : ` Not ended by then: ${hung.join(', ')}.`;
  if (undelivered + messages > 0) {
    const named = streams.length === 0 ? '' : `, of ${streams.join(', ')}`;
    const rows = `${undelivered} rows (${messages} messages in all)`;
    if (lost)
      return new Fault(lost.code, lost.subject, `${rows} were not written: ${lost.message}`, lost.remedy);
    if (kept > 0 && kept >= messages)
      return new Fault(
        'undelivered',
        'the broker',
        `${rows} were not acknowledged within ${timeoutMs} ms${named}. Nothing is lost: they lie in the outbox.${ended}`,
        'Look after the broker, and start again: the next start sends them.',
      );
    return new Fault(
      'undelivered',
      'the broker',
      `${rows} were not acknowledged within ${timeoutMs} ms${named}.${ended}`,
      'Look after the broker; a longer shutdown.timeout_ms waits longer.',
    );
  }
  if (hung.length === 0) return null;
  return new Fault(
    'stop_incomplete',
    hung.join(', '),
    `did not end within ${timeoutMs} ms; everything received is acknowledged.`,
    'Look after the service behind it; a longer shutdown.timeout_ms waits longer.',
  );
}

/** What was said of a fault that ends the program is read, or nobody reads it; in ms. */
const LAST_WORDS_MS = 250;

/** What the runtime would write as text between the log lines becomes one; a fault that nothing caught ends the program. */
function watchProcess(log: Log): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => log.warn({ phase: 'process', err: warning }, warning.message));
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (error: unknown) => {
      const exit = EXIT.software;
      log.fatal({ phase: 'process', error_code: 'unknown_error', exit, err: error }, describe(error));
      void standardError.flush(LAST_WORDS_MS).then(() => process.exit(exit));
    });
}

/** `bun run` passes on a signal that the terminal has sent to us as well: both are one. */
const SAME_SIGNAL_MS = 100;

/** Resolves with the first signal; the second one ends the process at once. */
function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    let firstMs = Number.POSITIVE_INFINITY;
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      // Whoever started us with nohup wants us to outlive the terminal.
      if (name === 'SIGHUP' && hangupIsIgnored()) continue;
      process.on(name, () => {
        const nowMs = systemClock.now();
        if (nowMs - firstMs > SAME_SIGNAL_MS) process.exit(EXIT.unavailable);
        firstMs = Math.min(firstMs, nowMs);
        resolve(name);
      });
    }
  });
}

/** Whether SIGHUP was ignored when the program was started, as by nohup; false where the system does not tell. */
function hangupIsIgnored(): boolean {
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
    return (BigInt(`0x${ignored}`) & 1n) === 1n;
  } catch {
    return false;
  }
}
