export interface FetchOptions {
  readonly timeoutMs: number;
  /** HTTP proxy; null: none. */
  readonly proxy: string | null;
  /** PEM of a private certificate authority; null: the system's. */
  readonly ca: string | null;
  /** Told of the answer's `Date` header, epoch ms, as soon as it is there. */
  readonly dated?: (ms: number) => void;
}

/** Market lists are a few megabytes; more is not one. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * GETs a JSON document.
 * @throws Error with the address and what was wrong: no answer in time, a status other than 200, not JSON, too long
 */
export async function fetchJson(
  url: string,
  { timeoutMs, proxy, ca, dated }: FetchOptions,
): Promise<unknown> {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(timeoutMs),
    ...(proxy === null ? {} : { proxy }),
    ...(ca === null ? {} : { tls: { ca } }),
  });
  const date = Date.parse(response.headers.get('date') ?? '');
  // An answer out of a cache has the date of its first sending.
  const fresh = Number(response.headers.get('age') ?? 0) === 0;
  if (fresh && !Number.isNaN(date)) dated?.(date);
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url} answered HTTP ${response.status}`);
  }
  if (Number(response.headers.get('content-length') ?? 0) > MAX_BYTES) {
    await response.body?.cancel();
    throw new Error(`${url} is longer than ${MAX_BYTES} bytes`);
  }
  try {
    return await response.json();
  } catch (error) {
    throw new Error(`${url} did not answer with JSON`, { cause: error });
  }
}
