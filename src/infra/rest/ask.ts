import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { abortAfter, type Clock } from '../../common/clock.ts';
import type { Micros } from '../../core/market/market.ts';

export interface AskOptions {
  readonly clock: Clock;
  /** Bound of the whole exchange, connecting and the last byte of the body included, in ms. */
  readonly timeoutMs: number;
  /** Longest body, as it comes over the line and as it is inflated, in bytes. */
  readonly maxBytes: number;
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** HTTP proxy; null: none. */
  readonly proxy?: string | null;
  /** PEM of a private certificate authority; null: the system's. */
  readonly ca?: string | null;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Our clock when the head of the answer was there. */
  readonly answeredAt: Micros;
  /** Media type in lower case without its parameters; empty where the answer names none. */
  readonly mediaType: string;
  readonly text: string;
}

/** Redirects within one host that are followed. */
const MOST_REDIRECTS = 3;

/**
 * One HTTP request to somebody else's server, bounded in time and size. Bun would inflate by itself and follow any
 * redirect; here the body is counted before and while it is inflated, and a redirect to another host is an error that
 * names it.
 * @throws Error saying what was wrong, without the address
 */
export async function ask(url: string, options: AskOptions): Promise<Answer> {
  const { clock, timeoutMs } = options;
  const late = (): Error => new Error(`did not answer in full within ${timeoutMs} ms`);
  const { signal, cancel } = abortAfter(clock, timeoutMs, late);
  try {
    return await follow(url, options, signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    cancel();
  }
}

async function follow(url: string, options: AskOptions, signal: AbortSignal): Promise<Answer> {
  let at = url;
  for (let redirects = 0; ; redirects++) {
    const response = await request(at, options, signal);
    const next = await redirection(response, at);
    if (next === null) return read(response, options, signal);
    if (redirects === MOST_REDIRECTS) throw new Error(`redirects more than ${MOST_REDIRECTS} times`);
    at = next;
  }
}

function request(url: string, options: AskOptions, signal: AbortSignal): Promise<Response> {
  const { method = 'GET', headers = {}, body, proxy, ca } = options;
  return fetch(url, {
    method,
    headers: { 'accept-encoding': 'gzip', ...headers },
    redirect: 'manual',
    decompress: false,
    signal,
    ...(body === undefined ? {} : { body }),
    ...(proxy ? { proxy } : {}),
    ...(ca ? { tls: { ca } } : {}),
  });
}

/** Where the answer sends us; null: nowhere. @throws Error where that is another host */
async function redirection(response: Response, from: string): Promise<string | null> {
  const { status, headers } = response;
  if (![301, 302, 303, 307, 308].includes(status)) return null;
  await response.body?.cancel();
  const location = headers.get('location') ?? '';
  const target = URL.parse(location, from);
  if (target === null) throw new Error(`answered HTTP ${status} and names no address to go to`);
  if (target.origin !== new URL(from).origin)
    throw new Error(`HTTP ${status} redirects to ${target.origin}, which is another host: not followed`);
  return target.href;
}

async function read(
  response: Response,
  { clock, maxBytes }: AskOptions,
  signal: AbortSignal,
): Promise<Answer> {
  const { status, headers } = response;
  const answeredAt = clock.micros();
  const mediaType = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const bytes = await inflated(response, maxBytes, signal);
  return { status, headers, answeredAt, mediaType, text: new TextDecoder().decode(bytes) };
}

async function inflated(response: Response, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const encoding = (response.headers.get('content-encoding') ?? 'identity').trim().toLowerCase();
  const raw = await collect(response.body ?? [], maxBytes, signal);
  // What has no body is not encoded, whatever the head says.
  if (encoding === 'identity' || encoding === '' || raw.length === 0) return raw;
  const inflater = inflaterOf(encoding);
  if (inflater === null) throw new Error(`answered in the encoding ${encoding}, which was not asked for`);
  inflater.end(raw);
  return collect(inflater, maxBytes, signal);
}

function inflaterOf(encoding: string) {
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip();
  if (encoding === 'deflate') return createInflate();
  return encoding === 'br' ? createBrotliDecompress() : null;
}

/** All of it, up to `maxBytes`; leaving the loop lets go of the source. */
async function collect(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    length += chunk.length;
    if (length > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts, length);
}

/**
 * The JSON document of an answer. What a proxy or a login page says in its place is named by its media type.
 * @throws Error
 */
export function jsonOf({ mediaType, text }: Pick<Answer, 'mediaType' | 'text'>): unknown {
  const beginning = text.trimStart().slice(0, 80).replace(/\s+/g, ' ');
  const named = mediaType === '' ? 'without a content type' : mediaType;
  if (/\b(html|xml)\b/.test(mediaType))
    throw new Error(`answered with ${named}, not with JSON: ${beginning}`);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error(`did not answer with JSON (${named}): ${beginning || 'nothing'}`);
  }
}
