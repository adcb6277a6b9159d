import type { Cancel, Clock } from '../../common/clock.ts';
import type { Gap, GapCause } from '../events.ts';
import type { Market, Micros } from '../market/market.ts';

/** Codes that come back within this time share a record. */
const FOLD_MS = 250;
/** A gap that lasts this long is reported before it ends, so that an operator, and a crash, find it on record. */
const LASTING_MS = 10_000;
/** The two clocks of a machine differ by less, unless the wall clock was set. */
const CLOCK_STEP = 1_000_000;

interface Group {
  /** Under which all of its records are told. */
  readonly id: string;
  readonly cause: GapCause;
  readonly missing: Set<Market>;
  /** Both clocks when it was opened. */
  readonly openedAt: Micros;
  readonly openedMs: number;
  from: Micros;
  /** What the record of those that are back says. */
  since: Micros;
  to: Micros;
  back: Market[];
  told: boolean;
  cancelFold: Cancel | null;
  cancelNotice: Cancel | null;
}

/**
 * Which subscribed codes are being received, and the record of every interval in which one was not. A code counts
 * from its first confirmation on; what was never received before makes no gap, unless it may have been served unheard.
 */
export class Coverage {
  readonly #clock: Clock;
  readonly #report: (gap: Gap) => void;
  readonly #lost: (market: Market) => void;
  readonly #known = new Map<string, Market>();
  readonly #open = new Map<string, Group>();
  /** Groups of which something is to be told. */
  readonly #groups = new Set<Group>();
  /** Codes that somebody asked for before, and perhaps never received. */
  readonly #doubtful = new Set<string>();
  #ended = false;

  /** @param lost told of each code of which a gap begins, before anything that follows it */
  constructor(clock: Clock, report: (gap: Gap) => void, lost: (market: Market) => void = () => {}) {
    this.#clock = clock;
    this.#report = report;
    this.#lost = lost;
  }

  /**
   * The code is received (again).
   * @param ahead how far the exchange's clock is ahead of ours: the gap holds its time too
   */
  confirm(market: Market, ahead: Micros = 0): void {
    if (this.#ended) return;
    this.#known.set(market.symbol, market);
    this.#doubtful.delete(market.symbol);
    this.#close(market.symbol, ahead);
  }

  /**
   * These codes are not received since `from`. Codes that were never received stay as they are; the gap of one that is
   * missing already begins no later than `from`.
   */
  lose(markets: Iterable<Market>, from: Micros, cause: GapCause, noticeMs: number = LASTING_MS): void {
    if (this.#ended) return;
    const group = this.#group(from, cause);
    for (const { symbol } of markets) {
      const market = this.#known.get(symbol);
      if (!market) continue;
      const open = this.#open.get(symbol);
      if (open) {
        open.from = Math.min(open.from, from);
        continue;
      }
      this.#put(market, group);
      this.#lost(market);
    }
    this.#begin(group, noticeMs);
  }

  /**
   * These codes were received by somebody else until `from`: their gap starts there, as if it had been here.
   * @param certain false where nobody knows whether they were received at all
   */
  inherit(markets: readonly Market[], from: Micros, cause: GapCause, certain = true): void {
    if (this.#ended) return;
    for (const market of markets) {
      if (!certain && !this.#known.has(market.symbol)) this.#doubtful.add(market.symbol);
      this.#known.set(market.symbol, market);
    }
    this.lose(markets, from, cause);
  }

  /** Those of these codes that were never received may have been served, unheard, since `from`. */
  suspect(markets: readonly Market[], from: Micros, cause: GapCause): void {
    this.inherit(
      markets.filter(({ symbol }) => !this.#known.has(symbol)),
      from,
      cause,
      false,
    );
  }

  /** The code was served for certain. */
  received(symbol: string): void {
    if (this.#doubtful.size > 0) this.#doubtful.delete(symbol);
  }

  /** The exchange does not serve these codes: what was hardly ever received is no loss. */
  dismiss(markets: readonly Market[]): void {
    for (const { symbol } of markets) if (this.#doubtful.has(symbol)) this.forget(symbol);
  }

  /**
   * The exchange refuses these codes: their gaps go on, or begin at `from`, until they are received or no longer wanted.
   */
  refuse(markets: readonly Market[], from: Micros): void {
    // What is missing already is so since then: a new socket, which has heard little, knows no better.
    const received = markets.filter(({ symbol }) => !this.#open.has(symbol));
    this.lose(received, from, 'refused');
    const untold = markets.flatMap(({ symbol }) => {
      const group = this.#open.get(symbol);
      return group && !group.told && group.cause !== 'refused' ? [{ symbol, group }] : [];
    });
    for (const [old, refused] of Map.groupBy(untold, ({ group }) => group)) {
      const { from: since, openedAt, openedMs } = old;
      const group = { ...this.#group(since, 'refused'), openedAt, openedMs };
      for (const { symbol } of refused) {
        const market = this.#known.get(symbol);
        if (market && old.missing.delete(market)) this.#put(market, group);
      }
      this.#begin(group, Math.max(0, LASTING_MS - (this.#clock.now() - openedMs)));
      this.#settle(old);
    }
  }

  /** The code is no longer subscribed: its gap ends, and it counts as never received. */
  forget(symbol: string): void {
    this.#close(symbol, 0);
    for (const group of this.#groups)
      if (group.back.some((market) => market.symbol === symbol)) this.#fold(group);
    this.#known.delete(symbol);
    this.#doubtful.delete(symbol);
  }

  /**
   * Since when each code that was ever received is missing. A gap that is over and was not told yet counts as open: a
   * crash would take it along.
   * @param until when what was received ends, for the codes that are not missing
   */
  covered(until: Micros): Map<Micros, string[]> {
    const covered = new Map<Micros, string[]>();
    const untold = new Map<string, Micros>();
    for (const { back, since } of this.#groups)
      for (const { symbol } of back) untold.set(symbol, Math.min(since, untold.get(symbol) ?? since));
    for (const symbol of this.#known.keys()) {
      const group = this.#open.get(symbol);
      const from = Math.min(group ? this.#span(group).from : until, untold.get(symbol) ?? until);
      const symbols = covered.get(from);
      if (symbols) symbols.push(symbol);
      else covered.set(from, [symbol]);
    }
    return covered;
  }

  /** Whether the code was ever received, or may have been. */
  knows(symbol: string): boolean {
    return this.#known.has(symbol);
  }

  missing(symbol: string): boolean {
    return this.#open.has(symbol);
  }

  /** Symbols of which a gap is open. */
  get open(): MapIterator<string> {
    return this.#open.keys();
  }

  /** Ends every gap now, tells all that is to be told, and takes nothing more. */
  end(): void {
    for (const symbol of [...this.#known.keys()]) this.#close(symbol, 0);
    for (const group of [...this.#groups]) this.#fold(group);
    this.#known.clear();
    this.#ended = true;
  }

  #group(from: Micros, cause: GapCause): Group {
    return {
      cause,
      missing: new Set(),
      id: crypto.randomUUID(),
      openedAt: this.#clock.micros(),
      openedMs: this.#clock.now(),
      from,
      since: from,
      to: from,
      back: [],
      told: false,
      cancelFold: null,
      cancelNotice: null,
    };
  }

  #put(market: Market, group: Group): void {
    group.missing.add(market);
    this.#open.set(market.symbol, group);
  }

  #begin(group: Group, noticeMs: number): void {
    if (group.missing.size === 0) return;
    this.#groups.add(group);
    group.cancelNotice = this.#clock.after(noticeMs, () => this.#notice(group));
  }

  #close(symbol: string, ahead: Micros): void {
    const group = this.#open.get(symbol);
    const market = this.#known.get(symbol);
    if (!group || !market) return;
    this.#open.delete(symbol);
    group.missing.delete(market);
    group.back.push(market);
    const { from, to } = this.#span(group);
    group.since = Math.min(group.since, from);
    group.to = Math.max(group.to, to + ahead);
    group.cancelFold ??= this.#clock.after(FOLD_MS, () => this.#fold(group));
    this.#settle(group);
  }

  /** An open gap until now. Where the wall clock was set meanwhile it holds what either setting says. */
  #span({ from, openedAt, openedMs }: Group): { from: Micros; to: Micros } {
    const now = this.#clock.micros();
    const lasted = Math.round((this.#clock.now() - openedMs) * 1000);
    const step = now - (openedAt + lasted);
    if (Math.abs(step) < CLOCK_STEP) return { from, to: Math.max(from, now) };
    return { from: Math.min(from, from + step), to: Math.max(now, now - step) };
  }

  #fold(group: Group): void {
    group.cancelFold?.();
    group.cancelFold = null;
    const { back } = group;
    group.back = [];
    if (back.length > 0) this.#report(record(group, group.since, back, group.to));
    this.#settle(group);
  }

  #settle(group: Group): void {
    if (group.missing.size > 0) return;
    group.cancelNotice?.();
    if (group.back.length === 0) this.#groups.delete(group);
  }

  #notice(group: Group): void {
    if (group.missing.size === 0) return;
    group.told = true;
    this.#report(record(group, group.from, group.missing, null));
  }
}

function record({ id, cause }: Group, from: Micros, markets: Iterable<Market>, to: Micros | null): Gap {
  const codes = Array.from(markets, ({ code }) => code);
  return { gap_id: id, from, to, cause, codes, first_missing_id: null, last_missing_id: null };
}
