import type { ErrorCode } from '../../common/errors.ts';
import { type Command, type FieldError, REASONS, type Reason } from '../../core/commands/command.ts';
import { type Malformed, REQUIRED } from '../../core/commands/parse.ts';
import type { Answer } from '../../core/desired/answer.ts';
import type { StreamEvent } from '../../core/events.ts';
import type { DeadLetter } from '../reporting/reporter.ts';
import type { CommandReply } from '../state-store.ts';

/** A record of the command topic, as it came. */
export interface CommandRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The record's own time, epoch ms. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** Bytes of a refused record that go into its dead letter, so that the letter fits where the record barely did. */
const MAX_RAW_BYTES = 192 * 1024;
/** A refused command up to this size is also shown with its fields. */
const MAX_SHOWN_BYTES = 64 * 1024;
const MAX_SHOWN_NESTING = 100;
const MAX_KEY = 256;
/** Errors that a reply lists; the dead letter has them all. */
const REPLY_ERRORS = 20;
const REASON_ERRORS = 5;

/**
 * The id of the reply to a record: a UUID (version 8) made of where the record lies and what it holds, so that a
 * record that comes again gets the same one, and one at the same place of a topic made anew another.
 */
export function replyIdOf(group: string, record: CommandRecord): string {
  const { topic, partition, offset, timestampMs, value } = record;
  const hash = new Bun.CryptoHasher('sha256');
  hash.update(JSON.stringify([group, topic, partition, offset, timestampMs, value === null]));
  if (value) hash.update(value);
  const bytes = hash.digest();
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export function malformedReply(replyId: string, { reason, errors, correlationId }: Malformed): CommandReply {
  return {
    replyId,
    target: null,
    correlationId,
    outcome: 'refused',
    reason,
    resolved: [],
    errors,
    detail: null,
  };
}

export function commandReply(replyId: string, command: Command, answer: Answer): CommandReply {
  const { outcome, reason, resolved, errors, detail } = answer;
  return {
    replyId,
    target: command.target,
    correlationId: command.correlationId,
    outcome,
    reason,
    resolved,
    errors,
    detail: { action: command.action, ...detail },
  };
}

/** The reply as an event. */
export function replyEvent(reply: CommandReply): StreamEvent {
  const { errors, reason } = reply;
  const message = reason === null ? null : REASONS[reason as Reason];
  return {
    kind: 'reply',
    target: reply.target,
    correlationId: reply.correlationId,
    replyId: reply.replyId,
    outcome: reply.outcome,
    reason,
    resolved: reply.resolved,
    detail: {
      ...reply.detail,
      ...(message === null ? {} : { message }),
      ...(errors.length === 0 ? {} : { errors: errors.slice(0, REPLY_ERRORS), errors_total: errors.length }),
    },
  };
}

/** The refused record with everything that is wrong with it. */
export function refusedLetter(
  record: CommandRecord,
  reply: CommandReply,
  target: Readonly<Record<string, unknown>> | null,
): DeadLetter {
  const { value, key } = record;
  const kept = value?.subarray(0, MAX_RAW_BYTES) ?? null;
  return {
    reason: reasonText(reply.reason, reply.errors),
    target,
    key: key === null ? null : new TextDecoder().decode(key.subarray(0, MAX_KEY)),
    correlationId: reply.correlationId,
    rawContext: {
      ...fieldsOf(value),
      topic: record.topic,
      partition: record.partition,
      offset: record.offset,
      timestamp_ms: record.timestampMs,
      value_base64: kept === null ? null : Buffer.from(kept).toString('base64'),
      value_bytes: value?.length ?? null,
      truncated: value !== null && value.length > MAX_RAW_BYTES,
    },
    detail: {
      error_code: refusalCode(reply),
      validation_error: reply.reason,
      reply_id: reply.replyId,
      errors: reply.errors,
      ...(reply.detail ?? {}),
    },
  };
}

/** What a refusal is by the error table. */
export function refusalCode({ reason, errors }: Pick<CommandReply, 'reason' | 'errors'>): ErrorCode {
  if (errors.some(({ message }) => message === REQUIRED)) return 'missing_field';
  return MALFORMED.has(reason ?? '') ? 'invalid_schema' : 'command_refused';
}

const MALFORMED = new Set<string>([
  'tombstone',
  'not_utf8',
  'not_json',
  'invalid_command',
] satisfies Reason[]);

/** The command as it was sent, so that nobody has to decode it to read it; nothing where it is none, or is long. */
function fieldsOf(value: Uint8Array | null): Readonly<Record<string, unknown>> {
  if (value === null || value.length > MAX_SHOWN_BYTES) return {};
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(value);
    // What is nested without end can be read but not written again.
    if (nesting(text) > MAX_SHOWN_NESTING) return {};
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? { ...json } : {};
  } catch {
    return {};
  }
}

/** At least the depth of a JSON text: brackets inside its strings count too. */
function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const sign of text) {
    if (sign === '{' || sign === '[') deepest = Math.max(deepest, ++depth);
    else if (sign === '}' || sign === ']') depth--;
  }
  return deepest;
}

function reasonText(reason: string | null, errors: readonly FieldError[]): string {
  const first = errors.slice(0, REASON_ERRORS).map(({ path, message }) => `${path} ${message}`.trim());
  const more = errors.length > REASON_ERRORS ? `; and ${errors.length - REASON_ERRORS} more` : '';
  return first.length === 0 ? String(reason) : `${reason}: ${first.join('; ')}${more}`;
}
