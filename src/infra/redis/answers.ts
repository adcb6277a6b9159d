import { z } from 'zod';
import { Fault } from '../../common/errors.ts';
import { GAP_CAUSES } from '../../core/events.ts';

/**
 * What is stored under a key, where it is JSON of the shape that we write. Null where there is nothing, and where
 * somebody else's hand or program has been at it: both are nothing that we know.
 */
export function stored<T extends z.ZodType>(shape: T, value: unknown): z.infer<T> | null {
  if (typeof value !== 'string') return null;
  try {
    const read = shape.safeParse(JSON.parse(value));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}

const WHOLE = /^\d{1,16}$/;

/**
 * A whole number, 0 or more, as Redis gives it: a number, or its digits.
 * @param what the command or key, for the fault
 * @throws Fault redis_unavailable
 */
export function whole(what: string, value: unknown): number {
  const number = typeof value === 'string' && WHOLE.test(value) ? Number(value) : value;
  if (Number.isSafeInteger(number) && (number as number) >= 0) return number as number;
  throw new Fault(
    'redis_unavailable',
    what,
    `Redis answers what is no whole number: ${JSON.stringify(value)?.slice(0, 100)}.`,
    'See who else writes under redis.key_prefix, and whether it is Redis that answers there.',
  );
}

export const LISTINGS = z.object({
  at: z.number(),
  listings: z
    .array(z.object({ symbol: z.string().min(1), base: z.string().min(1), quote: z.string().min(1) }))
    .min(1),
});

export const SHUT_OUT = z.object({ untilMs: z.number(), reason: z.string() });

export const BREAKER = z.object({
  host: z.string(),
  state: z.enum(['closed', 'open', 'half_open']),
  since: z.number(),
  failures: z.array(z.number()),
  trials: z.int().nonnegative(),
  successes: z.int().nonnegative(),
  forced: z.boolean(),
});

export const COVERED = z.object({
  collector: z.string(),
  covered: z.array(
    z.object({
      until: z.number(),
      symbols: z.array(z.string()),
      gap_id: z.string().optional(),
      fence: z.number().optional(),
    }),
  ),
});

export const NEIGHBOUR = z.object({
  trade_id: z.string().min(1),
  timestamp: z.number(),
  fills: z.number(),
  price: z.number(),
  volume: z.number(),
  side: z.enum(['BUY', 'SELL', 'UNKNOWN']),
});

export const LAST_TRADE = NEIGHBOUR.extend({
  final: z.boolean().optional(),
  delivered: z.number().optional(),
});

export const FILL = z.object({
  name: z.string().min(1),
  gap: z.object({
    gap_id: z.string().min(1),
    from: z.number(),
    to: z.number(),
    cause: z.enum(GAP_CAUSES),
    first_missing_id: z.string().nullable(),
    last_missing_id: z.string().nullable(),
  }),
  symbol: z.string().min(1),
  since: z.number(),
  before: NEIGHBOUR.nullable(),
  after: NEIGHBOUR.nullable(),
  unsure: z.object({ since: z.number(), fence: z.number() }).optional(),
  fence: z.number().optional(),
  from: z.number(),
  to: z.number(),
  known: z.array(NEIGHBOUR),
  filled: z.object({ rows: z.number(), first_id: z.string().nullable(), last_id: z.string().nullable() }),
  result: z
    .object({
      state: z.enum(['complete', 'partial', 'impossible']),
      proof: z.enum(['ids', 'time', 'none']),
      reason: z.string().nullable(),
    })
    .nullable(),
});

export const COLLECTOR = z.looseObject({ exchanges: z.array(z.string()), stopping: z.boolean() });
