import type { SeenIds } from './seen-ids.ts';

/**
 * So long at least, in ms: codes leave and return (a command, a market list that was short, a shard that moves, a stream
 * that is stopped and started), and what an exchange sends at a subscription may be older than the absence.
 */
const REMEMBERED_MS = 3_600_000;

/** What sockets brought of a code, and what was fetched of it. */
export interface CodeIds {
  readonly seen: SeenIds;
  readonly fetched: SeenIds | null;
}

interface Memory {
  readonly ids: CodeIds;
  readonly sinceMs: number;
  /** The youngest socket then: none that was opened later had the code before. */
  readonly socket: number;
}

/** Trade ids of codes which a stream does not carry at present, so that none is written again. */
export class RememberedIds {
  readonly #codes = new Map<string, Memory>();
  #youngest = -1;

  get size(): number {
    return this.#codes.size;
  }

  /** A socket of the stream is about to open. @param id rises with every socket of the process */
  opened(id: number): void {
    this.#youngest = Math.max(this.#youngest, id);
  }

  /** Id of the youngest socket; −1 before the first. */
  get youngest(): number {
    return this.#youngest;
  }

  keep(symbol: string, ids: CodeIds, nowMs: number): void {
    this.#codes.set(symbol, { ids, sinceMs: nowMs, socket: this.#youngest });
  }

  /** Hands back what was kept. */
  recall(symbol: string): CodeIds | undefined {
    const ids = this.#codes.get(symbol)?.ids;
    this.#codes.delete(symbol);
    return ids;
  }

  /**
   * Forgets what is old, except of codes that a socket of then can still repeat.
   * @param oldest id of the oldest socket that lives; infinity where none does
   */
  look(nowMs: number, oldest: number): void {
    for (const [symbol, { sinceMs, socket }] of this.#codes)
      if (nowMs - sinceMs >= REMEMBERED_MS && oldest > socket) this.#codes.delete(symbol);
  }
}
