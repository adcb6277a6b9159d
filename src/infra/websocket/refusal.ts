/** What is known of an upgrade that the server refused. */
export interface Refusal {
  readonly status: number | null;
  readonly retryAfterMs: number | null;
  readonly reason: string;
}

const SWITCHING_PROTOCOLS = 101;

/**
 * Reads Bun's `handshake` event, which brings the server's answer to the upgrade: `statusCode`, `statusMessage` and
 * `rawHeaders`, names and values in turn. An answer that accepts the upgrade is no refusal.
 * @param nowMs wall clock in epoch milliseconds, for a `Retry-After` that names a date
 */
export function refusalOf(event: object, nowMs: number): Refusal {
  const { statusCode, statusMessage, rawHeaders } = answerOf(event);
  if (typeof statusCode !== 'number' || statusCode === SWITCHING_PROTOCOLS) {
    return { status: null, retryAfterMs: null, reason: '' };
  }
  const words = typeof statusMessage === 'string' ? statusMessage : '';
  const headers: unknown[] = Array.isArray(rawHeaders) ? rawHeaders : [];
  const at = headers.findIndex(
    (name, i) => i % 2 === 0 && typeof name === 'string' && name.toLowerCase() === 'retry-after',
  );
  return {
    status: statusCode,
    retryAfterMs: at < 0 ? null : retryAfter(headers[at + 1], nowMs),
    reason: `HTTP ${statusCode} ${words}`.trimEnd(),
  };
}

function answerOf(event: object): Record<string, unknown> {
  const data: unknown = 'data' in event ? event.data : null;
  return typeof data === 'object' && data !== null ? { ...data } : {};
}

/** A date of RFC 9110 §5.6.7 begins with the day of the week; `Date.parse` reads a date into almost anything. */
const HTTP_DATE = /^\s*(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? /i;

/** RFC 9110 §10.2.3: seconds, or a date. Null where it is neither. */
export function retryAfter(value: unknown, nowMs: number): number | null {
  if (typeof value !== 'string') return null;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  if (!HTTP_DATE.test(value)) return null;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
