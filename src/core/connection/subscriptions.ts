import type { Exchange, Session } from '../exchange.ts';
import type { Market } from '../market/market.ts';

/**
 * `wanted` is to be sent, `again` too though an answer to the first request still counts; `asked` is sent; `silent`
 * was asked for in vain and stays subscribed; `refused` is not asked for again on this socket.
 */
type Phase = 'wanted' | 'asked' | 'again' | 'silent' | 'confirmed' | 'refused';

interface Entry {
  readonly market: Market;
  phase: Phase;
  /** Whether the exchange may be serving it. */
  held: boolean;
  askedMs: number;
  tries: number;
  /** How many codes the next frame naming this one may name. */
  slice: number;
}

type Rules = Pick<Exchange, 'limits' | 'subscribing'>;

/** A replaced list makes the exchange send every snapshot again, so it is repeated less. */
const TRIES = { add: 3, replace: 2 } as const;

/** What one socket shall carry, what it was asked for, and what the exchange has confirmed of it. */
export class Subscriptions {
  readonly #rules: Rules;
  readonly #entries = new Map<string, Entry>();
  /** Sent to the exchange and no longer wanted, or to be dropped before it is asked for again. */
  readonly #drops = new Map<string, Entry>();
  #dirty = false;

  /** @param suspects symbols refused before: each is asked for alone, so that it spoils no other's request */
  constructor(rules: Rules, markets: Iterable<Market>, suspects: ReadonlySet<string>) {
    this.#rules = rules;
    for (const market of markets) this.#add(market, suspects.has(market.symbol));
  }

  /** Changes what is wanted; `next` then says what has to be sent. */
  want(markets: Iterable<Market>): void {
    const wanted = new Map(Array.from(markets, (market) => [market.symbol, market]));
    for (const [symbol, entry] of this.#entries) {
      if (wanted.has(symbol)) continue;
      this.#entries.delete(symbol);
      if (entry.held) this.#drops.set(symbol, entry);
    }
    for (const [symbol, market] of wanted) {
      if (this.#entries.has(symbol)) continue;
      const dropped = this.#drops.get(symbol);
      // Its drop was not sent yet: it is subscribed as it was, unless the drop was meant to subscribe it anew.
      if (dropped) this.#entries.set(symbol, dropped);
      else this.#add(market, false);
      if (dropped?.phase !== 'wanted') this.#drops.delete(symbol);
    }
    this.#dirty = true;
  }

  /** Whether `next` would return frames. */
  get pending(): boolean {
    return this.#dirty;
  }

  /** Whether the exchange has answered for every code, one way or the other. */
  get settled(): boolean {
    for (const { phase } of this.#entries.values()) {
      if (phase === 'wanted' || phase === 'asked' || phase === 'again') return false;
    }
    return true;
  }

  /** The next frames to send, in order. Codes count as asked for from now on. */
  next(session: Session, nowMs: number): string[] {
    return this.#rules.subscribing === 'replace' ? this.#replace(session, nowMs) : this.#step(session, nowMs);
  }

  /** The exchange confirmed these symbols; returns the markets for which that is news. */
  ack(symbols: readonly string[]): Market[] {
    return symbols.flatMap((symbol) => this.data(symbol) ?? []);
  }

  /** Rows of this symbol arrived, which confirms it; returns the market if that is news. */
  data(symbol: string): Market | null {
    const entry = this.#entries.get(symbol);
    if (!entry || entry.phase === 'confirmed' || entry.phase === 'wanted') return null;
    entry.phase = 'confirmed';
    entry.held = true;
    return entry.market;
  }

  confirmed(symbol: string): boolean {
    return this.#entries.get(symbol)?.phase === 'confirmed';
  }

  /**
   * The exchange refused these symbols. Several at once may be one bad code that spoilt its request: they are asked
   * for again in halves until a refusal stands alone.
   * @returns the markets whose refusal is final
   */
  refused(symbols: readonly string[]): Market[] {
    const final: Market[] = [];
    const half = Math.ceil(symbols.length / 2);
    const divisible = symbols.length > 1 && this.#rules.subscribing === 'add';
    for (const symbol of symbols) {
      const entry = this.#entries.get(symbol);
      if (!entry || entry.phase === 'refused') continue;
      entry.held = false;
      if (divisible && entry.slice > 1) {
        entry.slice = half;
        entry.phase = 'wanted';
        this.#dirty = true;
      } else {
        entry.phase = 'refused';
        final.push(entry.market);
      }
    }
    return final;
  }

  /** The market of a symbol that was asked for and not refused. */
  subscribed(symbol: string): Market | null {
    const entry = this.#entries.get(symbol);
    return !entry || entry.phase === 'wanted' || entry.phase === 'refused' ? null : entry.market;
  }

  /** Makes `next` subscribe this symbol anew. */
  resync(symbol: string): void {
    const entry = this.#entries.get(symbol);
    if (!entry || entry.phase === 'wanted' || entry.phase === 'refused') return;
    entry.phase = 'wanted';
    entry.tries = 0;
    if (this.#rules.subscribing === 'add' && entry.held) this.#drops.set(symbol, entry);
    this.#dirty = true;
  }

  /**
   * Codes asked for more than `limitMs` ago without an answer are asked for again; those asked for often enough are
   * returned, once. They stay subscribed: data may confirm them at any time.
   */
  overdue(nowMs: number, limitMs: number): Market[] {
    const given: Market[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.phase !== 'asked' || nowMs - entry.askedMs < limitMs) continue;
      if (entry.tries < TRIES[this.#rules.subscribing]) {
        entry.phase = 'again';
        this.#dirty = true;
      } else {
        entry.phase = 'silent';
        given.push(entry.market);
      }
    }
    return given;
  }

  #add(market: Market, suspect: boolean): void {
    const slice = suspect ? 1 : this.#rules.limits.codesPerFrame;
    this.#entries.set(market.symbol, { market, phase: 'wanted', held: false, askedMs: 0, tries: 0, slice });
    this.#dirty = true;
  }

  #replace(session: Session, nowMs: number): string[] {
    const want = [...this.#entries.values()].filter(({ phase }) => phase !== 'refused');
    const add = want.filter(({ phase }) => phase === 'wanted' || phase === 'again');
    const drop = [...this.#drops.values()];
    this.#dirty = false;
    if (add.length === 0 && drop.length === 0) return [];
    for (const entry of drop) entry.held = false;
    this.#drops.clear();
    for (const entry of add) ask(entry, nowMs);
    return session.change(want.map(marketOf), add.map(marketOf), drop.map(marketOf));
  }

  #step(session: Session, nowMs: number): string[] {
    const { codesPerFrame } = this.#rules.limits;
    if (this.#drops.size > 0) {
      const drop = [...this.#drops.values()].slice(0, codesPerFrame);
      const { frames, count } = this.#fit(session, [], drop);
      for (const entry of drop.slice(0, count)) {
        entry.held = false;
        this.#drops.delete(entry.market.symbol);
      }
      return frames;
    }
    const add = this.#sliceToAdd(codesPerFrame);
    this.#dirty = add.length > 0;
    if (add.length === 0) return [];
    const { frames, count } = this.#fit(session, add, []);
    for (const entry of add.slice(0, count)) ask(entry, nowMs);
    return frames;
  }

  /** Codes of the largest permitted slice first: suspects come last. */
  #sliceToAdd(codesPerFrame: number): Entry[] {
    const open = [...this.#entries.values()].filter(({ phase }) => phase === 'wanted' || phase === 'again');
    const slice = open.reduce((most, entry) => Math.max(most, entry.slice), 1);
    return open.filter((entry) => entry.slice === slice).slice(0, Math.min(slice, codesPerFrame));
  }

  /** Frames for as many of the codes, from the first on, as a frame may have characters for. */
  #fit(session: Session, add: Entry[], drop: Entry[]): { frames: string[]; count: number } {
    const most = this.#rules.limits.frameChars ?? Number.POSITIVE_INFINITY;
    const kept = [...this.#entries.values()].filter(({ phase }) => phase !== 'wanted' && phase !== 'refused');
    for (let count = Math.max(add.length, drop.length); ; count = Math.ceil(count / 2)) {
      const added = add.slice(0, count);
      const frames = session.change(
        [...kept, ...added].map(marketOf),
        added.map(marketOf),
        drop.slice(0, count).map(marketOf),
      );
      if (count <= 1 || frames.every((frame) => frame.length <= most)) return { frames, count };
    }
  }
}

function ask(entry: Entry, nowMs: number): void {
  entry.phase = 'asked';
  entry.held = true;
  entry.tries++;
  entry.askedMs = nowMs;
}

function marketOf({ market }: Entry): Market {
  return market;
}
