import type { Cancel } from '../../common/clock.ts';
import type { Session } from '../exchange.ts';
import type { Market, Micros } from '../market/market.ts';
import type { Socket, SocketEnd } from '../ports.ts';
import type { BookRenewal } from './book-renewal.ts';
import { Pulse } from './heartbeat.ts';
import { linkBooks } from './link-books.ts';
import type { EndCause, LinkOwner, LinkParts } from './link-parts.ts';
import type { OpenOutcome } from './open-gate.ts';
import type { ControlEvent, FrameSink, SocketHandle } from './pipe.ts';
import { RateBudget, share } from './rate-budget.ts';
import { Receipt } from './receipt.ts';
import type { Refusal } from './refusals.ts';
import { Resyncs } from './resyncs.ts';
import { Sender } from './sender.ts';
import { Subscriptions } from './subscriptions.ts';

const BRIEF_MS = 2000;
/** Close code of a socket that ended without a closing frame. */
const CUT = 1006;
/** See `good`. */
const QUIET_FACTOR = 10;
/** The most of a socket's messages that ask again for what was given up. */
const RETRY_SHARE = 0.25;

/**
 * One socket from the attempt to open it to its end: what is sent over it, and what it has heard. One file, however long:
 * everything that a socket, its session or its connection says to it ends in the same few fields.
 */
export class Link implements SocketHandle {
  readonly id: number;
  readonly predecessor: number | null;
  readonly session: Session;
  /** `Clock.now()` of the opening, of the attempt before that. */
  openedMs: number;
  readonly #parts: LinkParts;
  readonly #owner: LinkOwner;
  readonly #subscriptions: Subscriptions;
  readonly #retries: RateBudget;
  readonly #sink: FrameSink;
  readonly #socket: Socket;
  readonly #confirmedAt = new Map<string, Micros>();
  readonly #resyncs = new Resyncs();
  /** Symbols that are to be subscribed anew later: what comes of them until then does not count. */
  readonly #spoilt = new Set<string>();
  readonly #receipt: Receipt;
  /** Null where no books are kept. */
  readonly #renewal: BookRenewal | null;
  #state: 'opening' | 'open' | 'closing' | 'ended' = 'opening';
  #pulse: Pulse;
  readonly #sender: Sender;
  #cancelOpen: Cancel;
  #cause: EndCause = 'remote';
  #firstDataMs = Number.NaN;
  #lastDataMs = Number.NaN;
  /** A ping or pong came after our goodbye. */
  #heardLast = false;
  #lastRefusal: string | null = null;
  /** Since when nothing is read, and how far it was covered then; null where it is read. */
  #paused: { readonly at: Micros; readonly until: Micros } | null = null;
  frames = 0;
  bytes = 0;
  /** What the gate was told about the attempt; null until it is known. */
  outcome: OpenOutcome | null = null;
  /** Why the exchange will end this socket; null where it has not said so. */
  doomed: string | null = null;

  constructor(
    id: number,
    predecessor: number | null,
    parts: LinkParts,
    owner: LinkOwner,
    markets: Iterable<Market>,
    suspects: ReadonlySet<string>,
  ) {
    const { clock, exchange } = parts;
    this.id = id;
    this.predecessor = predecessor;
    this.session = parts.session;
    this.#parts = parts;
    this.#owner = owner;
    this.#subscriptions = new Subscriptions(exchange, markets, suspects, () => clock.random());
    this.#sender = new Sender({
      clock,
      rates: exchange.limits.sends,
      socket: () => (this.#state === 'open' ? this.#socket : null),
      pending: () => this.#subscriptions.pending,
      frames: (nowMs) => this.#subscriptions.next(this.session, nowMs),
      onDrop: () => owner.unanswered(),
    });
    this.#renewal = linkBooks(parts, {
      subscribed: (symbol) => (this.#state === 'open' ? this.#subscriptions.subscribed(symbol) : null),
      resubscribe: (symbol) => this.#resubscribe(symbol),
      say: (text) => {
        this.#sender.answer(text, text);
        this.#sender.pump();
      },
      read: (frame) => this.#sink.push(frame, clock.micros()),
    });
    this.#retries = new RateBudget(share(exchange.limits.sends, RETRY_SHARE));
    this.#pulse = new Pulse(exchange.heartbeat, clock.now());
    this.openedMs = clock.now();
    this.#receipt = new Receipt(clock.micros(), parts.offset);
    this.#sink = parts.pipe(this);
    this.#cancelOpen = clock.after(parts.settings.openTimeoutMs, () => this.#giveUp('open_timeout'));
    this.#socket = parts.openSocket(parts.url, parts.socket, {
      opened: () => this.#opened(),
      frame: (data) => this.#frame(data),
      alive: () => this.#alive(),
      ended: (end) => this.#ended(end),
    });
  }

  get state(): 'opening' | 'open' | 'closing' | 'ended' {
    return this.#state;
  }

  /** Whether it was good and yet ends at once: some exchanges accept and close, for ever. */
  brief(nowMs: number): boolean {
    return this.outcome === 'good' && nowMs - this.openedMs < BRIEF_MS;
  }

  /** Whether every code has been confirmed, refused, or asked for in vain. */
  get settled(): boolean {
    return this.#state === 'open' && this.#subscriptions.settled && (this.#renewal?.complete ?? true);
  }

  /** Whether data has flowed for a while. A quiet stream proves itself by being served for far longer. */
  good(nowMs: number): boolean {
    const { goodAfterMs } = this.#parts.settings;
    const dataMs = this.#lastDataMs - this.#firstDataMs || 0;
    const servedMs = this.outcome === 'good' ? nowMs - this.openedMs : 0;
    return dataMs >= goodAfterMs || servedMs >= QUIET_FACTOR * goodAfterMs;
  }

  /** Whether this socket receives that code. */
  carries(symbol: string): boolean {
    if (this.#state === 'ended' || !this.#subscriptions.confirmed(symbol)) return false;
    return !this.#spoilt.has(symbol) && this.#renewal?.since(symbol) !== null;
  }

  /** The last moment at which everything the exchange had sent until then has certainly arrived. */
  coveredUntil(): Micros {
    return this.#receipt.until();
  }

  /** Whether it ended after an answer to our goodbye: a socket that was dead for a while gives none. */
  answered({ code }: SocketEnd): boolean {
    return code !== CUT || this.#heardLast;
  }

  /** Whether what is read now may have waited while the process stood still. */
  get doubtful(): boolean {
    return this.#receipt.doubtful;
  }

  /** Since when it receives that code; null where it does not. */
  carriesSince(symbol: string): Micros | null {
    if (!this.carries(symbol)) return null;
    return this.#renewal?.since(symbol) ?? this.#confirmedAt.get(symbol) ?? null;
  }

  /** Whether this code is part of its subscription, confirmed or not. */
  asksFor(symbol: string): boolean {
    return this.#subscriptions.subscribed(symbol) !== null;
  }

  /** Whether this code was asked for, and there is no answer yet. */
  awaits(symbol: string): boolean {
    return this.#subscriptions.awaits(symbol);
  }

  /** There is a reason to ask soon for what was refused or never answered. */
  askAgain(): void {
    this.#subscriptions.hasten(this.#parts.clock.now());
  }

  /** Silence until now is no fault of the socket. */
  excuse(nowMs: number): void {
    this.#pulse.restart(nowMs);
  }

  want(markets: readonly Market[]): void {
    this.#subscriptions.want(markets);
    const wanted = new Set(markets.map(({ symbol }) => symbol));
    for (const symbol of this.#confirmedAt.keys()) {
      if (wanted.has(symbol)) continue;
      this.#confirmedAt.delete(symbol);
      this.#renewal?.forget(symbol);
    }
    this.#sender.pump();
  }

  /** To be called about once a second while the socket lives. */
  tick(nowMs: number): void {
    this.#receipt.alive(this.#parts.clock.micros());
    if (this.#state !== 'open') return;
    if (this.#paused) this.#pulse.restart(nowMs);
    const pulse = this.#pulse.check(nowMs);
    if (pulse === 'dead') return this.#giveUp('dead');
    if (pulse.beat) this.#sender.beat(pulse.beat);
    if (!this.#paused) {
      this.#chase(nowMs);
      this.#renewal?.tick(nowMs);
    }
    this.#sender.pump();
  }

  /** Asks again for what has no answer yet, and for what was given up. */
  #chase(nowMs: number): void {
    const given = this.#subscriptions.overdue(nowMs, this.#parts.settings.confirmAfterMs);
    if (given.length > 0) {
      const words = this.#lastRefusal === null ? '' : `; the exchange last said: ${this.#lastRefusal}`;
      this.#owner.refused(this, given, { kind: 'unconfirmed', reason: `never confirmed${words}` });
    }
    if (this.#retries.delay(nowMs) === 0 && this.#subscriptions.retry(nowMs)) this.#retries.take(nowMs);
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = { at: this.#parts.clock.micros(), until: this.coveredUntil() };
    if (this.#state === 'open') this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#receipt.stood(this.#paused.at, this.#parts.clock.micros(), this.#paused.until);
    this.#paused = null;
    this.#pulse.restart(this.#parts.clock.now());
    if (this.#state === 'open') this.#socket.resume();
  }

  /** Says goodbye; `ended` follows. */
  close(cause: EndCause): void {
    if (this.#state === 'closing' || this.#state === 'ended') return;
    this.#cause = cause;
    this.#state = 'closing';
    this.#sender.stop();
    this.#socket.close();
  }

  control(event: ControlEvent): void {
    if (this.#state !== 'open') return;
    switch (event.kind) {
      case 'ack':
        for (const market of this.#subscriptions.ack(event.symbols, this.#parts.clock.now()))
          this.#confirm(market);
        return this.#sender.pump();
      case 'refused':
        return this.#refused(event.symbols, event.reason, event.full ?? false);
      case 'reopened':
        this.#subscriptions.reopened();
        return this.#sender.pump();
      case 'send':
        this.#sender.answer(event.text, event.instead);
        return this.#sender.pump();
      case 'resync':
        return this.resync(event.symbol);
      case 'restart':
        return this.#owner.restart(this, event.reason);
      case 'book':
        return this.#book(event);
      case 'alive':
    }
  }

  data(market: Market, atMs: number, live: number, lastEventTime: Micros): void {
    const leaptFrom = live > 0 ? this.#receipt.rows(atMs, lastEventTime) : null;
    if (Number.isNaN(this.#firstDataMs)) this.#firstDataMs = atMs;
    this.#lastDataMs = atMs;
    this.#owner.received(market);
    if (this.#state === 'ended') return;
    if (leaptFrom !== null) {
      this.#owner.leapt(this, leaptFrom);
      this.session.books?.doubt((event) => {
        if (event.kind === 'book') this.#book(event);
      });
    }
    const news = this.#state === 'open' ? this.#subscriptions.data(market.symbol, atMs, live === 0) : null;
    if (news) this.#confirm(news);
    this.#owner.data(this, market, atMs, live > 0);
  }

  /** Subscribes a code anew: at once, then later and later for as long as it does not help. */
  resync(symbol: string): void {
    const { clock } = this.#parts;
    const nowMs = clock.now();
    if (this.#state !== 'open' || this.#resyncs.pending(symbol, nowMs)) return;
    const market = this.#subscriptions.subscribed(symbol);
    if (!market) return;
    this.#owner.resyncing(this, market);
    const waitMs = this.#resyncs.next(symbol, nowMs);
    if (waitMs === 0) return this.#resubscribe(symbol);
    this.#spoilt.add(symbol);
    clock.after(waitMs, () => this.#resubscribe(symbol));
  }

  #book(event: Extract<ControlEvent, { kind: 'book' }>): void {
    const { symbol } = event;
    const market = this.#subscriptions.subscribed(symbol);
    if (!this.#renewal || !market) return;
    if (event.whole) {
      this.#renewal.came(symbol);
      return this.#owner.booked(this, market);
    }
    if (event.cause) this.#owner.broke(this, market, event.cause, event.since);
    this.#renewal.renew(symbol);
  }

  #confirm(market: Market): void {
    const first = !this.#confirmedAt.has(market.symbol);
    this.#confirmedAt.set(market.symbol, this.#parts.clock.micros());
    this.#renewal?.expect(market);
    this.#owner.confirmed(this, market, first);
  }

  #resubscribe(symbol: string): void {
    this.#spoilt.delete(symbol);
    if (this.#state !== 'open') return;
    this.#renewal?.lost(symbol);
    this.#subscriptions.resync(symbol);
    this.#sender.pump();
  }

  #refused(symbols: readonly string[], reason: string, full: boolean): void {
    this.#lastRefusal = reason;
    const given = this.#subscriptions.refused(symbols, this.#parts.clock.now(), full);
    const carried = this.#subscriptions.carried;
    // A socket that carries nothing is not full.
    const refusal: Refusal =
      full && carried > 0 ? { kind: 'full', reason, carried } : { kind: 'refused', reason };
    if (given.length > 0 || symbols.length === 0) this.#owner.refused(this, given, refusal);
    this.#sender.pump();
  }

  #opened(): void {
    if (this.#state !== 'opening') return;
    this.#cancelOpen();
    this.#state = 'open';
    this.openedMs = this.#parts.clock.now();
    this.#receipt.frame(this.#parts.clock.micros(), 0);
    this.#pulse = new Pulse(this.#parts.exchange.heartbeat, this.openedMs);
    if (this.#paused) this.#socket.pause();
    for (const text of this.session.open()) this.#sender.answer(text);
    this.#owner.opened(this);
    this.#sender.pump();
  }

  #frame(data: string | Uint8Array): void {
    if (this.#state === 'ended') return;
    const at = this.#parts.clock.micros();
    this.#receipt.frame(at, data.length);
    this.#pulse.hear();
    this.frames++;
    this.bytes += data.length;
    this.#sink.push(data, at);
  }

  #alive(): void {
    if (this.#state === 'closing') this.#heardLast = true;
    this.#pulse.hear();
    this.#receipt.frame(this.#parts.clock.micros(), 0);
  }

  #giveUp(cause: EndCause): void {
    if (this.#state === 'ended') return;
    this.#cause = cause;
    this.#state = 'closing';
    this.#socket.terminate();
  }

  #ended(end: SocketEnd): void {
    if (this.#state === 'ended') return;
    if (this.#state === 'opening') this.#cause = 'unopened';
    this.#state = 'ended';
    this.#cancelOpen();
    this.#sender.stop();
    this.#sink.end();
    this.#owner.ended(this, { ...end, cause: this.#cause });
  }
}
