import { inOrder, type KnownHole, neighbourOf, type Rest } from '../../core/backfill/known-hole.ts';
import type { Walk } from '../../core/backfill/walk.ts';
import type { Market, Micros } from '../../core/market/market.ts';
import type { Neighbour } from '../../core/past-trades.ts';
import type { Lane } from '../../core/pipeline/lane.ts';
import type { Seam } from '../../core/pipeline/seam.ts';
import type { OpenEnd, WrittenBefore, WrittenBehind } from './fill-parts.ts';
import type { Filled, FillRecord, FillResult } from './fill-task.ts';

/** Where a task stands: its seam ends with the first trade after the hole. */
interface Watched {
  readonly lane: Lane;
  readonly seam: Seam;
}

/** One code of one gap while it is being filled. */
export class OpenFill {
  readonly market: Market;
  record: FillRecord;
  walk: Walk | null = null;
  running = false;
  /** Monotonic ms before which nothing is to be done. */
  notBefore = Number.NEGATIVE_INFINITY;
  /** Passes that ended without all of it, and requests in a row that were refused. */
  tries = 0;
  failures = 0;
  /** Looks into the topic that did not tell where the hole begins, or ends. */
  looks = 0;
  /** Others may have written what is behind it; null: nobody has. */
  openEnd: Pick<OpenEnd, 'to' | 'fence'> | null = null;
  refusal: string | null = null;
  /** Parts of it that were passed by. */
  readonly lost: Rest[] = [];
  /** Whether the hole was looked for before the code traded again. */
  early = false;
  readonly madeMs: number;
  /** The sides of the hole as it was at first. */
  origin: { readonly before: Neighbour | null; readonly after: Neighbour | null };
  /** How often the look for the trade before the hole went further back. */
  #back = 0;
  #watched: Watched | null;
  /** When the trade after the hole was noticed. */
  #noticedMs: number | null = null;

  constructor(market: Market, record: FillRecord, watched: Watched | null, nowMs: number) {
    this.market = market;
    this.record = record;
    this.#watched = watched;
    this.madeMs = nowMs;
    this.origin = record;
  }

  /** The code has not traded since, or what came in the same moment may be on its way. */
  get waits(): boolean {
    return this.record.after === null;
  }

  /** Others may have written beside the hole, and the topic has not said yet what. */
  get unsettled(): boolean {
    return this.record.unsure !== undefined || this.openEnd !== null;
  }

  /**
   * Takes up the first trade after the hole.
   * @param settleMs time for what was sent with it
   * @returns whether it did
   */
  settle(nowMs: number, settleMs: number): boolean {
    const { seam } = this.#watched ?? {};
    if (!this.waits || !seam?.after) return false;
    this.#noticedMs ??= nowMs;
    if (nowMs - this.#noticedMs < settleMs) return false;
    this.record = {
      ...this.record,
      after: neighbourOf(seam.after),
      known: [...this.record.known, ...seam.known.map(neighbourOf)],
    };
    this.origin = this.record;
    this.unwatch(false);
    this.notBefore = Number.NEGATIVE_INFINITY;
    this.tries = 0;
    return true;
  }

  /** Nothing more is to be learnt from the stream. */
  unwatch(forget = true): void {
    if (this.#watched) this.#watched.lane.closeSeam(this.#watched.seam);
    if (forget) this.#watched = null;
  }

  /** The hole with all that is known in it. @param written trades that were fetched before */
  hole(written: readonly Neighbour[]): KnownHole {
    const { before, after, from, to, known } = this.record;
    const seen = this.#watched?.seam.seen;
    const { seam } = this.#watched ?? {};
    // While the code has not traded again, what came meanwhile is still being gathered.
    const meanwhile = after === null && seam ? seam.known.map(neighbourOf) : [];
    return {
      market: this.market,
      before,
      after,
      from,
      to: Math.max(from, to),
      known: [...known, ...meanwhile, ...written],
      ...(seen && seam?.before ? { seen: (id: string) => seen.has(id) } : {}),
    };
  }

  /** @param steps how far, from the first place on, µs. @returns whether there was one left */
  looksFurtherBack(steps: readonly number[]): boolean {
    const { unsure } = this.record;
    const step = steps[this.#back++];
    if (unsure === undefined || step === undefined) return false;
    this.record = { ...this.record, unsure: { ...unsure, since: unsure.since - step } };
    return true;
  }

  /** What a former holder of the code has written is known by now. */
  settleLeft({ last, known: written }: Pick<WrittenBefore, 'last' | 'known'>): void {
    const { before, from, known, gap } = this.record;
    // What was noted may have come behind the beginning of the hole.
    const left = last ?? (before !== null && before.timestamp < gap.from ? before : null);
    this.record = {
      ...this.record,
      before: left,
      from: Math.min(from, gap.from, left?.timestamp ?? from),
      known: [...known, ...written],
      unsure: undefined,
    };
    this.origin = this.record;
    this.looks = 0;
  }

  /** Trades that lie in the topic. */
  knows(trades: readonly Neighbour[]): void {
    const { known } = this.record;
    const ids = new Set(known.map(({ trade_id }) => trade_id));
    const news = trades.filter(({ trade_id }) => !ids.has(trade_id) && ids.add(trade_id));
    if (news.length > 0) this.record = { ...this.record, known: [...known, ...news] };
  }

  /** What others wrote behind the hole is known by now: it ends there, unless it ends before. */
  settleRight({ first, known }: WrittenBehind): void {
    this.knows(known);
    this.openEnd = null;
    this.looks = 0;
    const { after, from } = this.record;
    if (first === null || (after !== null && inOrder(after, first) <= 0)) return;
    this.record = { ...this.record, after: first, to: Math.max(from, first.timestamp) };
    this.origin = this.record;
    this.unwatch();
    this.walk = null;
    this.notBefore = Number.NEGATIVE_INFINITY;
    this.tries = 0;
  }

  /** Rows were written. */
  wrote(rows: readonly { readonly trade_id: string }[]): void {
    const { filled } = this.record;
    this.record = {
      ...this.record,
      filled: {
        rows: filled.rows + rows.length,
        first_id: filled.first_id ?? rows[0]?.trade_id ?? null,
        last_id: rows.at(-1)?.trade_id ?? filled.last_id,
      },
    };
  }

  /** The hole is smaller by now. */
  shrink(before: Neighbour | null, after: Neighbour | null, from: Micros, to: Micros): void {
    this.record = { ...this.record, before, after, from, to };
  }

  end(result: FillResult, filled: Filled = this.record.filled): void {
    this.record = { ...this.record, filled, result };
    this.unwatch();
    this.walk = null;
  }
}
