import type { Gap, GapCause, StreamEvent, TargetName } from '../../core/events.ts';
import type { Micros } from '../../core/market/market.ts';

/** A gap that is over, and the stream it was in. */
export interface PastGap {
  readonly target: TargetName;
  readonly gap: Gap & { readonly to: number };
}

/** Gaps of one stream and cause since the start. */
export interface GapCount {
  readonly gaps: number;
  /** Seconds of every gap, times the codes it held. */
  readonly codeSeconds: number;
}

const NONE: GapCount = { gaps: 0, codeSeconds: 0 };

/** Of each stream, so that one with many gaps hides nobody else's. */
const KEPT = 200;
const MINUTE = 60_000_000;
/** How far back `recent` counts. */
const RECENT_MINUTES = 15;

/** Counts the gaps that were told, each once, when it is over, and keeps the latest, with what was last said of them. */
export class GapCounts {
  readonly #counts = new Map<string, GapCount>();
  /** Of each stream, oldest first. */
  readonly #latest = new Map<string, PastGap[]>();
  /** Of each stream by the minute in which they ended. */
  readonly #minutes = new Map<string, Map<number, number>>();

  readonly take = ({ kind, target, gap, detail }: StreamEvent): void => {
    if (kind !== 'gap' || !target || !gap || gap.to === null) return;
    const stream = `${target.exchange}|${target.request_type}`;
    if (gap.fill) return this.#filled(stream, { ...gap, to: gap.to });
    // What is left of a gap was counted with it.
    if (detail?.rest_of !== undefined) return;
    const key = `${stream}|${gap.cause}`;
    const { gaps, codeSeconds } = this.#counts.get(key) ?? NONE;
    const seconds = Math.max(0, gap.to - gap.from) / 1e6;
    this.#counts.set(key, { gaps: gaps + 1, codeSeconds: codeSeconds + seconds * gap.codes.length });
    this.#countMinute(stream, Math.floor(gap.to / MINUTE));
    const latest = this.#latest.get(stream) ?? [];
    this.#latest.set(stream, latest);
    latest.push({ target, gap: { ...gap, to: gap.to } });
    if (latest.length > KEPT) latest.shift();
  };

  /** How many gaps of a stream ended in the last 15 minutes, by whole minutes. */
  recent({ exchange, request_type }: Pick<TargetName, 'exchange' | 'request_type'>, now: Micros): number {
    const first = Math.floor(now / MINUTE) - RECENT_MINUTES;
    let recent = 0;
    for (const [minute, count] of this.#minutes.get(`${exchange}|${request_type}`) ?? [])
      if (minute >= first) recent += count;
    return recent;
  }

  /** Zeros where there was none. */
  of({ exchange, request_type }: Pick<TargetName, 'exchange' | 'request_type'>, cause: GapCause): GapCount {
    return this.#counts.get(`${exchange}|${request_type}|${cause}`) ?? NONE;
  }

  /** The latest gaps of a stream that ended at or after `since`, oldest first. */
  latest({ exchange, request_type }: Pick<TargetName, 'exchange' | 'request_type'>, since = 0): PastGap[] {
    return (this.#latest.get(`${exchange}|${request_type}`) ?? []).filter(({ gap }) => gap.to >= since);
  }

  /** A gap is told again, with what became of it. */
  #filled(stream: string, told: PastGap['gap']): void {
    const latest = this.#latest.get(stream) ?? [];
    const at = latest.findLastIndex(({ gap }) => gap.gap_id === told.gap_id && gap.from === told.from);
    const before = latest[at];
    if (before) latest[at] = { ...before, gap: { ...before.gap, ...(told.fill ? { fill: told.fill } : {}) } };
  }

  #countMinute(stream: string, minute: number): void {
    const minutes = this.#minutes.get(stream) ?? new Map<number, number>();
    this.#minutes.set(stream, minutes);
    minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
    for (const old of minutes.keys()) if (old < minute - RECENT_MINUTES) minutes.delete(old);
  }
}
