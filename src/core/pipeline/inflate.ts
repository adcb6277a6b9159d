import { gunzipSync } from 'node:zlib';

/** A frame may inflate to this many bytes; market data needs a thousandth of it. */
export const MAX_INFLATED = 8 * 1024 * 1024;

/** Deflate cannot expand more than this, so a small frame needs no further guard. */
const MAX_RATIO = 1032;

/**
 * One gzip member, inflated.
 * @throws Error where it is none, is damaged, or inflates beyond 8 MiB (a bomb is given up on before it unfolds)
 */
export function inflate(frame: Uint8Array): Uint8Array {
  if (frame.length * MAX_RATIO <= MAX_INFLATED) return Bun.gunzipSync(frame as Uint8Array<ArrayBuffer>);
  return gunzipSync(frame, { maxOutputLength: MAX_INFLATED });
}
