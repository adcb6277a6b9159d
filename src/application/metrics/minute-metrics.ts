import type { Cancel, Clock } from '../../common/clock.ts';
import type { Target } from '../../core/events.ts';
import type { Micros } from '../../core/market/market.ts';
import { MINUTE } from '../../core/pipeline/minute-stats.ts';
import type { Message } from '../../core/ports.ts';
import type { StreamFigure, StreamFigures } from './figures.ts';
import { type CodeStates, minuteMessages, minuteOf, silentMinute } from './minute-messages.ts';

/** After the boundary: time for what arrived just before it to come through. */
const SETTLE: Micros = 500_000;
/** It is looked this often: whatever was late, or set the clock, the next look finds the minutes that are over. */
const LOOK_MS = 500;
/** It is reported after this long whatever is still missing, so that a lost partition hides nothing else. */
const HOLD: Micros = 300_000_000;
/** Or after this long where rows of the stream lie in the outbox, which are not lost: a bound for the memory of minutes. */
const SHELF_HOLD: Micros = 1_800_000_000;
/** Minutes that can wait at a time, the present one not counted. */
const WAITING = SHELF_HOLD / MINUTE + 1;
const NO_CODES: CodeStates = { subscribed: 0, stale: 0 };
/** Silent minutes longer ago than this were none: the clock was set, as it is on machines that start without one. */
const SILENCE_TOLD: Micros = 60 * MINUTE;

export interface MinuteMetricsDeps {
  readonly clock: Clock;
  readonly figures: StreamFigures;
  /** What the codes of the stream are now; null where it does not run. */
  codes(target: Target): CodeStates | null;
  /** Hands a message to the publisher; must not fail. */
  publish(message: Message): void;
}

/**
 * Three messages per stream and minute, once, at the minute: for every minute in which the stream ran or something
 * of it arrived. What arrived in a minute counts in it, so a minute is reported when the last of its rows is
 * acknowledged; while Kafka is away minutes wait, as the messages about them would.
 */
export class MinuteMetrics {
  readonly #deps: MinuteMetricsDeps;
  /** What codes were at the end of minutes that wait for their last rows, and at the latest end that was seen. */
  readonly #codes = new Map<StreamFigure, { readonly at: Micros; readonly states: CodeStates }[]>();
  #cancel: Cancel = () => {};

  constructor(deps: MinuteMetricsDeps) {
    this.#deps = deps;
  }

  start(): void {
    const { clock } = this.#deps;
    const toMinute = (MINUTE - ((clock.micros() - SETTLE) % MINUTE)) / 1000;
    this.#cancel = clock.after(Math.min(LOOK_MS, toMinute), () => {
      this.start();
      this.#lookAll();
    });
  }

  /** After the streams have stopped: reports every minute that is left, the present one as far as it went. */
  stop(): void {
    this.#cancel();
    for (const figure of this.#deps.figures.all()) this.#report(figure, Number.POSITIVE_INFINITY);
  }

  #lookAll(): void {
    const { figures, clock } = this.#deps;
    const until = clock.micros() - SETTLE;
    for (const figure of figures.all()) {
      this.#look(figure, minuteOf(until));
      this.#report(figure, until);
    }
  }

  /** Reports the minutes that were over by `until`, as far as all of their rows are acknowledged. */
  #report(figure: StreamFigure, until: Micros): void {
    const { target, stats } = figure;
    const { clock, publish } = this.#deps;
    const now = clock.micros();
    const last = Math.min(until, minuteOf(now) + MINUTE);
    const hold = Number.isFinite(stats.shelf.oldest().at) ? SHELF_HOLD : HOLD;
    stats.clockIs(now);
    for (let since = stats.since; since !== null && minuteOf(since) + MINUTE <= last; since = stats.since) {
      const start = minuteOf(since);
      const end = start + MINUTE;
      const minute = stats.open.find((open) => open.start === start);
      if (!minute && end < now - SILENCE_TOLD) {
        stats.close(Math.min(stats.open[0]?.start ?? last, minuteOf(now - SILENCE_TOLD)));
        continue;
      }
      if (minute && !minute.settled && until < end + hold) return;
      if (minute || stats.ran(start, end)) {
        const codes = this.#codesAt(figure, end);
        for (const message of minuteMessages(target, minute ?? silentMinute(start), codes)) publish(message);
      }
      stats.close(end);
    }
  }

  /** Notes what the codes are, once for each end of a minute. */
  #look(figure: StreamFigure, at: Micros): void {
    const seen = this.#codes.get(figure) ?? [];
    if (seen.at(-1)?.at === at) return;
    const states = this.#deps.codes(figure.target);
    if (states !== null) this.#codes.set(figure, [...seen.slice(-WAITING), { at, states }]);
  }

  #codesAt(figure: StreamFigure, end: Micros): CodeStates {
    const seen = this.#codes.get(figure) ?? [];
    const then = seen.find(({ at }) => at === end);
    return (then ?? seen.at(-1))?.states ?? this.#deps.codes(figure.target) ?? NO_CODES;
  }
}
