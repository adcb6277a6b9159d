import pino, { type Logger } from 'pino';
import { standardError } from './line-output.ts';
import { escapeControls, mask, maskText } from './log-text.ts';

export type Log = Logger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** What part of the work a log line is about; a closed set, so that lines can be filtered by it. */
export const PHASES = [
  'start',
  'stop',
  'config',
  'preflight',
  'markets',
  'command',
  'connect',
  'subscription_ack',
  'heartbeat_send',
  'watchdog_idle',
  'connection_error',
  'reconnect',
  'rotation',
  'parse',
  'merge',
  'batch_control',
  'produce',
  'breaker',
  'backpressure',
  'gap',
  'state',
  'lease',
  'metrics',
  'http',
  'process',
] as const;
export type Phase = (typeof PHASES)[number];

/** Keys that carry meaning in log lines; all else is free detail. */
export interface LogFields {
  readonly phase: Phase;
  readonly exchange?: string;
  readonly region?: string;
  readonly request_type?: string;
  readonly correlation_id?: string | null;
  readonly connection_id?: string;
  readonly code?: string;
  readonly [detail: string]: unknown;
}

/** Where log lines go. Writing must not wait. */
export interface LogDestination {
  write(line: string): void;
  /** Whether lines are dropped now, so that none need be made. */
  readonly full?: boolean;
  drop?(): void;
  onResume?(tell: (lines: number) => void): void;
}

const FATAL = 60;

/**
 * The program's log: one JSON object a line (`ts level msg` and the fields above), readable text where `pretty`.
 * Standard output belongs to data, so the destination is standard error unless a test gives another. Lines are made
 * safe here, once: secrets are masked, and what would steer a terminal is escaped.
 */
export function createLog(
  level: LogLevel,
  pretty: boolean,
  destination: LogDestination = standardError,
): Log {
  const log: Log = pino(
    {
      level,
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      // Errors are made plain by `mask`; the standard serializer would write their words as they are.
      serializers: { err: (error: unknown) => error },
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => mask(fields) as Record<string, unknown>,
      },
      hooks: {
        logMethod(args, method, severity) {
          if (destination.full && severity < FATAL) return destination.drop?.();
          const [first, ...rest] = args as unknown[];
          // Of an error alone its words would be the message as they are.
          const own = first instanceof Error ? [{ err: first }, first.message, ...rest] : args;
          method.apply(
            this,
            own.map((arg) => (typeof arg === 'string' ? maskText(arg) : arg)) as typeof args,
          );
        },
      },
    },
    { write: (line: string) => destination.write(pretty ? readable(line) : oneLine(line)) },
  );
  destination.onResume?.((lines) =>
    log.warn(
      { phase: 'process', dropped: lines },
      `${lines} log lines were dropped: nobody read them in time`,
    ),
  );
  return log;
}

/** JSON escapes the older half of the control characters by itself; the rest stands in texts only. */
function oneLine(line: string): string {
  return `${escapeControls(line.trimEnd())}\n`;
}

const COLOURS: Record<string, string> = { warn: '\u001b[33m', error: '\u001b[31m', fatal: '\u001b[31;1m' };

/** One log line for a terminal: time, level, message, then what is left as `key=value`. */
function readable(line: string): string {
  const { ts, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const colour = COLOURS[String(level)] ?? '';
  const details = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .map(escapeControls)
    .join(' ');
  const head = `${String(ts).slice(11, 23)} ${String(level).padEnd(5)} ${escapeControls(String(msg))}`;
  return `${colour}${head}${colour ? '\u001b[0m' : ''}${details ? `  \u001b[2m${details}\u001b[0m` : ''}\n`;
}
