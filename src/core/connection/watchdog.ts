/** How many of a code's latest silences its median is taken from. */
const KEPT = 63;
/**
 * Silences that must have been seen before a code counts as one of known rate. The median of fewer is too often far too
 * small: of random trade, once in 500 codes with 10 of them, once in 20,000 with 15.
 */
const ENOUGH = 15;
/** A code is silent for too long above this many times its median silence. */
const FACTOR = 20;

class Activity {
  readonly gaps = new Float32Array(KEPT);
  count = 0;
  /** Since when there was no silence longer than a burst. */
  runMs: number;
  lastMs = Number.NaN;
  /** When silence began to count: the last row, or when the socket or the reading of it began anew. */
  sinceMs: number;
  /** Not stale before; what the last look found, so that a long silence is not judged anew every second. */
  dueMs = 0;
  stale = false;

  constructor(nowMs: number) {
    this.sinceMs = nowMs;
    this.runMs = nowMs;
  }
}

/** A code that has just turned silent. */
export interface Silence {
  readonly symbol: string;
  /** `Clock.now()` of its last row. */
  readonly lastMs: number;
}

/**
 * Watches rows, not frames: a socket full of heartbeats and without data is no use. A code is stale above
 * max(setting, 20 × its median silence); a code whose rate is not known yet is never stale. Rows closer together than
 * a twentieth of the setting are one burst: such gaps cannot raise the limit above the setting, and counted one by one
 * they would make a code with one burst in ten minutes look busy.
 */
export class Watchdog {
  readonly #settingMs: number;
  readonly #burstMs: number;
  readonly #codes = new Map<string, Activity>();

  constructor(settingMs: number) {
    this.#settingMs = settingMs;
    this.#burstMs = settingMs / FACTOR;
  }

  watch(symbol: string, nowMs: number): void {
    if (!this.#codes.has(symbol)) this.#codes.set(symbol, new Activity(nowMs));
  }

  forget(symbol: string): void {
    this.#codes.delete(symbol);
  }

  /** Rows of this code arrived. Returns true when it had been stale until now. */
  data(symbol: string, nowMs: number): boolean {
    const activity = this.#codes.get(symbol);
    if (!activity) return false;
    const silentMs = nowMs - activity.sinceMs;
    // A silence that began with a new socket says nothing about the code's rate.
    const whole = activity.sinceMs === activity.lastMs;
    if (!whole || silentMs >= this.#burstMs) activity.runMs = nowMs;
    if (whole && silentMs >= this.#burstMs) activity.gaps[activity.count++ % KEPT] = silentMs;
    activity.lastMs = nowMs;
    activity.sinceMs = nowMs;
    activity.dueMs = 0;
    const back = activity.stale;
    activity.stale = false;
    return back;
  }

  /** A new socket, or the reading of the old one began anew: silence counts from now on, rates stay known. */
  restart(nowMs: number): void {
    for (const activity of this.#codes.values()) {
      activity.sinceMs = nowMs;
      activity.dueMs = 0;
    }
  }

  /**
   * Finds the codes that have turned silent since the last check.
   * @returns `dark`: there are codes of known rate and every one of them is stale
   */
  check(nowMs: number): { silent: Silence[]; dark: boolean } {
    const silent: Silence[] = [];
    let judged = 0;
    let stale = 0;
    for (const [symbol, activity] of this.#codes) {
      if (!activity.stale && nowMs > activity.dueMs) {
        const limit = this.#limit(activity, nowMs);
        if (limit === null) continue;
        activity.dueMs = activity.sinceMs + limit;
        if (nowMs > activity.dueMs) {
          activity.stale = true;
          silent.push({ symbol, lastMs: activity.lastMs });
        }
      }
      judged++;
      if (activity.stale) stale++;
    }
    return { silent, dark: judged > 0 && stale === judged };
  }

  isStale(symbol: string): boolean {
    return this.#codes.get(symbol)?.stale ?? false;
  }

  /** `Clock.now()` of the code's last row; null where there was none. */
  lastMs(symbol: string): number | null {
    const last = this.#codes.get(symbol)?.lastMs ?? Number.NaN;
    return Number.isNaN(last) ? null : last;
  }

  /** Null where the rate is not known. The median is only worked out for codes that are silent for long. */
  #limit(activity: Activity, nowMs: number): number | null {
    // Rows all through a quarter of the setting without a pause: a busy code, whatever it was before.
    if (activity.lastMs - activity.runMs >= this.#settingMs / 4) return this.#settingMs;
    const known = Math.min(activity.count, KEPT);
    if (known < ENOUGH) return null;
    if (nowMs - activity.sinceMs <= this.#settingMs) return this.#settingMs;
    const sorted = activity.gaps.slice(0, known).sort();
    return Math.max(this.#settingMs, FACTOR * (sorted[known >> 1] ?? 0));
  }
}
