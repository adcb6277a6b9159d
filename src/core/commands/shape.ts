import { z } from 'zod';
import { ACTIONS } from './command.ts';

/** A string that says something, trimmed. */
function text(max: number) {
  return z.string().trim().min(1).max(max);
}

const optionalText = text(256).nullish();
const epochMs = z.int().nonnegative();
/** Looked at from outside only: what lies in it, and how deep, is the sender's affair. */
const anyObject = z.custom<object>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object',
);
const objectOrArray = z.custom<object>(
  (value) => typeof value === 'object' && value !== null,
  'must be an object or an array',
);

/** The fields of a command. Unknown ones are refused, so that a misspelt field is not taken for an absent one. */
export const commandShape = z.strictObject({
  type: z
    .string()
    .trim()
    .pipe(z.enum(['command', 'status'])),
  action: z.string().trim().pipe(z.enum(ACTIONS)),
  target: z.strictObject({
    exchange: text(64),
    region: text(64),
    request_type: text(64),
    ticket_id: optionalText,
  }),
  symbols: z.array(text(64)).nullish(),
  connection: z
    .strictObject({
      url: text(2048).nullish(),
      socket_params: objectOrArray.nullish(),
      ticket_id: optionalText,
    })
    .nullish(),
  correlation_id: optionalText,
  ticket_id: optionalText,
  ttl_ms: z.int().positive().nullish(),
  ts_issue: epochMs.nullish(),
  ts_ingest: epochMs.nullish(),
  timestamp: z.string().nullish(),
  schema_version: z.string().nullish(),
  projection: z.array(z.string()).nullish(),
  routing: anyObject.nullish(),
  reason: z.string().nullish(),
  meta: anyObject.nullish(),
});

export type CommandShape = z.infer<typeof commandShape>;
