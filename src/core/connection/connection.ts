import type { Cancel } from '../../common/clock.ts';
import { openSession } from '../books/open-session.ts';
import type { BookCause, GapCause, StreamState } from '../events.ts';
import type { Market, Micros } from '../market/market.ts';
import { socketCodes } from '../socket-codes.ts';
import { Attempts } from './attempts.ts';
import { ClockOffset } from './clock-offset.ts';
import type { ConnectionEvents, ConnectionParts, StateDetail } from './connection-parts.ts';
import { Link } from './link.ts';
import type { LinkEnd, LinkOwner } from './link-parts.ts';
import { Reception } from './reception.ts';
import type { Refusal } from './refusals.ts';
import { Rotation } from './rotation.ts';
import type { ConnectionSnapshot } from './snapshot.ts';
import { Sockets } from './sockets.ts';
import type { Verdict } from './verdict.ts';

const TICK_MS = 1000;
/** A tick this late means that the process stood still. */
const STALL_MS = 5000;

/**
 * The codes of one connection, kept flowing over one socket, or two while a successor takes over. Ends with `stop`. One
 * file, however long: the states of a connection and all that moves between them; what they ask has files beside it.
 */
export class Connection implements LinkOwner {
  readonly #parts: ConnectionParts;
  readonly #events: ConnectionEvents;
  readonly #attempts: Attempts;
  readonly #rotation: Rotation;
  readonly #offset: ClockOffset;
  readonly #sockets = new Sockets();
  readonly #reception: Reception;
  #running = false;
  #opens = 0;
  #state: StreamState = 'stopped';
  #detail: StateDetail = { reason: null, retryAt: null, attempts: 0 };
  #since: Micros;
  #lastTickMs = Number.POSITIVE_INFINITY;
  #cancelTick: Cancel = () => {};
  #onGone: (() => void)[] = [];

  constructor(parts: ConnectionParts, events: ConnectionEvents) {
    const { clock, settings, exchange, skewAtStart } = parts;
    this.#parts = parts;
    this.#events = events;
    this.#attempts = new Attempts(parts, parts.guard ?? new URL(parts.url).host);
    this.#offset = new ClockOffset(clock, skewAtStart);
    this.#rotation = new Rotation(clock, exchange.limits.lifetimeMs, settings.staleAfterMs);
    this.#reception = new Reception(parts, this.#sockets, this.#offset, events);
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
   * @throws RangeError above what a socket may carry: whoever spreads codes over connections must not get there
   */
  update(markets: readonly Market[]): void {
    const most = socketCodes(this.#parts.exchange, this.#parts.type);
    if (markets.length > most) throw new RangeError(`${markets.length} codes on a socket of ${most}`);
    this.#reception.want(markets);
    for (const link of this.#sockets.all()) {
      if (markets.length > 0) link.want(markets);
      else link.close('stopped');
    }
    this.#connect();
  }

  /** Nobody received these codes since `from`, before this connection was there; the gap ends as any other. */
  missedSince(markets: readonly Market[], from: Micros, cause: GapCause): void {
    this.#reception.missedSince(markets, from, cause);
  }

  /** Nobody received these codes since `from`, and now nobody wants them any more. */
  missedUntilNow(markets: readonly Market[], from: Micros, cause: GapCause): void {
    this.#reception.missedUntilNow(markets, from, cause);
  }

  /** The codes that were ever received, by the moment until which they were for certain. */
  covered(): Map<Micros, string[]> {
    return this.#reception.covered();
  }

  /** Symbols that the exchange was asked for, and that it has not refused. */
  asked(): string[] {
    return this.#reception.asked();
  }

  /** Whether what is read now may have waited while the process stood still. */
  get doubtful(): boolean {
    return this.#sockets.doubtful;
  }

  /** How far our clock may be ahead of the exchange's, in µs. */
  get clockAhead(): Micros {
    return this.#offset.doubt;
  }

  /** Until when everything that was sent has been read, of codes that are not missing. */
  coveredUntil(): Micros {
    return this.#reception.coveredUntil();
  }

  /** Stops reading, because what is read cannot be kept. */
  pause(): void {
    if (this.#reception.paused) return;
    this.#reception.pause();
    for (const link of this.#sockets.all()) link.pause();
  }

  resume(): void {
    if (!this.#reception.paused) return;
    this.#reception.resume();
    for (const link of this.#sockets.all()) link.resume();
    this.#connect();
  }

  /** Closes the sockets; gaps still open end here. Resolves at the last frame, with whether all that was sent came. */
  async stop(reason: string | null = null): Promise<boolean> {
    this.#running = false;
    this.#attempts.cancel();
    this.#cancelTick();
    this.#reception.end();
    for (const link of this.#sockets.all()) link.close('stopped');
    if (this.#sockets.all().length > 0) await new Promise<void>((resolve) => this.#onGone.push(resolve));
    this.#become('stopped', reason, null);
    return this.#reception.complete;
  }

  /** For how long the exchange still does not want to see this address, in ms; 0 where it does. */
  get bannedMs(): number {
    return this.#attempts.bannedMs;
  }

  snapshot(): ConnectionSnapshot {
    return {
      state: this.#state,
      since: this.#since,
      ...this.#detail,
      attempts: this.#attempts.failures,
      lastError: this.#attempts.lastError,
      paused: this.#reception.paused,
      opens: this.#opens,
      codes: this.#reception.snapshots(),
      ...this.#sockets.snapshots(this.#parts.clock),
    };
  }

  opened(link: Link): void {
    if (link !== this.#sockets.primary) return;
    this.#rotation.settle(0);
    this.#reception.restart(this.#parts.clock.now());
  }

  confirmed(link: Link, market: Market, first: boolean): void {
    this.#attempts.report(link, 'good');
    this.#reception.confirmed(market);
    if (first) this.#events.confirmed(market, link.id);
    if (link === this.#sockets.primary && !this.#reception.dark) this.#become('live', null, null);
    this.#settle(link);
  }

  refused(link: Link, markets: readonly Market[], refusal: Refusal): void {
    this.#reception.refused(link, markets, refusal);
    this.#settle(link);
  }

  /** A market list was read anew, and newly has these: what is not served, whatever was said of it, is asked for soon. */
  askAgain(listed: ReadonlySet<string>): void {
    this.#reception.askAgain(listed);
  }

  unanswered(): void {
    this.#events.unanswered();
  }

  resyncing(link: Link, market: Market): void {
    this.#reception.resyncing(link, market);
  }

  booked(link: Link, market: Market): void {
    this.#reception.booked(market);
    this.#settle(link);
  }

  broke(link: Link, market: Market, cause: BookCause, since: Micros): void {
    this.#reception.broke(link, market, cause, since);
  }

  leapt(link: Link, from: Micros): void {
    this.#reception.leapt(link, from);
  }

  received(market: Market): void {
    this.#reception.received(market);
  }

  data(link: Link, market: Market, atMs: number, live: boolean): void {
    const proof = this.#reception.data(link, market, atMs, live);
    if (this.#state === 'live' || !proof) return;
    this.#reception.light();
    this.#rotation.light();
    this.#become('live', null, null);
  }

  restart(link: Link, reason: string): void {
    if (link.doomed === null) this.#events.announced(reason);
    link.doomed = reason;
    if (link !== this.#sockets.primary) return;
    this.#rotation.ask(reason);
    this.#rotate();
  }

  ended(link: Link, end: LinkEnd): void {
    const ours = end.cause === 'replaced' || end.cause === 'stopped';
    // What this machine is in the way of says nothing about the exchange.
    this.#attempts.report(link, ours || end.local !== undefined ? 'unused' : 'failed');
    this.#attempts.closed();
    if (link === this.#sockets.primary) this.#attempts.judge(link);
    const role = this.#sockets.remove(link);
    const wasPrimary = role === 'primary';
    if (wasPrimary || role === 'leaving')
      this.#reception.ended(link, ours && link.answered(end) && !link.doubtful);
    if (wasPrimary && this.#sockets.successor) this.#promote(this.#sockets.successor);
    else if (this.#running && !ours && role !== 'leaving') this.#failed(end, wasPrimary);
    else if (wasPrimary) this.#connect();
    if (this.#sockets.all().length > 0) return;
    if (this.#reception.wanted.size === 0) this.#become('stopped', null, null);
    for (const resolve of this.#onGone.splice(0)) resolve();
  }

  #connect(): void {
    if (!this.#attempts.waiting && this.#vacancy() === 'primary') void this.#open();
  }

  #rotate(): void {
    if (this.#vacancy() !== null && !this.#attempts.asking && this.#rotation.begin()) void this.#open();
  }

  /** Which socket is missing. */
  #vacancy(): 'primary' | 'successor' | null {
    if (!this.#running || this.#reception.paused || this.#reception.wanted.size === 0) return null;
    if (!this.#sockets.primary) return this.#attempts.waiting ? null : 'primary';
    return this.#sockets.primary.state === 'open' && !this.#sockets.successor ? 'successor' : null;
  }

  async #open(): Promise<void> {
    if (this.#attempts.asking) return;
    if (!this.#sockets.primary) this.#become(this.#reception.dark ? 'stale' : 'connecting', null, null);
    const decision = await this.#attempts.ask();
    const vacancy = this.#vacancy();
    if (!decision.allowed) {
      if (vacancy === 'primary') this.#retryIn(decision.retryInMs, 'backoff', decision.reason);
      else this.#rotation.postpone(decision.retryInMs);
    } else if (vacancy === null) {
      this.#attempts.decline();
    } else this.#begin(vacancy);
  }

  #begin(role: 'primary' | 'successor'): void {
    const { exchange, type, markets, book = null, settings, nextSocketId } = this.#parts;
    this.#opens++;
    const wanted = this.#reception.wanted.values();
    const replaces = role === 'successor' ? (this.#sockets.primary?.id ?? null) : null;
    const { keyframeMs } = settings;
    const before = role === 'successor' ? (this.#sockets.primary?.session ?? null) : null;
    const session = openSession(exchange, type, markets, { book, keyframeMs, before });
    const parts = { ...this.#parts, session, offset: this.#offset };
    const suspects = this.#reception.unserved();
    this.#sockets[role] = new Link(nextSocketId(), replaces, parts, this, wanted, suspects);
  }

  #failed(end: LinkEnd, wasPrimary: boolean): void {
    const next = this.#attempts.failed(end, wasPrimary);
    this.#events.failed(end, next, this.#attempts.failures);
    if (wasPrimary && this.#reception.wanted.size > 0) this.#retryIn(next.waitMs, next.state, next.reason);
    else if (!wasPrimary) this.#rotation.postpone(next.waitMs);
  }

  #retryIn(ms: number, state: Verdict['state'], reason: string): void {
    this.#become(state, reason, this.#parts.clock.micros() + Math.round(ms * 1000));
    this.#attempts.wait(ms, () => this.#connect());
  }

  #settle(link: Link): void {
    if (link === this.#sockets.successor && link.settled && link.outcome === 'good') this.#handOver(link);
  }

  /** The successor carries the codes from now on; the old socket stays a moment for what is on its way. */
  #handOver(successor: Link): void {
    const old = this.#promote(successor);
    if (!old) return;
    this.#sockets.leave(old);
    this.#parts.clock.after(this.#parts.settings.lingerMs, () => old.close('replaced'));
  }

  /** Returns the socket that carried the codes until now. */
  #promote(successor: Link): Link | null {
    const old = this.#sockets.promote(successor);
    this.#reception.recover();
    this.#rotation.settle(this.#parts.clock.now() - successor.openedMs);
    if (successor.doomed !== null) this.#rotation.ask(successor.doomed);
    if (successor.outcome !== 'good' && !this.#reception.dark) this.#become('connecting', null, null);
    return old;
  }

  #tick(): void {
    const nowMs = this.#parts.clock.now();
    this.#cancelTick = this.#parts.clock.after(TICK_MS, () => this.#tick());
    // The process stood still: frames that arrived meanwhile are not read yet, so nothing is known about silence.
    if (nowMs - this.#lastTickMs > STALL_MS) {
      this.#reception.restart(nowMs);
      for (const link of this.#sockets.all()) link.excuse(nowMs);
    }
    this.#lastTickMs = nowMs;
    for (const link of this.#sockets.all()) link.tick(nowMs);
    if (this.#sockets.primary) this.#attempts.judge(this.#sockets.primary);
    this.#reception.tick();
    if (this.#reception.paused) return;
    this.#watch(nowMs);
    this.#overlap(nowMs);
    if (this.#sockets.primary) this.#rotate();
  }

  #watch(nowMs: number): void {
    const { primary } = this.#sockets;
    if (primary?.state !== 'open') return;
    const { dark, repair } = this.#reception.look(nowMs);
    if (dark) this.#become('stale', 'no data', null);
    else for (const symbol of repair) primary.resync(symbol);
    const mute = primary.outcome === null && nowMs - primary.openedMs > this.#parts.settings.staleAfterMs;
    if (dark || mute) this.#rotation.dark();
  }

  /** A successor that takes too long takes over with what it has; one that has nothing goes. */
  #overlap(nowMs: number): void {
    const { successor } = this.#sockets;
    if (successor?.state !== 'open' || nowMs - successor.openedMs < this.#parts.settings.overlapMs) return;
    if (successor.outcome === 'good') this.#handOver(successor);
    else successor.close('mute');
  }

  #become(state: StreamState, reason: string | null, retryAt: Micros | null): void {
    const same = state === this.#state && reason === this.#detail.reason;
    this.#detail = { reason, retryAt, attempts: this.#attempts.failures };
    if (same) return;
    this.#state = state;
    this.#since = this.#parts.clock.micros();
    this.#events.state(state, this.#detail);
  }
}
