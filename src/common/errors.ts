/** Exit codes of the program. */
export const EXIT = {
  /** Clean stop. */
  ok: 0,
  /** Done, and what was looked at is not as it should be. */
  found: 1,
  /** The command line is wrong. */
  usage: 64,
  /** A needed service is not there, or rows were undelivered at the stop deadline. */
  unavailable: 69,
  /** A fault of the program itself. */
  software: 70,
  /** Configuration, preflight, or a port in use. */
  config: 78,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export type Severity = 'critical' | 'warning' | 'info';
export type Domain =
  | 'connection'
  | 'protocol'
  | 'payload'
  | 'deserialization'
  | 'orchestrator'
  | 'cache'
  | 'configuration'
  | 'unknown';

export interface ErrorRule {
  readonly domain: Domain;
  readonly severity: Severity;
  /** Published on `ws.error`. */
  readonly toError: boolean;
  /** Published on `ws.dlq`. */
  readonly toDlq: boolean;
  readonly log: 'fatal' | 'error' | 'warn' | 'info';
  /** Trying again can succeed without anybody changing anything. */
  readonly retryable: boolean;
  /** Exit code where the error ends the program; null where it never does. */
  readonly exit: ExitCode | null;
  /** What it means, for the reference page. */
  readonly meaning: string;
}

function rule(
  domain: Domain,
  severity: Severity,
  publish: 'error' | 'dlq' | 'error+dlq' | 'log',
  retryable: boolean,
  exit: ExitCode | null,
  meaning: string,
): ErrorRule {
  const log = severity === 'critical' ? 'error' : severity === 'warning' ? 'warn' : 'info';
  return {
    domain,
    severity,
    toError: publish.includes('error'),
    toDlq: publish.includes('dlq'),
    log: exit === null ? log : 'fatal',
    retryable,
    exit,
    meaning,
  };
}

/**
 * Every error code of the program, in one table, however long. Codes are stable: alerts and consumers match them.
 */
export const ERRORS = {
  connect_failed: rule('connection', 'critical', 'error', true, null, 'A socket could not be opened.'),
  exchange_unreachable: rule(
    'connection',
    'critical',
    'log',
    true,
    EXIT.unavailable,
    'An exchange that a command of the program needs cannot be reached.',
  ),
  disconnect_failed: rule('connection', 'critical', 'error', true, null, 'A socket ended against our will.'),
  connection_refused: rule(
    'connection',
    'critical',
    'error',
    true,
    null,
    'The exchange refused the connection (HTTP status or ban).',
  ),
  local_fault: rule(
    'connection',
    'critical',
    'error',
    true,
    null,
    'This machine could not open a socket: its files, ports, network or resolver. The exchange is not charged with it.',
  ),
  connection_idle: rule(
    'connection',
    'warning',
    'error',
    true,
    null,
    'A socket was alive but brought no data for too long.',
  ),
  subscription_refused: rule(
    'protocol',
    'warning',
    'error',
    true,
    null,
    'The exchange refused a symbol, in its own words.',
  ),
  subscription_unconfirmed: rule(
    'protocol',
    'warning',
    'error',
    true,
    null,
    'A symbol was subscribed but never confirmed and brought no data.',
  ),
  exchange_notice: rule(
    'protocol',
    'info',
    'log',
    true,
    null,
    'The exchange announced a restart; a new socket takes over.',
  ),
  deserialization_error: rule(
    'deserialization',
    'warning',
    'error+dlq',
    false,
    null,
    'A frame, or a row of it, could not be read.',
  ),
  invalid_schema: rule(
    'payload',
    'warning',
    'error+dlq',
    false,
    null,
    'A command does not have the shape of one.',
  ),
  missing_field: rule('payload', 'warning', 'error+dlq', false, null, 'A command lacks a required field.'),
  command_refused: rule(
    'payload',
    'warning',
    'dlq',
    false,
    null,
    'A well-formed command asks for what is not possible.',
  ),
  trades_missing: rule(
    'payload',
    'warning',
    'error',
    false,
    null,
    'Trade ids skipped: trades were never received.',
  ),
  message_rejected: rule(
    'payload',
    'critical',
    'error+dlq',
    false,
    EXIT.unavailable,
    'The broker refused a message for good.',
  ),
  market_list_failed: rule(
    'connection',
    'warning',
    'error',
    true,
    null,
    'A market list could not be fetched or read.',
  ),
  book_fetch_failed: rule(
    'connection',
    'warning',
    'error',
    true,
    null,
    'An order book that comes over REST could not be fetched.',
  ),
  trades_fetch_failed: rule(
    'connection',
    'warning',
    'error',
    true,
    null,
    'Trades that were missed could not be fetched over REST.',
  ),
  broker_unavailable: rule(
    'connection',
    'critical',
    'log',
    true,
    EXIT.unavailable,
    'No Kafka broker answers.',
  ),
  registry_unavailable: rule(
    'connection',
    'critical',
    'log',
    true,
    EXIT.unavailable,
    'No schema registry answers.',
  ),
  registry_changed: rule(
    'configuration',
    'critical',
    'error',
    false,
    null,
    'The schema registry no longer gives our schemas back under the ids that messages bear: readers cannot decode them.',
  ),
  redis_unavailable: rule(
    'cache',
    'critical',
    'error',
    true,
    EXIT.unavailable,
    'Redis does not answer, or takes no writes.',
  ),
  lease_lost: rule(
    'cache',
    'warning',
    'error',
    false,
    null,
    'Rows that were still waiting when the lease of their shard had ended; a gap says when they were received.',
  ),
  cache_conflict: rule(
    'cache',
    'warning',
    'error',
    true,
    null,
    'State was changed by another collector in between and is read again, or another process runs under the same COLLECTOR_ID.',
  ),
  state_lost: rule(
    'cache',
    'critical',
    'error',
    true,
    null,
    'The state store had lost what shall run; a living collector wrote it back.',
  ),
  dlq_publish_failed: rule(
    'connection',
    'critical',
    'error',
    true,
    null,
    'A dead letter could not be published.',
  ),
  message_dropped: rule(
    'connection',
    'warning',
    'error',
    true,
    null,
    'Messages about the data gave way to others, because Kafka took none for long.',
  ),
  undelivered: rule(
    'connection',
    'critical',
    'error',
    true,
    EXIT.unavailable,
    'Rows were not acknowledged before the stop deadline.',
  ),
  stop_incomplete: rule(
    'unknown',
    'critical',
    'log',
    true,
    EXIT.unavailable,
    'A part of the program did not end before the stop deadline; everything received is acknowledged.',
  ),
  usage: rule('configuration', 'critical', 'log', false, EXIT.usage, 'The command line is wrong.'),
  config_invalid: rule(
    'configuration',
    'critical',
    'log',
    false,
    EXIT.config,
    'A setting is unknown, missing or wrong.',
  ),
  config_unreadable: rule(
    'configuration',
    'critical',
    'log',
    false,
    EXIT.config,
    'A settings file cannot be read.',
  ),
  install_failed: rule(
    'configuration',
    'critical',
    'log',
    false,
    EXIT.config,
    'A part of the service cannot be put in place on this machine.',
  ),
  schema_missing: rule(
    'configuration',
    'critical',
    'log',
    false,
    EXIT.config,
    'A schema is not in the registry and may not be registered.',
  ),
  schema_incompatible: rule(
    'configuration',
    'critical',
    'log',
    false,
    EXIT.config,
    'A schema cannot follow the one in the registry.',
  ),
  schema_invalid: rule('configuration', 'critical', 'log', false, EXIT.config, 'A schema file is not Avro.'),
  topic_missing: rule(
    'configuration',
    'critical',
    'log',
    false,
    EXIT.config,
    'A topic is not there and may not be created.',
  ),
  port_in_use: rule('configuration', 'critical', 'log', false, EXIT.config, 'The HTTP port is taken.'),
  addon_unavailable: rule(
    'configuration',
    'critical',
    'log',
    false,
    EXIT.config,
    'The Kafka addon cannot be loaded.',
  ),
  input_unreadable: rule(
    'configuration',
    'critical',
    'log',
    false,
    EXIT.usage,
    'A file named on the command line cannot be read.',
  ),
  outbox_unavailable: rule(
    'cache',
    'critical',
    'error',
    true,
    null,
    'The outbox takes no messages, because its folder, or the disk, does not; they go on in memory alone.',
  ),
  outbox_damaged: rule(
    'cache',
    'critical',
    'error',
    false,
    null,
    'Messages that lay in the outbox cannot be read any more.',
  ),
  unknown_error: rule(
    'unknown',
    'critical',
    'error+dlq',
    false,
    EXIT.software,
    'A fault of the program itself.',
  ),
} as const satisfies Record<string, ErrorRule>;

export type ErrorCode = keyof typeof ERRORS;

/** The program's one error class: what happened, to which thing, and what to do. */
export class Fault extends Error {
  readonly code: ErrorCode;
  /** The thing it happened to: a topic, a path, an address without secrets. */
  readonly subject: string;
  readonly remedy: string;

  constructor(code: ErrorCode, subject: string, message: string, remedy: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'Fault';
    this.code = code;
    this.subject = subject;
    this.remedy = remedy;
  }

  get rule(): ErrorRule {
    return ERRORS[this.code];
  }
}

/** The exit code an error ends the program with. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof Fault ? (error.rule.exit ?? EXIT.software) : EXIT.software;
}

/** One line for people: code, which thing, what happened to it, what to do. */
export function describe(error: unknown): string {
  if (!(error instanceof Fault)) return `unknown_error: ${messageOf(error)}`;
  const { code, subject, message, remedy } = error;
  const what = message.startsWith(`${subject}: `) ? message : `${subject}: ${message}`;
  return `${code}: ${sentence(what)} ${remedy}`.trim();
}

/** On one line and with an end, whatever library the words come from. */
function sentence(words: string): string {
  const line = words.replace(/\s+/g, ' ').trim().replace(/\.\.$/, '.');
  return /[.!?…]$/.test(line) ? line : `${line}.`;
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
