import { type Market, market, type Pair } from './market.ts';

/** Symbols learnt from frames beyond the list, and those that lists dropped, are kept up to this many, so that a hostile feed cannot fill memory. */
const MAX_LEARNT = 20_000;

/** No exchange's symbol is as long. */
const MAX_SYMBOL = 64;

/** What a listing needs to be known by; see `Listing` in the plug-in interface. */
export interface Listed {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
}

/**
 * The markets of one exchange. Lookups return the same object for the same symbol, also after a list has dropped and
 * named it again, so that stages can compare and key by identity. Symbols that no list names are split by the plug-in's fallback and remembered.
 */
export class Markets {
  #listed = new Map<string, Market>();
  /** Markets that a list once named and no longer does. */
  readonly #former = new Map<string, Market>();
  readonly #learnt = new Map<string, Market>();
  readonly #split: (symbol: string) => Pair | null;

  constructor(split: (symbol: string) => Pair | null, listings: readonly Listed[] = []) {
    this.#split = split;
    this.replace(listings);
  }

  /** The market of a symbol as the exchange spells it; undefined where it cannot be one. */
  get(symbol: string): Market | undefined {
    return this.#listed.get(symbol) ?? this.#known(symbol) ?? this.#learn(symbol);
  }

  /** True once a market list was read. */
  get known(): boolean {
    return this.#listed.size > 0;
  }

  /** Every listed, tradable market. */
  all(): Market[] {
    return [...this.#listed.values()];
  }

  listed(symbol: string): Market | undefined {
    return this.#listed.get(symbol);
  }

  /** Takes a fresh market list. Markets whose base and quote did not change keep their object. */
  replace(listings: readonly Listed[]): { joined: Market[]; left: Market[] } {
    const before = this.#listed;
    const after = new Map<string, Market>();
    const joined: Market[] = [];
    for (const { symbol, base, quote } of listings) {
      const old = after.get(symbol) ?? before.get(symbol) ?? this.#known(symbol);
      const fresh = market(symbol, base, quote);
      const kept = old?.code === fresh.code ? old : fresh;
      if (!before.has(symbol) && !after.has(symbol)) joined.push(kept);
      after.set(symbol, kept);
    }
    this.#listed = after;
    const left = [...before.values()].filter(({ symbol }) => !after.has(symbol));
    for (const one of left) if (this.#former.size < MAX_LEARNT) this.#former.set(one.symbol, one);
    return { joined, left };
  }

  #known(symbol: string): Market | undefined {
    return this.#former.get(symbol) ?? this.#learnt.get(symbol);
  }

  #learn(symbol: string): Market | undefined {
    if (this.#learnt.size >= MAX_LEARNT || symbol.length > MAX_SYMBOL) return undefined;
    const pair = this.#split(symbol);
    if (!pair) return undefined;
    const learnt = market(symbol, pair.base, pair.quote);
    this.#learnt.set(symbol, learnt);
    return learnt;
  }
}

/** A row of a market list: none where one of its names is no text or empty. */
export function listing(symbol: unknown, base: unknown, quote: unknown): Listed[] {
  const named = isName(symbol) && isName(base) && isName(quote);
  return named ? [{ symbol, base, quote }] : [];
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Splits at the first separator: `KRW-BTC` → KRW, BTC. Null where a side is empty. */
export function cut(symbol: string, separator: string): [string, string] | null {
  const at = symbol.indexOf(separator);
  return at > 0 && at < symbol.length - separator.length
    ? [symbol.slice(0, at), symbol.slice(at + separator.length)]
    : null;
}

/** Splits a joined symbol by the longest of `quotes` (given longest first) that ends it and leaves a base. */
export function cutSuffix(symbol: string, quotes: readonly string[]): Pair | null {
  for (const quote of quotes) {
    if (symbol.length > quote.length && symbol.endsWith(quote)) {
      return { base: symbol.slice(0, -quote.length), quote };
    }
  }
  return null;
}
