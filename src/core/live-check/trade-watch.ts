import type { Micros } from '../market/market.ts';
import type { Trade } from '../market/rows.ts';
import type { Visible } from './findings.ts';
import {
  type Difference,
  type IdBreak,
  idBreaks,
  type MatchRules,
  matchTrades,
  order,
} from './trade-match.ts';

/** Trades of a code that are looked at; what comes behind them is not. */
const MOST = 20_000;
/** Where only times tell the order, trades so close to an edge of what was received may lie on either side. */
const EDGE: Micros = 1_000_000;

/** An interval in which the socket received nothing. */
export interface Cut {
  readonly from: Micros;
  /** Null while it lasts. */
  readonly to: Micros | null;
}

/** What was found of one code's trades. */
export interface TradeVerdict {
  readonly same: number;
  readonly different: readonly Difference[];
  readonly absent: readonly Trade[];
  readonly extra: readonly Trade[];
  readonly breaks: readonly IdBreak[];
  readonly visible: Visible;
}

/** The trades of one code as the socket brings them, and what REST says of them each time it is asked. */
export class TradeWatch {
  readonly #rules: MatchRules;
  readonly #live: Trade[] = [];
  readonly #ids = new Set<string>();
  readonly #same = new Set<string>();
  readonly #different = new Map<string, Difference>();
  readonly #absent = new Map<string, Trade>();
  readonly #extra = new Map<string, Trade>();
  #unseen: readonly Trade[] = [];
  #youngestSeen: Micros | null = null;
  #oldestUnseen: Micros | null = null;

  constructor(rules: MatchRules) {
    this.#rules = rules;
  }

  take(trade: Trade): void {
    if (this.#live.length >= MOST || this.#ids.has(trade.trade_id)) return;
    this.#ids.add(trade.trade_id);
    this.#live.push(trade);
  }

  /** The first trade that came as it happened; null where none came. */
  get first(): Trade | null {
    return this.#live.find(isLive) ?? null;
  }

  get latest(): Trade | null {
    return this.#live.findLast(isLive) ?? null;
  }

  /** Trades that REST had not shown when it was asked last. */
  get unseen(): number {
    return this.#unseen.length;
  }

  /**
   * An answer of REST.
   * @param listed an unbroken list
   * @param whole whether it goes on to the newest trade that REST has
   */
  listed(listed: readonly Trade[], whole: boolean, answeredAt: Micros): void {
    const match = matchTrades(this.#live, listed, this.#rules);
    const news = (trade: Trade) => !this.#same.has(trade.trade_id) && !this.#different.has(trade.trade_id);
    const found = [...match.same, ...match.different.map(({ live }) => live)].filter(isLive);
    for (const { received_at } of found.filter(news)) {
      const age = answeredAt - received_at;
      if (this.#youngestSeen === null || age < this.#youngestSeen) this.#youngestSeen = age;
    }
    for (const { trade_id } of match.same) this.#same.add(trade_id);
    for (const one of match.different) this.#different.set(one.live.trade_id, one);
    for (const trade of match.absent) if (news(trade)) this.#absent.set(trade.trade_id, trade);
    for (const { trade_id } of found) this.#absent.delete(trade_id);
    for (const trade of match.extra) if (this.#extra.size < MOST) this.#extra.set(trade.trade_id, trade);
    if (!whole) return;
    this.#unseen = match.unseen.filter(isLive);
    for (const { received_at } of this.#unseen)
      this.#oldestUnseen = Math.max(this.#oldestUnseen ?? 0, answeredAt - received_at);
  }

  /** @param cuts when the socket received nothing */
  verdict(cuts: readonly Cut[]): TradeVerdict {
    const breaks = this.#rules.tradeIds === 'consecutive' ? idBreaks(this.#live.filter(isLive)) : [];
    return {
      same: this.#same.size,
      different: [...this.#different.values()],
      absent: [...this.#absent.values(), ...this.#unseen],
      extra: this.#lacking(cuts),
      breaks: breaks.filter(({ before, after }) => !isCut(cuts, before.timestamp, after.timestamp)),
      visible: { seen: seconds(this.#youngestSeen), unseen: seconds(this.#oldestUnseen) },
    };
  }

  /** Of what was extra at its time, what never came and lies between two that did. */
  #lacking(cuts: readonly Cut[]): Trade[] {
    const { first, latest } = this;
    if (!first || !latest) return [];
    const byTime = this.#rules.otherIds || this.#rules.tradeIds === 'unordered';
    const edge = byTime ? EDGE : 0;
    const between = [...this.#extra.values()].filter(
      (trade) =>
        order(trade, first, this.#rules) > edge &&
        order(latest, trade, this.#rules) > edge &&
        !isCut(cuts, trade.timestamp, trade.timestamp),
    );
    return [...matchTrades(this.#live, between, this.#rules).extra];
  }
}

function isLive({ stream_type }: Trade): boolean {
  return stream_type === 'REALTIME';
}

/** Clocks differ by a little, and a cut is told by ours. */
function isCut(cuts: readonly Cut[], from: Micros, to: Micros): boolean {
  return cuts.some((cut) => cut.from - EDGE <= to && (cut.to ?? Number.POSITIVE_INFINITY) + EDGE >= from);
}

function seconds(micros: Micros | null): number | null {
  return micros === null ? null : Math.round(micros / 100_000) / 10;
}
