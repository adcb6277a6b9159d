import type { Micros } from '../market/market.ts';
import type { Trade } from '../market/rows.ts';

/** How the trades of an exchange's REST interface relate to those of its socket. */
export interface MatchRules {
  readonly tradeIds: 'consecutive' | 'increasing' | 'unordered';
  /** REST has ids of its own: trades are the same where time, price, volume and side are. */
  readonly otherIds: boolean;
}

/** A trade of the socket and what REST says of it instead. */
export interface Difference {
  readonly live: Trade;
  readonly rest: Trade;
  /** `time`, `price`, `volume`, `side`. */
  readonly fields: readonly string[];
}

export interface Match {
  /** Trades of the socket that REST shows as they came. */
  readonly same: readonly Trade[];
  readonly different: readonly Difference[];
  /** Trades of the socket that REST lacks, between two that it has. */
  readonly absent: readonly Trade[];
  /** Trades of the socket behind the newest that REST has. */
  readonly unseen: readonly Trade[];
  /** Trades of REST that the socket did not bring. */
  readonly extra: readonly Trade[];
}

/** Volumes of merged fills are sums. */
const CLOSE = 1e-9;
const MS: Micros = 1000;

/**
 * Holds trades of the socket against one unbroken list of REST, as far as the list reaches.
 * @param live each once, in any order
 * @param listed in any order; those of one page, or of pages without a seam
 */
export function matchTrades(live: readonly Trade[], listed: readonly Trade[], rules: MatchRules): Match {
  const out: Match & Record<'same' | 'absent' | 'unseen' | 'extra', Trade[]> & { different: Difference[] } = {
    ...{ same: [], different: [], absent: [], unseen: [], extra: [] },
  };
  const rest = new RestTrades(listed, rules);
  for (const trade of live) {
    const own = rest.take(trade);
    if (own === null) {
      const place = rest.placeOf(trade);
      if (place === 'within') out.absent.push(trade);
      else if (place === 'behind') out.unseen.push(trade);
      continue;
    }
    const fields = differing(trade, own);
    if (fields.length === 0) out.same.push(trade);
    else out.different.push({ live: trade, rest: own, fields });
  }
  out.extra.push(...rest.left());
  return out;
}

/** What of two tellings of one trade is not equal. */
function differing(live: Trade, rest: Trade): string[] {
  const fields: string[] = [];
  if (!sameTime(live.timestamp, rest.timestamp)) fields.push('time');
  if (live.price !== rest.price) fields.push('price');
  if (Math.abs(live.volume - rest.volume) > CLOSE * live.volume) fields.push('volume');
  if (live.side !== rest.side) fields.push('side');
  return fields;
}

/** Where one of them tells whole milliseconds, these; else but for what cutting may change. */
export function sameTime(a: Micros, b: Micros): boolean {
  if (a % MS === 0 || b % MS === 0) return Math.floor(a / MS) === Math.floor(b / MS);
  return Math.abs(a - b) <= 1;
}

/** Trades of REST, by what they are found again. */
class RestTrades {
  readonly #rules: MatchRules;
  readonly #byId = new Map<string, Trade>();
  readonly #byPlace = new Map<string, Trade[]>();
  readonly #taken = new Set<Trade>();
  readonly #all: readonly Trade[];
  readonly #first: Trade | undefined;
  readonly #last: Trade | undefined;

  constructor(listed: readonly Trade[], rules: MatchRules) {
    this.#rules = rules;
    for (const trade of listed) this.#byId.set(trade.trade_id, trade);
    this.#all = [...this.#byId.values()].sort((a, b) => order(a, b, rules));
    this.#first = this.#all[0];
    this.#last = this.#all.at(-1);
    if (!rules.otherIds) return;
    for (const trade of this.#all) {
      const place = placeName(trade);
      this.#byPlace.set(place, [...(this.#byPlace.get(place) ?? []), trade]);
    }
  }

  /** The same trade as REST tells it; null where it does not. */
  take(live: Trade): Trade | null {
    return this.#rules.otherIds ? this.#takeAlike(live) : this.#takeById(live);
  }

  #takeById(live: Trade): Trade | null {
    const last = this.#byId.get(live.trade_id);
    if (!last) return null;
    this.#taken.add(last);
    if (live.fills === 1) return last;
    // One row of the socket stands for several fills, which REST lists one by one.
    let volume = last.volume;
    for (let back = 1n; back < BigInt(live.fills); back++) {
      const fill = this.#byId.get(String(BigInt(live.trade_id) - back));
      if (!fill) return this.#placeOfFills(live) === 'within' ? { ...last, volume } : { ...last, ...live };
      this.#taken.add(fill);
      volume += fill.volume;
    }
    return { ...last, volume };
  }

  /** Whether the first of its fills lies where REST was read. */
  #placeOfFills(live: Trade): 'before' | 'within' {
    const first = BigInt(live.trade_id) - BigInt(live.fills - 1);
    return this.#first && BigInt(this.#first.trade_id) <= first ? 'within' : 'before';
  }

  /** Of those of its millisecond one that is equal; else, where some are left, the one that differs least. */
  #takeAlike(live: Trade): Trade | null {
    const all = this.#byPlace.get(placeName(live)) ?? [];
    const left = all.filter((trade) => !this.#taken.has(trade));
    const ranked = left
      .map((trade) => ({ trade, off: differing(live, trade).length }))
      .sort((a, b) => a.off - b.off);
    const [best] = ranked;
    if (!best || best.off > 1) return null;
    this.#taken.add(best.trade);
    return best.trade;
  }

  placeOf(live: Trade): 'before' | 'within' | 'behind' {
    if (!this.#first || !this.#last) return 'behind';
    if (this.#rules.otherIds || this.#rules.tradeIds === 'unordered') {
      if (live.timestamp >= this.#last.timestamp) return 'behind';
      return live.timestamp <= this.#first.timestamp + MS ? 'before' : 'within';
    }
    if (order(live, this.#last, this.#rules) > 0) return 'behind';
    return order(live, this.#first, this.#rules) < 0 ? 'before' : 'within';
  }

  left(): Trade[] {
    return this.#all.filter((trade) => !this.#taken.has(trade));
  }
}

function placeName({ timestamp }: Trade): string {
  return String(Math.floor(timestamp / MS));
}

/** By id where ids rise and are those of both, else by time. */
export function order(a: Trade, b: Trade, { tradeIds, otherIds }: MatchRules): number {
  if (otherIds || tradeIds === 'unordered') return a.timestamp - b.timestamp;
  return (
    a.trade_id.length - b.trade_id.length || (a.trade_id < b.trade_id ? -1 : a.trade_id > b.trade_id ? 1 : 0)
  );
}

/** A place where ids do not go on one by one. */
export interface IdBreak {
  readonly before: Trade;
  readonly after: Trade;
}

/** Where ids that are to be consecutive are not. @param live in the order in which they came */
export function idBreaks(live: readonly Trade[]): IdBreak[] {
  const breaks: IdBreak[] = [];
  for (let at = 1; at < live.length; at++) {
    const [before, after] = [live[at - 1], live[at]] as [Trade, Trade];
    if (BigInt(after.trade_id) - BigInt(after.fills) !== BigInt(before.trade_id))
      breaks.push({ before, after });
  }
  return breaks;
}
