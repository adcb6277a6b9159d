import { isObject, type JsonObject } from './market/read-values.ts';

/** No exchange sends frames of this many characters; parsing one would only stall its neighbours. */
const MAX_LENGTH = 4 * 1024 * 1024;

/** A frame's JSON value, or undefined where it is none. */
export function parseFrame(text: string): unknown {
  if (text.length > MAX_LENGTH) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A frame that must be a JSON object; null where it is not. */
export function parseObject(text: string): JsonObject | null {
  const value = parseFrame(text);
  return isObject(value) ? value : null;
}
