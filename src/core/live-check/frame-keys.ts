/** Places in a JSON value: names joined by points; `[]` stands for every element of an array. */

/** Deeper than any frame; also the end of what a hostile one nests. */
const MAX_DEPTH = 12;
/** Elements of an array that are looked at: of many levels or trades all have the same keys. */
const MAX_ELEMENTS = 50;

/** Every place of an object's key in a parsed frame. */
export function keysOf(value: unknown): Set<string> {
  const keys = new Set<string>();
  collect(value, '', 0, keys);
  return keys;
}

function collect(value: unknown, at: string, depth: number, keys: Set<string>): void {
  if (typeof value !== 'object' || value === null || depth === MAX_DEPTH) return;
  if (Array.isArray(value)) {
    for (const element of value.slice(0, MAX_ELEMENTS)) collect(element, `${at}[]`, depth + 1, keys);
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    const place = at === '' ? name : `${at}.${name}`;
    keys.add(place);
    collect(inner, place, depth + 1, keys);
  }
}

/** The keys of one stream's frames as a compact table has them: joined by blanks; see `exchanges/frame-keys.ts`. */
export function knownKeys(table: string): ReadonlySet<string> {
  return new Set(table.split(' ').filter((key) => key !== ''));
}

/** Keys of a frame that are not known; what lies inside an unknown one is not told again. */
export function unknownKeys(frame: unknown, known: ReadonlySet<string>): string[] {
  const unknown = [...keysOf(frame)].filter((key) => !known.has(key));
  return unknown.filter((key) => !unknown.some((outer) => key !== outer && isInside(key, outer)));
}

function isInside(key: string, outer: string): boolean {
  return key.startsWith(`${outer}.`) || key.startsWith(`${outer}[]`);
}
