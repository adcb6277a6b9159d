const HOUR_MS = 3_600_000;
/** The widest step away from our clock that is tried is half a year. */
const DOUBLINGS = 13;
/** How long messages bear another time before that of our clock is tried again: it may have been set right. */
const TRUST_MS = 60_000;

/**
 * The time that messages of a topic bear whose broker refuses the time of our clock. Which it takes it does not say, so
 * that it is looked for: an hour back, an hour on, two hours back, … and what was taken once is tried first from then on.
 */
export class Stamp {
  #shiftMs: number | null = null;
  /** The last one that was taken. */
  #knownMs: number | null = null;
  #tried = 0;
  #sinceMs = 0;

  /** What to add to our clock, ms; null: the client is to stamp the message. */
  shift(nowMs: number): number | null {
    if (this.#shiftMs !== null && nowMs - this.#sinceMs > TRUST_MS) this.#use(null, nowMs);
    return this.#shiftMs;
  }

  /** A message was refused for its time, which had this shift. */
  refused(shiftMs: number | null, nowMs: number): void {
    // What was sent together with the first one is refused for the same time.
    if (shiftMs !== this.#shiftMs) return;
    if (shiftMs !== null && shiftMs === this.#knownMs) this.#knownMs = null;
    this.#use(this.#knownMs ?? this.#next(), nowMs);
  }

  /** A message with this shift was taken. */
  taken(shiftMs: number | null): void {
    if (shiftMs !== null) this.#knownMs = shiftMs;
    this.#tried = 0;
  }

  #use(shiftMs: number | null, nowMs: number): void {
    this.#shiftMs = shiftMs;
    this.#sinceMs = nowMs;
  }

  /** After the last one our own time has another try. */
  #next(): number | null {
    const step = this.#tried++;
    if (step < 2 * DOUBLINGS) return (step % 2 === 0 ? -HOUR_MS : HOUR_MS) * 2 ** (step >> 1);
    this.#tried = 0;
    return null;
  }
}
