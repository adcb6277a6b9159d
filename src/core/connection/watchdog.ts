/** How many of a code's latest silences its median is taken from. */
const KEPT = 63;
/**
 * Silences that must have been seen before a code counts as one of known rate. The median of fewer is too often far too
 * small: of random trade, once in 500 codes with 10 of them, once in 20,000 with 15.
 */
const ENOUGH = 15;
/** A code is silent for too long above this many times its median silence. */
const FACTOR = 20;
/** A code that brought something within this time is served. */
const SERVED_MS = 10_000;
/** Codes never heard that are subscribed anew at one reading of the market list. */
const ANEW = 20;

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
  /** Whether any row came, be it one that answers a subscription. */
  heard = false;
  /** Subscribed anew, because it was never heard. */
  retried = false;
  /** Readings of the market list since which it was never heard. */
  readings = 0;

  constructor(nowMs: number) {
    this.sinceMs = nowMs;
    this.runMs = nowMs;
  }
}

/** A code that has just turned silent. */
export interface Silence {
  readonly symbol: string;
  /** `Clock.now()` of its last row; of a code never heard, since when one should have come. */
  readonly lastMs: number;
  /** False where no row of it ever came. */
  readonly heard: boolean;
}

/** What a look found. */
export interface Findings {
  readonly silent: readonly Silence[];
  /** What should be subscribed anew: these, and codes that were never heard for half as long. */
  readonly repair: readonly string[];
  /** Every code that says something by its silence is stale, or the stream as a whole is silent for too long. */
  readonly dark: boolean;
  /** `Clock.now()` of the last row of any code; NaN where none came. */
  readonly lastMs: number;
}

/**
 * When a stream of whatever pace is silent for too long: above max(setting, 20 × its median silence, however few were
 * seen). Of one that came in a single burst, or without a pause, the setting alone counts. A single row says nothing.
 */
class Pace {
  readonly #activity: Activity;
  readonly #settingMs: number;
  #rows = 0;

  constructor(settingMs: number) {
    this.#settingMs = settingMs;
    this.#activity = new Activity(Number.NaN);
  }

  get lastMs(): number {
    return this.#activity.lastMs;
  }

  data(nowMs: number): void {
    const activity = this.#activity;
    if (activity.lastMs === nowMs) return;
    this.#rows++;
    note(activity, nowMs, this.#settingMs / FACTOR);
  }

  restart(nowMs: number): void {
    this.#activity.sinceMs = nowMs;
    this.#activity.dueMs = 0;
  }

  isOver(nowMs: number): boolean {
    const activity = this.#activity;
    if (this.#rows < 2 || nowMs - activity.sinceMs <= this.#settingMs || nowMs <= activity.dueMs)
      return false;
    activity.dueMs = activity.sinceMs + Math.max(this.#settingMs, FACTOR * median(activity));
    return nowMs > activity.dueMs;
  }
}

/**
 * Watches rows, not frames: a socket full of heartbeats and without data is no use. A code is stale above
 * max(setting, 20 × its median silence); a code whose rate is not known yet is never stale. Rows closer together than
 * a twentieth of the setting are one burst: such gaps cannot raise the limit above the setting, and counted one by one
 * they would make a code with one burst in ten minutes look busy.
 *
 * A code that was never heard has no rate. Where a confirmation proves nothing it may not even exist, so it is
 * subscribed anew after its patience and stale after twice that; once only, as any row makes it heard for good.
 */
export class Watchdog {
  readonly #settingMs: number;
  readonly #burstMs: number;
  readonly #patienceMs: (symbol: string) => number;
  readonly #codes = new Map<string, Activity>();
  readonly #stream: Pace;

  /** @param patienceMs how long a code may be silent that was never heard; infinite where that says nothing */
  constructor(settingMs: number, patienceMs: (symbol: string) => number = () => Number.POSITIVE_INFINITY) {
    this.#settingMs = settingMs;
    this.#burstMs = settingMs / FACTOR;
    this.#stream = new Pace(settingMs);
    this.#patienceMs = patienceMs;
  }

  watch(symbol: string, nowMs: number): void {
    if (!this.#codes.has(symbol)) this.#codes.set(symbol, new Activity(nowMs));
  }

  forget(symbol: string): void {
    this.#codes.delete(symbol);
  }

  /**
   * Rows of this code arrived. Returns true when it had been stale until now.
   * @param live false where all of them answer a subscription: of a code heard before that says nothing
   */
  data(symbol: string, nowMs: number, live = true): boolean {
    const activity = this.#codes.get(symbol);
    if (!activity || (!live && activity.heard)) return false;
    activity.heard = true;
    if (live) {
      note(activity, nowMs, this.#burstMs);
      this.#stream.data(nowMs);
    }
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
    this.#stream.restart(nowMs);
  }

  /** Finds the codes that have turned silent since the last look. */
  check(nowMs: number): Findings {
    const silent: Silence[] = [];
    const repair: string[] = [];
    let judged = 0;
    let stale = 0;
    let mute = 0;
    for (const [symbol, activity] of this.#codes) {
      if (!activity.heard) {
        if (!activity.stale) this.#listen(symbol, activity, nowMs, silent, repair);
        if (activity.stale) mute++;
        continue;
      }
      if (!activity.stale && nowMs > activity.dueMs) {
        const limit = this.#limit(activity, nowMs);
        if (limit === null) continue;
        activity.dueMs = activity.sinceMs + limit;
        if (nowMs > activity.dueMs) {
          activity.stale = true;
          silent.push({ symbol, lastMs: activity.lastMs, heard: true });
        }
      }
      judged++;
      if (activity.stale) stale++;
    }
    const known = judged > 0 ? stale === judged : mute > 0 && mute === this.#codes.size;
    for (const { symbol } of silent) repair.push(symbol);
    return { silent, repair, dark: known || this.#stream.isOver(nowMs), lastMs: this.#stream.lastMs };
  }

  /**
   * To be called at each reading of the market list: which of the carried codes should be subscribed anew, because a
   * confirmation need not mean that they are served. Those that the list newly has and that are silent; and some that
   * were never heard, each at the first reading, the second, the fourth, …
   */
  unproven(nowMs: number, listed: ReadonlySet<string>, carried: (symbol: string) => boolean): string[] {
    const found: string[] = [];
    let room = ANEW;
    for (const [symbol, activity] of this.#codes) {
      if (nowMs - activity.sinceMs < SERVED_MS || !carried(symbol)) continue;
      if (listed.has(symbol)) found.push(symbol);
      else if (!activity.heard && room > 0) {
        const readings = ++activity.readings;
        if ((readings & (readings - 1)) !== 0) continue;
        found.push(symbol);
        room--;
      }
    }
    return found;
  }

  isStale(symbol: string): boolean {
    return this.#codes.get(symbol)?.stale ?? false;
  }

  /** `Clock.now()` of the code's last row; null where there was none. */
  lastMs(symbol: string): number | null {
    const last = this.#codes.get(symbol)?.lastMs ?? Number.NaN;
    return Number.isNaN(last) ? null : last;
  }

  /** Looks at a code that was never heard. */
  #listen(symbol: string, activity: Activity, nowMs: number, silent: Silence[], retry: string[]): void {
    const silentMs = nowMs - activity.sinceMs;
    // Nobody's patience ends sooner.
    if (silentMs <= this.#settingMs) return;
    const patienceMs = this.#patienceMs(symbol);
    if (silentMs > 2 * patienceMs) {
      activity.stale = true;
      silent.push({ symbol, lastMs: activity.sinceMs, heard: false });
    } else if (silentMs > patienceMs && !activity.retried) {
      activity.retried = true;
      retry.push(symbol);
    }
  }

  /** Null where the rate is not known. The median is only worked out for codes that are silent for long. */
  #limit(activity: Activity, nowMs: number): number | null {
    // Rows all through a quarter of the setting without a pause: a busy code, whatever it was before.
    if (activity.lastMs - activity.runMs >= this.#settingMs / 4) return this.#settingMs;
    const known = Math.min(activity.count, KEPT);
    if (known < ENOUGH) return null;
    if (nowMs - activity.sinceMs <= this.#settingMs) return this.#settingMs;
    return Math.max(this.#settingMs, FACTOR * median(activity));
  }
}

/** Median of the latest silences; 0 where there was none. */
function median({ gaps, count }: Activity): number {
  const known = Math.min(count, KEPT);
  const sorted = gaps.slice(0, known).sort();
  return sorted[known >> 1] ?? 0;
}

/** A live row: what the silence before it says of the code's rate. */
function note(activity: Activity, nowMs: number, burstMs: number): void {
  const silentMs = nowMs - activity.sinceMs;
  // A silence that began with a new socket says nothing about the code's rate.
  const whole = activity.sinceMs === activity.lastMs;
  if (!whole || silentMs >= burstMs) activity.runMs = nowMs;
  if (whole && silentMs >= burstMs) activity.gaps[activity.count++ % KEPT] = silentMs;
  activity.lastMs = nowMs;
  activity.sinceMs = nowMs;
  activity.dueMs = 0;
}
