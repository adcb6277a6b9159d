import type { Cancel } from '../../common/clock.ts';
import type { GapCause, StreamState } from '../events.ts';
import type { Market, Micros } from '../market/market.ts';
import { Backoff, EAGER } from './backoff.ts';
import { ClockOffset } from './clock-offset.ts';
import type { ConnectionEvents, ConnectionParts, StateDetail } from './connection-parts.ts';
import { Coverage } from './coverage.ts';
import { Link, type LinkEnd, type LinkOwner } from './link.ts';
import { lostWith } from './loss.ts';
import type { OpenOutcome } from './open-gate.ts';
import { type Refusal, Refusals } from './refusals.ts';
import { Rotation } from './rotation.ts';
import { patienceOf, recordDark, recordSilence } from './silence.ts';
import { type ConnectionSnapshot, codeSnapshot, socketSnapshots } from './snapshot.ts';
import { verdict } from './verdict.ts';
import { Watchdog } from './watchdog.ts';

const TICK_MS = 1000;
/** A tick this late means that the process stood still. */
const STALL_MS = 5000;
/** Connections that were sent away together do not come back together. */
const SPREAD_MS = 500;
/** Of codes that turn silent together, no more than this many are subscribed anew. */
const REPAIRS = 20;

/** The codes of one connection, kept flowing over one socket, or two while a successor takes over. Ends with `stop`. */
export class Connection implements LinkOwner {
  readonly #parts: ConnectionParts;
  readonly #events: ConnectionEvents;
  readonly #host: string;
  readonly #backoff: Backoff;
  readonly #coverage: Coverage;
  readonly #watchdog: Watchdog;
  readonly #rotation: Rotation;
  readonly #offset: ClockOffset;
  readonly #refusals = new Refusals();
  readonly #leaving = new Set<Link>();
  /** How far each code was covered when its last rows came. */
  readonly #heardUntil = new Map<string, Micros>();
  #wanted = new Map<string, Market>();
  #primary: Link | null = null;
  #successor: Link | null = null;
  #running = false;
  #asking = false;
  #paused = false;
  /** No code has brought data for too long: only data makes the stream live again. */
  #dark = false;
  #bans = 0;
  #opens = 0;
  readonly #past = { frames: 0, bytes: 0 };
  #state: StreamState = 'stopped';
  #detail: StateDetail = { reason: null, retryAt: null, attempts: 0 };
  #since: Micros;
  #lastError: string | null = null;
  #lastTickMs = Number.POSITIVE_INFINITY;
  #cancelRetry: Cancel | null = null;
  #cancelTick: Cancel = () => {};
  #onGone: (() => void)[] = [];

  constructor(parts: ConnectionParts, events: ConnectionEvents) {
    const { clock, settings, exchange } = parts;
    this.#parts = parts;
    this.#events = events;
    this.#host = parts.guard ?? new URL(parts.url).host;
    this.#backoff = new Backoff(clock, EAGER);
    this.#offset = new ClockOffset(clock);
    this.#coverage = new Coverage(clock, (gap) => events.gap(gap));
    this.#watchdog = new Watchdog(settings.staleAfterMs, (symbol) =>
      this.#carried({ symbol })
        ? patienceOf(symbol, parts.type, parts.markets, settings.staleAfterMs)
        : Number.POSITIVE_INFINITY,
    );
    this.#rotation = new Rotation(clock, exchange.limits.lifetimeMs, settings.staleAfterMs);
    this.#since = clock.micros();
  }

  /** Begins to connect. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#tick();
    this.#connect();
  }

  /**
   * Sets what is to be carried. Codes come and go on the open socket; without any the socket is closed.
   * @throws RangeError above `codesPerSocket`: whoever spreads codes over connections must not get there
   */
  update(markets: readonly Market[]): void {
    const most = this.#parts.exchange.limits.codesPerSocket;
    if (markets.length > most) throw new RangeError(`${markets.length} codes on a socket of ${most}`);
    const before = this.#wanted;
    this.#wanted = new Map(markets.map((market) => [market.symbol, market]));
    for (const symbol of before.keys()) if (!this.#wanted.has(symbol)) this.#forget(symbol);
    for (const symbol of this.#wanted.keys()) this.#watchdog.watch(symbol, this.#parts.clock.now());
    for (const link of this.#links()) {
      if (markets.length > 0) link.want(markets);
      else link.close('stopped');
    }
    this.#connect();
  }

  /**
   * Nobody received these codes since `from`, before this connection was there; the gap ends as any other.
   * @param certain false where nobody knows whether they were ever received
   */
  missedSince(markets: readonly Market[], from: Micros, cause: GapCause, certain = true): void {
    const missed = markets.filter((market) => !this.#carried(market));
    this.#coverage.inherit(missed, from, cause, certain);
  }

  /** Nobody received these codes since `from`, and now nobody wants them any more. */
  missedUntilNow(markets: readonly Market[], from: Micros, cause: GapCause): void {
    const gone = markets.filter(({ symbol }) => !this.#wanted.has(symbol));
    this.#coverage.inherit(gone, from, cause);
    for (const { symbol } of gone) this.#coverage.forget(symbol);
  }

  /** The codes that were ever received, by the moment until which they were for certain. */
  covered(): Map<Micros, string[]> {
    return this.#coverage.covered(this.coveredUntil());
  }

  /** Whether the code was ever received, or may have been. */
  knows(symbol: string): boolean {
    return this.#coverage.knows(symbol);
  }

  /** Symbols that the exchange was asked for, and that it has not refused. */
  asked(): string[] {
    const asks = (symbol: string) => this.#links().some((link) => link.asksFor(symbol));
    return [...this.#wanted.keys()].filter(asks);
  }

  /** Whether what is read now may have waited while the process stood still. */
  get doubtful(): boolean {
    return this.#links().some((link) => link.doubtful);
  }

  /** How far our clock may be ahead of the exchange's, in µs. */
  get clockAhead(): Micros {
    return this.#offset.doubt;
  }

  /** Until when everything that was sent has been read, of codes that are not missing. */
  coveredUntil(): Micros {
    const now = this.#parts.clock.micros() - this.#offset.doubt;
    const until = this.#primary?.coveredUntil() ?? now;
    // What a socket owes that is being left shows only at its end.
    return Math.min(until, ...Array.from(this.#leaving, (link) => link.coveredUntil()));
  }

  /** Stops reading, because what is read cannot be kept. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#lose(this.#primary, [...this.#wanted.values()], this.coveredUntil(), 'pause');
    for (const link of this.#links()) link.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#watchdog.restart(this.#parts.clock.now());
    for (const link of this.#links()) link.resume();
    for (const market of this.#wanted.values()) if (this.#carried(market)) this.#cover(market);
    this.#connect();
  }

  /** Closes the sockets. Resolves when the last frame was handed over; gaps still open end here. */
  async stop(reason: string | null = null): Promise<void> {
    this.#running = false;
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    this.#cancelTick();
    this.#coverage.end();
    for (const link of this.#links()) link.close('stopped');
    if (this.#links().length > 0) await new Promise<void>((resolve) => this.#onGone.push(resolve));
    this.#become('stopped', reason, null);
  }

  /** For how long the exchange still does not want to see this address, in ms; 0 where it does. */
  get bannedMs(): number {
    return this.#parts.gate.bannedMs?.(this.#host) ?? 0;
  }

  snapshot(): ConnectionSnapshot {
    const { clock } = this.#parts;
    return {
      state: this.#state,
      since: this.#since,
      ...this.#detail,
      attempts: this.#backoff.failures,
      lastError: this.#lastError,
      paused: this.#paused,
      opens: this.#opens,
      codes: Array.from(this.#wanted.values(), (market) =>
        codeSnapshot(market, this.#carried(market), this.#refusals, this.#watchdog, this.#coverage, clock),
      ),
      ...socketSnapshots(this.#links(), this.#primary, this.#past, clock),
    };
  }

  opened(link: Link): void {
    if (link !== this.#primary) return;
    this.#rotation.settle(0);
    this.#watchdog.restart(this.#parts.clock.now());
  }

  confirmed(link: Link, market: Market, first: boolean): void {
    this.#report(link, 'good');
    if (this.#refusals.delete(market.symbol)) this.#events.served(market);
    this.#cover(market);
    if (first) this.#events.confirmed(market, link.id);
    if (link === this.#primary && !this.#dark) this.#become('live', null, null);
    this.#settle(link);
  }

  refused(link: Link, markets: readonly Market[], refusal: Refusal): void {
    const final = markets.filter(({ symbol }) => !link.asksFor(symbol));
    // What a successor waits for in vain still comes over the old socket.
    const told = link === this.#successor ? final : markets;
    const news = this.#refusals.take(told, refusal);
    this.#coverage.dismiss(told);
    this.#coverage.refuse(this.#unserved(final, link), link.coveredUntil());
    if (news.length > 0 || markets.length === 0) this.#events.refused(news, refusal);
    this.#settle(link);
  }

  /** There is a reason to ask soon for what was refused or never answered, as a market list that was read anew. */
  askAgain(): void {
    for (const link of this.#links()) link.askAgain();
  }

  unanswered(): void {
    this.#events.unanswered();
  }

  resyncing(link: Link, market: Market): void {
    if (link !== this.#primary) return;
    this.#coverage.lose(this.#unserved([market], link), link.coveredUntil(), 'cut');
  }

  leapt(link: Link, from: Micros): void {
    if (link !== this.#primary) return;
    const lost = [...this.#wanted.values()].filter(({ symbol }) => link.asksFor(symbol));
    this.#lose(link, lost, from);
    for (const market of lost) if (link.carries(market.symbol)) this.#cover(market);
  }

  received({ symbol }: Market): void {
    this.#coverage.received(symbol);
  }

  data(link: Link, market: Market, atMs: number, live: boolean): void {
    if (link !== this.#primary && live) return;
    this.#heardUntil.set(market.symbol, link.coveredUntil());
    const back = this.#watchdog.data(market.symbol, atMs, live);
    if (back) {
      this.#cover(market);
      this.#events.silent(market, null);
    }
    if (this.#state === 'live' || !(live || back)) return;
    if (this.#dark) for (const other of this.#wanted.values()) if (this.#carried(other)) this.#cover(other);
    this.#dark = false;
    this.#rotation.light();
    this.#become('live', null, null);
  }

  restart(link: Link, reason: string): void {
    if (link.doomed === null) this.#events.announced(reason);
    link.doomed = reason;
    if (link !== this.#primary) return;
    this.#rotation.ask(reason);
    this.#rotate();
  }

  ended(link: Link, end: LinkEnd): void {
    const { gate } = this.#parts;
    const ours = end.cause === 'replaced' || end.cause === 'stopped';
    // What this machine is in the way of says nothing about the exchange.
    this.#report(link, ours || end.local !== undefined ? 'unused' : 'failed');
    gate.closed(this.#host);
    this.#past.frames += link.frames;
    this.#past.bytes += link.bytes;
    const left = this.#leaving.delete(link);
    const wasPrimary = link === this.#primary;
    if (wasPrimary) {
      this.#judge(link);
      this.#primary = null;
    } else if (link === this.#successor) this.#successor = null;
    if (wasPrimary || left) {
      const complete = ours && link.answered(end) && !link.doubtful;
      const lost = lostWith(link, complete, this.#links(), this.#wanted.values());
      this.#lose(link, lost, link.coveredUntil());
      for (const market of lost) if (this.#carried(market)) this.#cover(market);
    }
    if (wasPrimary && this.#successor) this.#promote(this.#successor);
    else if (this.#running && !ours && !left) this.#failed(end, wasPrimary);
    else if (wasPrimary) this.#connect();
    if (this.#links().length > 0) return;
    if (this.#wanted.size === 0) this.#become('stopped', null, null);
    for (const resolve of this.#onGone.splice(0)) resolve();
  }

  #connect(): void {
    if (this.#cancelRetry === null && this.#vacancy() === 'primary') void this.#open();
  }

  #rotate(): void {
    if (this.#vacancy() !== null && !this.#asking && this.#rotation.begin()) void this.#open();
  }

  /** Which socket is missing. */
  #vacancy(): 'primary' | 'successor' | null {
    if (!this.#running || this.#paused || this.#wanted.size === 0) return null;
    if (!this.#primary) return this.#cancelRetry === null ? 'primary' : null;
    return this.#primary.state === 'open' && !this.#successor ? 'successor' : null;
  }

  async #open(): Promise<void> {
    if (this.#asking) return;
    const { gate } = this.#parts;
    this.#asking = true;
    if (!this.#primary) this.#become(this.#dark ? 'stale' : 'connecting', null, null);
    const decision = await gate.allow(this.#host);
    this.#asking = false;
    const vacancy = this.#vacancy();
    if (!decision.allowed) {
      const waitMs = decision.retryInMs + this.#parts.clock.random() * SPREAD_MS;
      if (vacancy === 'primary') this.#retryIn(waitMs, 'backoff', decision.reason);
      else this.#rotation.postpone(waitMs);
    } else if (vacancy === null) {
      gate.report(this.#host, 'unused');
      gate.closed(this.#host);
    } else this.#begin(vacancy);
  }

  #begin(role: 'primary' | 'successor'): void {
    const { exchange, type, markets, nextSocketId } = this.#parts;
    this.#opens++;
    const session = exchange.session(type, markets);
    const suspects = this.#refusals.symbols();
    const replaces = role === 'successor' ? (this.#primary?.id ?? null) : null;
    const parts = { ...this.#parts, session, offset: this.#offset };
    const link = new Link(nextSocketId(), replaces, parts, this, this.#wanted.values(), suspects);
    if (role === 'successor') this.#successor = link;
    else this.#primary = link;
  }

  #failed(end: LinkEnd, wasPrimary: boolean): void {
    const { exchange, gate } = this.#parts;
    const next = verdict(end, exchange, wasPrimary ? this.#backoff.fail() : 0, this.#bans);
    if (next.ban) gate.ban(this.#host, next.ban);
    if (next.state === 'blocked') this.#bans++;
    this.#lastError = next.reason;
    this.#events.failed(end, next, this.#backoff.failures);
    if (wasPrimary && this.#wanted.size > 0) this.#retryIn(next.waitMs, next.state, next.reason);
    else if (!wasPrimary) this.#rotation.postpone(next.waitMs);
  }

  #retryIn(ms: number, state: 'backoff' | 'blocked', reason: string): void {
    this.#become(state, reason, this.#parts.clock.micros() + Math.round(ms * 1000));
    this.#cancelRetry?.();
    this.#cancelRetry = this.#parts.clock.after(ms, () => {
      this.#cancelRetry = null;
      this.#connect();
    });
  }

  #settle(link: Link): void {
    if (link === this.#successor && link.settled && link.outcome === 'good') this.#handOver(link);
  }

  /** The successor carries the codes from now on; the old socket stays a moment for what is on its way. */
  #handOver(successor: Link): void {
    const old = this.#primary;
    this.#promote(successor);
    if (!old) return;
    this.#leaving.add(old);
    this.#parts.clock.after(this.#parts.settings.lingerMs, () => old.close('replaced'));
  }

  #promote(successor: Link): void {
    this.#primary = successor;
    this.#successor = null;
    this.#recover();
    this.#rotation.settle(this.#parts.clock.now() - successor.openedMs);
    if (successor.doomed !== null) this.#rotation.ask(successor.doomed);
    if (successor.outcome !== 'good' && !this.#dark) this.#become('connecting', null, null);
  }

  #tick(): void {
    const { clock } = this.#parts;
    const nowMs = clock.now();
    this.#cancelTick = clock.after(TICK_MS, () => this.#tick());
    // The process stood still: frames that arrived meanwhile are not read yet, so nothing is known about silence.
    if (nowMs - this.#lastTickMs > STALL_MS) {
      this.#watchdog.restart(nowMs);
      for (const link of this.#links()) link.excuse(nowMs);
    }
    this.#lastTickMs = nowMs;
    this.#offset.look();
    for (const link of this.#links()) link.tick(nowMs);
    if (this.#primary) this.#judge(this.#primary);
    this.#recover();
    if (this.#paused) return;
    this.#watch(nowMs);
    this.#overlap(nowMs);
    if (this.#primary) this.#rotate();
  }

  #watch(nowMs: number): void {
    const primary = this.#primary;
    if (primary?.state !== 'open') return;
    const { silent, repair, dark, lastMs } = this.#watchdog.check(nowMs);
    recordSilence(silent, this.#wanted, this.#heardUntil, this.#coverage, this.#events, this.#parts.clock);
    if (dark) {
      if (!this.#dark) recordDark(lastMs, this.#wanted, this.#heardUntil, this.#coverage, this.#parts.clock);
      this.#dark = true;
      this.#become('stale', 'no data', null);
    } else if (repair.length <= REPAIRS) for (const symbol of repair) primary.resync(symbol);
    const mute = primary.outcome === null && nowMs - primary.openedMs > this.#parts.settings.staleAfterMs;
    if (dark || mute) this.#rotation.dark();
  }

  /** A successor that takes too long takes over with what it has; one that has nothing goes. */
  #overlap(nowMs: number): void {
    const successor = this.#successor;
    if (successor?.state !== 'open' || nowMs - successor.openedMs < this.#parts.settings.overlapMs) return;
    if (successor.outcome === 'good') this.#handOver(successor);
    else successor.close('mute');
  }

  /** After a period of good data failures count from zero again. */
  #judge(link: Link): void {
    if (!link.good(this.#parts.clock.now())) return;
    this.#backoff.reset();
    this.#bans = 0;
  }

  #carried({ symbol }: Pick<Market, 'symbol'>): boolean {
    return this.#links().some((link) => link.carries(symbol));
  }

  /** The code is received; not while reading is paused, and one that turned silent not before it brings data. */
  #cover(market: Market): void {
    if (this.#paused || this.#watchdog.isStale(market.symbol)) return;
    this.#coverage.confirm(market, this.#offset.ahead);
  }

  /** Whatever is received and counts as missing: no gap lasts because a moment was missed. */
  #recover(): void {
    for (const symbol of [...this.#coverage.open]) {
      const market = this.#wanted.get(symbol);
      if (market && this.#carried(market)) this.#cover(market);
    }
  }

  /** A socket has lost these since `from`, those too that the exchange may have served before it was heard to. */
  #lose(link: Link | null, lost: readonly Market[], from: Micros, cause: GapCause = 'cut'): void {
    const asked = lost.filter(({ symbol }) => link?.asksFor(symbol) && this.#refusals.of(symbol) === null);
    this.#coverage.suspect(asked, from, cause);
    this.#coverage.lose(lost, from, cause);
  }

  /** Those that no other socket has brought since before this one fell short. */
  #unserved(markets: readonly Market[], by: Link): Market[] {
    const others = this.#links().filter((link) => link !== by);
    return lostWith(by, false, others, markets);
  }

  #forget(symbol: string): void {
    this.#coverage.forget(symbol);
    this.#watchdog.forget(symbol);
    this.#refusals.delete(symbol);
    this.#heardUntil.delete(symbol);
  }

  #report(link: Link, outcome: OpenOutcome): void {
    if (link.outcome !== null && !(outcome === 'failed' && link.brief(this.#parts.clock.now()))) return;
    link.outcome = outcome;
    this.#parts.gate.report(this.#host, outcome);
  }

  #links(): Link[] {
    return [...this.#leaving, this.#successor, this.#primary].filter((link) => link !== null);
  }

  #become(state: StreamState, reason: string | null, retryAt: Micros | null): void {
    const same = state === this.#state && reason === this.#detail.reason;
    this.#detail = { reason, retryAt, attempts: this.#backoff.failures };
    if (same) return;
    this.#state = state;
    this.#since = this.#parts.clock.micros();
    this.#events.state(state, this.#detail);
  }
}
