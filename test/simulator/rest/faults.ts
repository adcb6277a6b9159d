import type { RestAnswer } from './service.ts';

/** How an exchange's REST service misbehaves. */
export interface RestFault {
  /** Only addresses (path and query) that contain this. */
  readonly path?: string | undefined;
  /** Answered with this status; 429 and 418 in the exchange's own words. */
  readonly status?: number | undefined;
  readonly retryAfterS?: number | undefined;
  /** Body of the answer, else that of the exchange. */
  readonly body?: string | undefined;
  /** A page for people instead, as a proxy in front of the exchange shows it. */
  readonly html?: boolean | undefined;
  /** Answered so much later. */
  readonly slowMs?: number | undefined;
  /** The body comes in ten parts over this time. */
  readonly dripMs?: number | undefined;
  /** The body ends in its middle: `text`: as if that were all; `connection`: the connection ends there. */
  readonly cut?: 'text' | 'connection' | undefined;
  readonly untilMs: number;
  /** Requests that it is still there for. */
  left: number;
}

const HTML =
  '<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Attention required</body></html>';
const PARTS = 10;

/** The fault that a request meets, counted. */
export function meets(fault: RestFault | null, address: string, nowMs: number): RestFault | null {
  if (!fault || fault.left <= 0 || nowMs >= fault.untilMs) return null;
  if (fault.path !== undefined && !address.includes(fault.path)) return null;
  fault.left--;
  return fault;
}

/** What goes out instead of an answer. @param said the exchange's own refusal of that status */
export function spoiled(answer: RestAnswer, fault: RestFault, said: RestAnswer | null): RestAnswer {
  const { status, body, html, retryAfterS } = fault;
  const worded = said && status !== undefined ? said : answer;
  const retry = retryAfterS === undefined ? {} : { 'Retry-After': String(retryAfterS) };
  const type = html ? { 'content-type': 'text/html; charset=UTF-8' } : {};
  const answered = status ?? worded.status;
  return {
    ...(answered !== undefined && { status: answered }),
    body: html ? HTML : (body ?? worded.body),
    headers: { ...worded.headers, ...retry, ...type },
  };
}

/** The body as it goes on the wire: whole, in parts, or not to its end. */
export function bodyOf(text: string, fault: RestFault | null): string | ReadableStream<Uint8Array> {
  const bytes = Buffer.from(text);
  const half = bytes.subarray(0, Math.floor(bytes.length / 2));
  if (fault?.cut === 'text') return half.toString();
  if (fault?.cut === 'connection') return parts([half], 0, true);
  if (fault?.dripMs === undefined) return text;
  const size = Math.max(1, Math.ceil(bytes.length / PARTS));
  const pieces = Array.from({ length: PARTS }, (_, nth) => bytes.subarray(nth * size, (nth + 1) * size));
  return parts(
    pieces.filter(({ length }) => length > 0),
    fault.dripMs / PARTS,
    false,
  );
}

function parts(pieces: readonly Uint8Array[], everyMs: number, broken: boolean): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async start(controller) {
      for (const piece of pieces) {
        controller.enqueue(piece);
        // What was sent must be on its way before the next, or the end.
        await Bun.sleep(everyMs);
      }
      // Without a reason the server prints none.
      if (broken) controller.error(undefined);
      else controller.close();
    },
  });
}
