import type { Exchange, Session } from '../exchange.ts';
import type { Market } from '../market/market.ts';
import { RecentDrops } from './recent-drops.ts';
import { type Entry, isGivenUp, isOpen, marketOf } from './subscription-entry.ts';

type Rules = Pick<Exchange, 'limits' | 'subscribing' | 'repeatable'>;

/** A replaced list makes the exchange send every snapshot again, so it is repeated less. */
const TRIES = { add: 3, replace: 2 } as const;
/** The first wait before a code that was given up is asked for again; each further one is twice as long. */
const FIRST_MS = { add: 5000, replace: 10_000 } as const;
const LONGEST_MS = 300_000;
/** While nothing at all is served, one of them is asked for so soon: an exchange that serves again is noticed by that one. */
const DARK_MS = 15_000;
/** A wait is longer or shorter by up to this share. */
const JITTER = 0.2;
/** A code that was served for less long than this waits as if it had never been. */
const STEADY_MS = 60_000;
/** Rows of a code that come this soon after its refusal, or after it was dropped, may have been sent before that. */
const LATE_MS = 2000;
/** One suspect that is served after all gives hope for the others, so often at most. */
const HOPE_MS = 60_000;

/** What one socket shall carry, what it was asked for, and what the exchange has confirmed of it. */
export class Subscriptions {
  readonly #rules: Rules;
  readonly #entries = new Map<string, Entry>();
  /** Sent to the exchange and no longer wanted, or to be dropped before it is asked for again. */
  readonly #drops = new Map<string, Entry>();
  readonly #recent = new RecentDrops(LATE_MS);
  readonly #random: () => number;
  #dirty = false;
  #hopeMs = Number.NEGATIVE_INFINITY;
  /** When something was last asked for. */
  #askedMs = Number.NEGATIVE_INFINITY;
  #listMs = Number.NEGATIVE_INFINITY;

  /**
   * @param suspects symbols refused before: each is asked for alone, so that it spoils no other's request
   * @param random in [0, 1): codes that were given up together are not asked for again together
   */
  constructor(
    rules: Rules,
    markets: Iterable<Market>,
    suspects: ReadonlySet<string>,
    random: () => number = () => 0.5,
  ) {
    this.#rules = rules;
    this.#random = random;
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

  /** Whether the exchange has answered for every code, one way or the other; that one is asked again changes nothing. */
  get settled(): boolean {
    for (const entry of this.#entries.values()) if (isOpen(entry) && entry.given === 0) return false;
    return true;
  }

  /** Codes that are confirmed. */
  get carried(): number {
    let carried = 0;
    for (const { phase } of this.#entries.values()) if (phase === 'confirmed') carried++;
    return carried;
  }

  /** The next frames to send, in order. Codes count as asked for from now on. */
  next(session: Session, nowMs: number): string[] {
    return this.#rules.subscribing === 'replace' ? this.#replace(session, nowMs) : this.#step(session, nowMs);
  }

  /** The exchange confirmed these symbols; returns the markets for which that is news. */
  ack(symbols: readonly string[], nowMs: number): Market[] {
    return symbols.flatMap((symbol) => this.#confirm(symbol, nowMs) ?? []);
  }

  /**
   * Rows of this symbol arrived, which confirms it; returns the market if that is news. Of one that was dropped a moment
   * ago and is wanted again they may be the last of the old subscription.
   * @param answers they are snapshots, which only a new subscription brings
   */
  data(symbol: string, nowMs: number, answers = false): Market | null {
    return !answers && this.#recent.mayBeLate(symbol, nowMs) ? null : this.#confirm(symbol, nowMs);
  }

  #confirm(symbol: string, nowMs: number): Market | null {
    const entry = this.#entries.get(symbol);
    if (!entry || entry.phase === 'confirmed' || entry.phase === 'wanted') return null;
    if (entry.phase === 'refused' && nowMs - entry.givenMs < LATE_MS) return null;
    entry.phase = 'confirmed';
    entry.held = true;
    entry.confirmedMs = nowMs;
    entry.slice = this.#rules.limits.codesPerFrame;
    if (entry.suspect) this.#hope(entry, nowMs);
    return entry.market;
  }

  confirmed(symbol: string): boolean {
    return this.#entries.get(symbol)?.phase === 'confirmed';
  }

  /** Whether this symbol was asked for, and there is no answer yet. */
  awaits(symbol: string): boolean {
    const phase = this.#entries.get(symbol)?.phase;
    return phase === 'asked' || phase === 'again';
  }

  /**
   * The exchange refused these symbols. Several at once may be one bad code that spoilt its request: they are asked
   * for again in halves until a refusal stands alone.
   * @param whole the refusal is about the socket, so that all of them are meant
   * @returns the markets that are refused for now
   */
  refused(symbols: readonly string[], nowMs: number, whole = false): Market[] {
    const final: Market[] = [];
    const half = Math.ceil(symbols.length / 2);
    const divisible = !whole && symbols.length > 1 && this.#rules.subscribing === 'add';
    for (const symbol of symbols) {
      const entry = this.#entries.get(symbol);
      if (!entry || entry.phase === 'refused') continue;
      entry.held = false;
      if (divisible && entry.slice > 1) {
        entry.slice = half;
        entry.phase = 'wanted';
        this.#dirty = true;
      } else {
        this.#giveUp(entry, 'refused', nowMs);
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

  /** Makes `next` subscribe this symbol anew: by a plain repeat where the exchange takes one, so that no row is lost. */
  resync(symbol: string): void {
    const entry = this.#entries.get(symbol);
    if (!entry || entry.phase === 'wanted' || entry.phase === 'refused') return;
    entry.phase = 'wanted';
    entry.tries = 0;
    const { subscribing, repeatable } = this.#rules;
    if (subscribing === 'add' && !repeatable && entry.held) this.#drops.set(symbol, entry);
    this.#dirty = true;
  }

  /**
   * To be called about once a second: asks for what was given up and is due, a suspect alone at a time; a list that is
   * replaced has all of them at once.
   * @returns whether `next` has something to send for it
   */
  retry(nowMs: number): boolean {
    const due = this.#due(nowMs);
    if (due.length === 0) return false;
    if (this.#rules.subscribing === 'replace') {
      if (nowMs - this.#listMs < FIRST_MS.replace) return false;
      for (const entry of this.#entries.values()) if (isGivenUp(entry)) this.#revive(entry, 1);
      return true;
    }
    for (const entry of this.#entries.values()) if (entry.given > 0 && isOpen(entry)) return false;
    const [first] = due;
    if (first) this.#revive(first, 1);
    return true;
  }

  /** There is a reason to ask for what was given up: it need not wait. */
  hasten(nowMs: number): void {
    for (const entry of this.#entries.values()) if (isGivenUp(entry)) entry.dueMs = nowMs;
  }

  /** The exchange says that it serves again: everything that was given up is asked for now, together. */
  reopened(): void {
    for (const entry of this.#entries.values()) {
      if (isGivenUp(entry)) this.#revive(entry, this.#rules.limits.codesPerFrame);
      else if (entry.suspect && entry.phase === 'wanted') entry.slice = this.#rules.limits.codesPerFrame;
    }
  }

  /**
   * Codes asked for more than `limitMs` ago without an answer are asked for again; those asked for often enough are
   * given up for now and returned. They stay subscribed: data may confirm them at any time.
   */
  overdue(nowMs: number, limitMs: number): Market[] {
    const given: Market[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.phase !== 'asked' || nowMs - entry.askedMs < limitMs) continue;
      if (entry.tries < TRIES[this.#rules.subscribing]) {
        entry.phase = 'again';
        this.#dirty = true;
      } else {
        this.#giveUp(entry, 'silent', nowMs);
        given.push(entry.market);
      }
    }
    return given;
  }

  #add(market: Market, suspect: boolean): void {
    this.#entries.set(market.symbol, {
      market,
      phase: 'wanted',
      held: false,
      askedMs: 0,
      tries: 0,
      slice: suspect ? 1 : this.#rules.limits.codesPerFrame,
      suspect,
      given: 0,
      givenMs: 0,
      dueMs: 0,
      confirmedMs: Number.POSITIVE_INFINITY,
    });
    this.#dirty = true;
  }

  #giveUp(entry: Entry, phase: 'silent' | 'refused', nowMs: number): void {
    if (nowMs - entry.confirmedMs > STEADY_MS) entry.given = 0;
    const doubled = FIRST_MS[this.#rules.subscribing] * 2 ** entry.given;
    const jitter = 1 + JITTER * (2 * this.#random() - 1);
    entry.givenMs = nowMs;
    entry.dueMs = nowMs + Math.min(doubled, LONGEST_MS) * jitter;
    entry.given++;
    entry.confirmedMs = Number.POSITIVE_INFINITY;
    entry.suspect = true;
    entry.phase = phase;
  }

  /** What was given up and has waited long enough, the longest first. */
  #due(nowMs: number): Entry[] {
    const given = [...this.#entries.values()].filter(isGivenUp).sort((a, b) => a.dueMs - b.dueMs);
    const due = given.filter(({ dueMs }) => dueMs <= nowMs);
    const dark = due.length === 0 && nowMs - this.#askedMs >= DARK_MS && this.carried === 0;
    return dark ? given.slice(0, 1) : due;
  }

  /** One request more; a late answer to an earlier one of a code that is still subscribed counts. */
  #revive(entry: Entry, slice: number): void {
    entry.phase = entry.phase === 'silent' ? 'again' : 'wanted';
    entry.tries = TRIES[this.#rules.subscribing] - 1;
    entry.slice = slice;
    this.#dirty = true;
  }

  /** What kept this one from being served may have kept the others. */
  #hope(entry: Entry, nowMs: number): void {
    entry.suspect = false;
    if (this.#rules.subscribing === 'replace' || nowMs - this.#hopeMs < HOPE_MS) return;
    this.#hopeMs = nowMs;
    this.reopened();
  }

  #replace(session: Session, nowMs: number): string[] {
    const want = [...this.#entries.values()].filter(({ phase }) => phase !== 'refused');
    const add = want.filter(({ phase }) => phase === 'wanted' || phase === 'again');
    const drop = [...this.#drops.values()];
    this.#dirty = false;
    this.#listMs = nowMs;
    if (add.length === 0 && drop.length === 0) return [];
    for (const entry of drop) this.#dropped(entry, nowMs);
    this.#drops.clear();
    this.#ask(add, nowMs);
    return session.change(want.map(marketOf), add.map(marketOf), drop.map(marketOf));
  }

  #step(session: Session, nowMs: number): string[] {
    const { codesPerFrame } = this.#rules.limits;
    if (this.#drops.size > 0) {
      const drop = [...this.#drops.values()].slice(0, codesPerFrame);
      const { frames, count } = this.#fit(session, [], drop);
      for (const entry of drop.slice(0, count)) {
        this.#dropped(entry, nowMs);
        this.#drops.delete(entry.market.symbol);
      }
      return frames;
    }
    const add = this.#sliceToAdd(codesPerFrame);
    this.#dirty = add.length > 0;
    if (add.length === 0) return [];
    const { frames, count } = this.#fit(session, add, []);
    this.#ask(add.slice(0, count), nowMs);
    return frames;
  }

  #dropped(entry: Entry, nowMs: number): void {
    entry.held = false;
    this.#recent.dropped(entry.market.symbol, nowMs);
  }

  #ask(entries: readonly Entry[], nowMs: number): void {
    this.#askedMs = nowMs;
    for (const entry of entries) {
      entry.phase = 'asked';
      entry.held = true;
      entry.tries++;
      entry.askedMs = nowMs;
    }
  }

  /** Codes of the largest permitted slice first; suspects come last, and by themselves. */
  #sliceToAdd(codesPerFrame: number): Entry[] {
    const all = [...this.#entries.values()].filter(({ phase }) => phase === 'wanted' || phase === 'again');
    const sound = all.filter(({ suspect }) => !suspect);
    const open = sound.length > 0 ? sound : all;
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
