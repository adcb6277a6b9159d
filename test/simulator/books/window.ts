import type { Side } from './side.ts';

/** Changes of one side since a channel last told of it. */
export class Touched {
  /** Key of each level that changed, in the order of its first change, and the size it had before. */
  readonly before = new Map<number, number>();
  /** Worst key of the window that was told; below everything where the window was not full. */
  boundary = Number.NEGATIVE_INFINITY;

  note(key: number, before: number): void {
    if (!this.before.has(key)) this.before.set(key, before);
  }
}

/** Worst key among the `depth` best; below everything where the side has no more than that. */
export function boundaryOf(side: Side, depth: number): number {
  return side.length > depth ? (side.key(depth - 1) ?? 0) : Number.NEGATIVE_INFINITY;
}

/**
 * Keys that a reader must be told of so that its window of the `depth` best levels is the exchange's again; what is no
 * longer in it has to be told with size 0. Begins the next span.
 * @param silent levels that fell out because better ones came are not told: the reader cuts its side itself
 */
export function changedKeys(side: Side, touched: Touched, depth: number, silent: boolean): number[] {
  const old = touched.boundary;
  const now = boundaryOf(side, depth);
  const keys: number[] = [];
  for (const [key, before] of touched.before) {
    const size = side.size(key);
    const wasIn = before > 0 && key >= old;
    const isIn = size > 0 && key >= now;
    if (isIn ? !wasIn || size !== before : wasIn && !(silent && size > 0)) keys.push(key);
  }
  // Untouched levels that came in or fell out because the window moved.
  if (now !== old && !(silent && now > old)) {
    const end = side.from(Math.max(now, old));
    for (let at = side.from(Math.min(now, old)); at < end; at++) {
      const key = side.keys[at] ?? 0;
      if (!touched.before.has(key)) keys.push(key);
    }
  }
  touched.before.clear();
  touched.boundary = now;
  return keys;
}
