import type { Clock } from '../../common/clock.ts';
import { messageOf } from '../../common/errors.ts';
import type { Micros } from '../../core/market/market.ts';
import { ask, jsonOf } from './ask.ts';

export interface FetchOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** HTTP proxy; null: none. */
  readonly proxy: string | null;
  /** PEM of a private certificate authority; null: the system's. */
  readonly ca: string | null;
  /** Told of the `Date` header (epoch ms) of a good answer, and when its head was there by our clock (epoch µs). */
  readonly dated?: (ms: number, answeredAt: Micros) => void;
}

/** Market lists are a few megabytes; more is not one. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * GETs a JSON document.
 * @throws Error with the address and what was wrong: no answer in time, a status other than 200, a redirect to another
 * host, not JSON, too long
 */
export async function fetchJson(url: string, { dated, ...options }: FetchOptions): Promise<unknown> {
  try {
    const headers = { accept: 'application/json' };
    const answer = await ask(url, { ...options, headers, maxBytes: MAX_BYTES });
    if (answer.status !== 200) throw new Error(`answered HTTP ${answer.status}`);
    const document = jsonOf(answer);
    const date = Date.parse(answer.headers.get('date') ?? '');
    // An answer out of a cache has the date of its first sending.
    const fresh = Number(answer.headers.get('age') ?? 0) === 0;
    if (fresh && !Number.isNaN(date)) dated?.(date, answer.answeredAt);
    return document;
  } catch (error) {
    throw new Error(`${url} ${messageOf(error)}`, { cause: error });
  }
}
