import pino, { type DestinationStream, type Logger } from 'pino';

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

const SECRET = /(password|secret|token|credential|sasl\.password|ssl\.key|basic\.auth)/i;
const USERINFO = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/@:]*):([^\s/]+)@/gi;

/** Hides passwords inside addresses: `redis://:***@host`. */
export function maskText(text: string): string {
  return text.replace(USERINFO, '$1$2:***@');
}

/** A copy of `value` in which every secret, by its key or inside an address, is masked. */
export function mask(value: unknown): unknown {
  if (typeof value === 'string') return maskText(value);
  if (Array.isArray(value)) return value.map(mask);
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      SECRET.test(key) && inner !== null && inner !== '' ? '***' : mask(inner),
    ]),
  );
}

/**
 * The program's log: one JSON object a line (`ts level msg` and the fields above), readable text where `pretty`.
 * Standard output belongs to data, so the destination is standard error unless a test gives another.
 */
export function createLog(level: LogLevel, pretty: boolean, destination?: DestinationStream): Log {
  const out = destination ?? pino.destination({ fd: 2, sync: true });
  return pino(
    {
      level,
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => mask(fields) as Record<string, unknown>,
      },
      hooks: {
        logMethod(args, method) {
          method.apply(
            this,
            args.map((arg) => (typeof arg === 'string' ? maskText(arg) : arg)) as typeof args,
          );
        },
      },
    },
    pretty ? { write: (line: string) => void out.write(readable(line)) } : out,
  );
}

const COLOURS: Record<string, string> = { warn: '\u001b[33m', error: '\u001b[31m', fatal: '\u001b[31;1m' };

/** One log line for a terminal: time, level, message, then what is left as `key=value`. */
function readable(line: string): string {
  const { ts, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const colour = COLOURS[String(level)] ?? '';
  const details = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' ');
  const head = `${String(ts).slice(11, 23)} ${String(level).padEnd(5)} ${msg}`;
  return `${colour}${head}${colour ? '\u001b[0m' : ''}${details ? `  \u001b[2m${details}\u001b[0m` : ''}\n`;
}
