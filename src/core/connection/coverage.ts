import type { Cancel, Clock } from '../../common/clock.ts';
import type { Gap, GapCause } from '../events.ts';
import type { Market, Micros } from '../market/market.ts';

/** Codes that come back within this time share a record. */
const FOLD_MS = 250;
/** A gap that lasts this long is reported before it ends, so that an operator, and a crash, find it on record. */
const LASTING_MS = 10_000;

interface Group {
  readonly from: Micros;
  readonly cause: GapCause;
  readonly missing: Set<Market>;
  back: Market[];
  to: Micros;
  cancelFold: Cancel | null;
  cancelNotice: Cancel | null;
}

/**
 * Which subscribed codes are being received, and the record of every interval in which one was not. A code counts
 * from its first confirmation on; what was never received before makes no gap.
 */
export class Coverage {
  readonly #clock: Clock;
  readonly #report: (gap: Gap) => void;
  readonly #known = new Map<string, Market>();
  readonly #open = new Map<string, Group>();

  constructor(clock: Clock, report: (gap: Gap) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  /** The code is received (again). */
  confirm(market: Market): void {
    this.#known.set(market.symbol, market);
    this.#close(market.symbol, this.#clock.micros());
  }

  /** These codes are not received since `from`. Codes that were never received, or are missing already, stay as they are. */
  lose(markets: Iterable<Market>, from: Micros, cause: GapCause, noticeMs: number = LASTING_MS): void {
    const group: Group = {
      from,
      cause,
      missing: new Set(),
      back: [],
      to: from,
      cancelFold: null,
      cancelNotice: null,
    };
    for (const { symbol } of markets) {
      const market = this.#known.get(symbol);
      if (!market || this.#open.has(symbol)) continue;
      group.missing.add(market);
      this.#open.set(symbol, group);
    }
    if (group.missing.size > 0) group.cancelNotice = this.#clock.after(noticeMs, () => this.#notice(group));
  }

  /** These codes were received by somebody else until `from`: their gap starts there, as if it had been here. */
  inherit(markets: readonly Market[], from: Micros, cause: GapCause): void {
    for (const market of markets) this.#known.set(market.symbol, market);
    this.lose(markets, from, cause);
  }

  /** The code is no longer subscribed: its gap ends, and it counts as never received. */
  forget(symbol: string): void {
    this.#close(symbol, this.#clock.micros());
    this.#known.delete(symbol);
  }

  /**
   * Since when each code that was ever received is missing.
   * @param until when what was received ends, for the codes that are not missing
   */
  covered(until: Micros): Map<Micros, string[]> {
    const covered = new Map<Micros, string[]>();
    for (const symbol of this.#known.keys()) {
      const from = this.#open.get(symbol)?.from ?? until;
      const symbols = covered.get(from);
      if (symbols) symbols.push(symbol);
      else covered.set(from, [symbol]);
    }
    return covered;
  }

  missing(symbol: string): boolean {
    return this.#open.has(symbol);
  }

  /** Ends every gap now and forgets all codes. */
  end(): void {
    const groups = new Set(this.#open.values());
    for (const symbol of [...this.#known.keys()]) this.forget(symbol);
    for (const group of groups) this.#fold(group);
  }

  #close(symbol: string, at: Micros): void {
    const group = this.#open.get(symbol);
    const market = this.#known.get(symbol);
    if (!group || !market) return;
    this.#open.delete(symbol);
    group.missing.delete(market);
    group.back.push(market);
    group.to = Math.max(group.to, at);
    if (group.missing.size === 0) group.cancelNotice?.();
    group.cancelFold ??= this.#clock.after(FOLD_MS, () => this.#fold(group));
  }

  #fold(group: Group): void {
    group.cancelFold?.();
    group.cancelFold = null;
    const { back } = group;
    group.back = [];
    if (back.length > 0) this.#report(record(group, back, group.to));
  }

  #notice(group: Group): void {
    if (group.missing.size > 0) this.#report(record(group, group.missing, null));
  }
}

function record({ from, cause }: Group, markets: Iterable<Market>, to: Micros | null): Gap {
  const codes = Array.from(markets, ({ code }) => code);
  return { from, to, cause, codes, first_missing_id: null, last_missing_id: null };
}
