import type { Command, FieldError, Reason } from './command.ts';
import { type CommandShape, commandShape } from './shape.ts';

/** What a record of `ws.command` turned out to be. */
export type Parsed =
  | { readonly kind: 'command'; readonly command: Command }
  /** A message of another kind on the same topic. */
  | { readonly kind: 'foreign'; readonly type: string }
  | Malformed;

export interface Malformed {
  readonly kind: 'malformed';
  readonly reason: Reason;
  /** Every offending field, up to a bound. */
  readonly errors: readonly FieldError[];
  /** As far as it can be read. */
  readonly correlationId: string | null;
  readonly target: Readonly<Record<string, unknown>> | null;
}

/** More than any exchange has markets; bounds the work that a hostile record can ask for. */
const MAX_ELEMENTS = 5000;
const MAX_ERRORS = 1000;
/** What is said of a field that is not there. */
export const REQUIRED = 'is required';
const MAX_TEXT = 200;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads the value of a record. Total: any bytes give an answer, and none costs more than reading it.
 * @param recordMs time of the record, epoch ms; stands for a missing `ts_issue`
 */
export function parseCommand(value: Uint8Array | null, recordMs: number): Parsed {
  if (value === null) return malformed('tombstone', 'a command is a JSON object');
  let text: string;
  try {
    text = utf8.decode(value);
  } catch {
    return malformed('not_utf8', 'is not UTF-8');
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return malformed('not_json', clip(error instanceof Error ? error.message : 'is not JSON'));
  }
  return read(json, recordMs);
}

function read(json: unknown, recordMs: number): Parsed {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return malformed('invalid_command', 'must be a JSON object');
  }
  const record = json as Readonly<Record<string, unknown>>;
  const type = typeof record.type === 'string' ? record.type.trim() : null;
  if (type !== null && type !== 'command' && type !== 'status') return { kind: 'foreign', type: clip(type) };
  const tooLong = Object.entries(record).filter(
    ([, field]) => Array.isArray(field) && field.length > MAX_ELEMENTS,
  );
  if (tooLong.length > 0) {
    const message = `must have at most ${MAX_ELEMENTS} elements`;
    return rejected(
      record,
      tooLong.map(([path]) => ({ path: clip(path), message })),
    );
  }
  const shape = commandShape.safeParse(record);
  const errors = shape.success ? beyondShape(shape.data) : fieldErrors(shape.error.issues);
  if (Object.hasOwn(record, '__proto__')) errors.push({ path: '__proto__', message: 'is not a field' });
  if (!shape.success || errors.length > 0) return rejected(record, errors);
  return { kind: 'command', command: commandOf(shape.data, recordMs) };
}

function commandOf(data: CommandShape, recordMs: number): Command {
  const { exchange, region, request_type } = data.target;
  return {
    action: data.action,
    target: { exchange, region, request_type },
    symbols: [...new Set(data.symbols ?? [])],
    correlationId: data.correlation_id ?? data.ticket_id ?? null,
    issuedAtMs: data.ts_issue ?? recordMs,
    ttlMs: data.ttl_ms ?? null,
    url: data.connection?.url ?? null,
    socketParams: Object.keys(data.connection?.socket_params ?? {}).length > 0,
  };
}

/** Rules between fields. */
function beyondShape({ action, symbols }: CommandShape): FieldError[] {
  const errors: FieldError[] = [];
  if ((action === 'connect_and_subscribe' || action === 'unsubscribe') && !symbols) {
    errors.push({ path: 'symbols', message: `is required for ${action}` });
  }
  if (symbols && symbols.length > 1) {
    symbols.forEach((symbol, at) => {
      if (symbol === '*') errors.push({ path: `symbols.${at}`, message: '"*" stands alone' });
    });
  }
  return errors;
}

interface Issue {
  readonly code?: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}

function fieldErrors(issues: readonly Issue[]): FieldError[] {
  const errors: FieldError[] = [];
  for (const issue of issues) {
    const paths =
      issue.code === 'unrecognized_keys' && issue.keys
        ? issue.keys.map((key) => [...issue.path, key])
        : [issue.path];
    for (const path of paths) {
      if (errors.length === MAX_ERRORS) return errors;
      errors.push({ path: clip(path.join('.')), message: wording(issue) });
    }
  }
  return errors;
}

function wording({ code, message }: Issue): string {
  if (code === 'unrecognized_keys') return 'is not a field of a command';
  return message.endsWith('received undefined') ? REQUIRED : clip(message);
}

function rejected(record: Readonly<Record<string, unknown>>, errors: readonly FieldError[]): Malformed {
  const correlation = [record.correlation_id, record.ticket_id].find(
    (id) => typeof id === 'string' && id !== '',
  );
  return {
    kind: 'malformed',
    reason: 'invalid_command',
    errors,
    correlationId: typeof correlation === 'string' ? clip(correlation.trim()) : null,
    target: namedTarget(record.target),
  };
}

/** The target as the sender wrote it, for whoever reads the dead letter. */
function namedTarget(target: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof target !== 'object' || target === null) return null;
  const named = Object.entries(target).filter(
    ([key, value]) => ['exchange', 'region', 'request_type'].includes(key) && typeof value === 'string',
  );
  return named.length === 0
    ? null
    : Object.fromEntries(named.map(([key, value]) => [key, clip(String(value))]));
}

function malformed(reason: Reason, message: string): Malformed {
  return { kind: 'malformed', reason, errors: [{ path: '', message }], correlationId: null, target: null };
}

function clip(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
