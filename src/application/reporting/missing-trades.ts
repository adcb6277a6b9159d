import type { Clock } from '../../common/clock.ts';
import { Fault } from '../../common/errors.ts';
import type { Gap, Target } from '../../core/events.ts';
import type { Micros } from '../../core/market/market.ts';
import type { LaneHole } from '../../core/pipeline/hole-report.ts';
import type { Reporter } from './reporter.ts';

/** Latest gaps of the stream that holes are held against. */
const KEPT = 64;
/** Holes of one cut are told together: its codes trade again at different times. In milliseconds. */
const FOLD_MS = 5000;
const SECOND: Micros = 1_000_000;

/** A gap that is over. */
type PastGap = Gap & { readonly to: Micros };

interface Fold {
  readonly cause: Gap['cause'];
  from: Micros;
  to: Micros;
  readonly holes: LaneHole[];
  /** Monotonic ms at which it is told. */
  readonly dueMs: number;
}

/**
 * Trades of one stream that never came → `ws.event` and `ws.error`. A hole of its own is an event and an error, with its
 * first and last id. Holes of an interval that is on record already as a gap of their code (a cut, a pause) are no news:
 * they are told in one event for all of its codes, with the ids in `detail`, and without an error. What went missing
 * next to a gap may have gone missing before or after it: the event holds all that lies between the trades around its
 * holes. Codes that trade rarely share no event with busy ones, so that it holds not much more.
 */
export class MissingTrades {
  readonly #target: Target;
  readonly #reporter: Reporter;
  readonly #clock: Clock;
  readonly #correlationId: () => string | null;
  readonly #told: (gap: Gap, holes: readonly LaneHole[]) => void;
  readonly #gaps: PastGap[] = [];
  readonly #folds = new Map<string, Fold>();

  /** @param told told of each gap with its holes, after it was told */
  constructor(
    target: Target,
    reporter: Reporter,
    clock: Clock,
    correlationId: () => string | null,
    told: (gap: Gap, holes: readonly LaneHole[]) => void = () => {},
  ) {
    this.#told = told;
    this.#target = target;
    this.#reporter = reporter;
    this.#clock = clock;
    this.#correlationId = correlationId;
  }

  /** A gap of this stream was told. */
  gap(gap: Gap): void {
    const { to } = gap;
    if (to === null) return;
    this.#gaps.push({ ...gap, to });
    if (this.#gaps.length > KEPT) this.#gaps.shift();
  }

  report(holes: readonly LaneHole[]): void {
    for (const one of holes) {
      const gap = this.#gaps.findLast((known) => explains(known, one));
      if (gap) this.#fold(gap, one);
      else this.#tell(one);
    }
  }

  /** To be called again and again: tells what has waited long enough for others. */
  look(nowMs: number): void {
    for (const [key, { dueMs }] of this.#folds) if (nowMs >= dueMs) this.#unfold(key);
  }

  /** Tells what waits to be told with others. */
  flush(): void {
    for (const key of [...this.#folds.keys()]) this.#unfold(key);
  }

  #tell({ lane, hole }: LaneHole): void {
    const { code, symbol } = lane.market;
    const ids = idsOf({ lane, hole });
    const gap = { from: hole.from, to: hole.to, cause: 'missing_ids', codes: [code], ...ids } as const;
    this.#event(gap, null, [{ lane, hole }]);
    this.#reporter.error(
      new Fault(
        'trades_missing',
        `${this.#target.exchange} ${symbol}`,
        `Trades ${hole.first} to ${hole.last} were never received.`,
        'Nothing where its gap is told again as filled; else look at the gaps around that time.',
      ),
      { target: this.#target, code, context: ids },
    );
  }

  /** A gap whose codes come back one after the other is told in parts; all of them are one interval. */
  #fold({ cause, from, to }: PastGap, one: LaneHole): void {
    const begin = Math.min(from, one.hole.from);
    const end = Math.max(to, one.hole.to);
    const inside = begin === from && end === to;
    const key = `${cause} ${from} ${inside ? 'inside' : Math.ceil(Math.log2((end - begin) / SECOND))}`;
    const open = this.#folds.get(key);
    if (open) {
      open.holes.push(one);
      open.from = Math.min(open.from, begin);
      open.to = Math.max(open.to, end);
    } else {
      const dueMs = this.#clock.now() + FOLD_MS;
      this.#folds.set(key, { cause, from: begin, to: end, holes: [one], dueMs });
    }
  }

  #unfold(key: string): void {
    const fold = this.#folds.get(key);
    if (!fold) return;
    this.#folds.delete(key);
    const { holes, cause, from, to } = fold;
    const codes = [...new Set(holes.map(({ lane }) => lane.market.code))];
    const [only] = holes.length === 1 ? holes : [];
    const ids = only ? idsOf(only) : { first_missing_id: null, last_missing_id: null };
    this.#event(
      { from, to, cause: 'missing_ids', codes, ...ids },
      {
        within: cause,
        trades: holes.reduce((sum, { hole }) => sum + countOf(hole), 0),
        missing: holes.map((one) => ({
          code: one.lane.market.code,
          ...idsOf(one),
          from: one.hole.from,
          to: one.hole.to,
        })),
      },
      holes,
    );
  }

  #event(unnamed: Gap, detail: Readonly<Record<string, unknown>> | null, holes: readonly LaneHole[]): void {
    const correlationId = this.#correlationId();
    const gap = { gap_id: crypto.randomUUID(), ...unnamed };
    this.#reporter.tell({ kind: 'gap', target: this.#target, correlationId, gap, detail });
    this.#told(gap, holes);
  }
}

/** Trades that a hole stands for. */
export function countOf({ first, last }: LaneHole['hole']): number {
  return last - first + 1;
}

function idsOf({ hole }: LaneHole): Pick<Gap, 'first_missing_id' | 'last_missing_id'> {
  return { first_missing_id: String(hole.first), last_missing_id: String(hole.last) };
}

function explains({ from, to, codes }: PastGap, { lane, hole }: LaneHole): boolean {
  return hole.from <= to && hole.to >= from && codes.includes(lane.market.code);
}
