import type { Clock } from '../../common/clock.ts';
import type { BookCause, GapCause } from '../events.ts';
import type { Market, Micros, RequestType } from '../market/market.ts';
import type { Markets } from '../market/markets.ts';
import type { ClockOffset } from './clock-offset.ts';
import type { ConnectionEvents } from './connection-parts.ts';
import { Coverage } from './coverage.ts';
import type { Link } from './link.ts';
import { type Parting, Partings } from './partings.ts';
import { type Refusal, Refusals } from './refusals.ts';
import type { ConnectionSettings } from './settings.ts';
import { patienceOf, recordDark, recordSilence } from './silence.ts';
import { type CodeSnapshot, codeSnapshot } from './snapshot.ts';
import type { Sockets } from './sockets.ts';
import { type Findings, Watchdog } from './watchdog.ts';

/** Of codes that turn silent together, no more than this many are subscribed anew. */
const REPAIRS = 20;

export interface ReceptionParts {
  readonly clock: Clock;
  readonly type: RequestType;
  readonly markets: Markets;
  readonly settings: ConnectionSettings;
}

/**
 * Which of the wanted codes are received, by what the sockets bring: what opens and closes their gaps, which are not
 * served, and which have turned silent.
 */
export class Reception {
  readonly #parts: ReceptionParts;
  readonly #sockets: Sockets;
  readonly #offset: ClockOffset;
  readonly #events: ConnectionEvents;
  readonly #coverage: Coverage;
  readonly #watchdog: Watchdog;
  readonly #refusals = new Refusals();
  readonly #partings = new Partings();
  /** How far each code was covered when its last rows came. */
  readonly #heardUntil = new Map<string, Micros>();
  /** How often the order book of each code broke. */
  readonly #breaks = new Map<string, number>();
  #wanted: ReadonlyMap<string, Market> = new Map();
  #paused = false;
  #dark = false;
  #ending = false;
  #complete = true;

  constructor(parts: ReceptionParts, sockets: Sockets, offset: ClockOffset, events: ConnectionEvents) {
    const { clock, type, markets, settings } = parts;
    this.#parts = parts;
    this.#sockets = sockets;
    this.#offset = offset;
    this.#events = events;
    this.#coverage = new Coverage(
      clock,
      (gap) => events.gap(gap),
      (market) => events.lost?.(market),
    );
    this.#watchdog = new Watchdog(settings.staleAfterMs, (symbol) =>
      sockets.carries({ symbol })
        ? patienceOf(symbol, type, markets, settings.staleAfterMs)
        : Number.POSITIVE_INFINITY,
    );
  }

  get wanted(): ReadonlyMap<string, Market> {
    return this.#wanted;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** No code has brought data for too long: only data makes the stream live again. */
  get dark(): boolean {
    return this.#dark;
  }

  /** To be called before the sockets are told. */
  want(markets: readonly Market[]): void {
    const before = this.#wanted;
    this.#wanted = new Map(markets.map((market) => [market.symbol, market]));
    for (const market of before.values()) if (!this.#wanted.has(market.symbol)) this.#part(market);
    for (const market of markets) {
      this.#watchdog.watch(market.symbol, this.#parts.clock.now());
      const parting = this.#partings.take(market.symbol);
      if (parting) this.#coverage.inherit([market], this.coveredUntil(), 'cut', parting.certain);
    }
  }

  /** See `Connection`. */
  missedSince(markets: readonly Market[], from: Micros, cause: GapCause): void {
    this.#coverage.inherit(markets, from, cause);
    this.#coverCarried(markets);
  }

  /** See `Connection`. */
  missedUntilNow(markets: readonly Market[], from: Micros, cause: GapCause): void {
    const gone = markets.filter(({ symbol }) => !this.#wanted.has(symbol));
    this.#coverage.inherit(gone, from, cause);
    for (const { symbol } of gone) this.#coverage.forget(symbol);
  }

  /** The codes that were ever received, by the moment until which they were for certain. */
  covered(): Map<Micros, string[]> {
    return this.#coverage.covered(this.coveredUntil());
  }

  /** Until when everything that was sent has been read, of codes that are not missing. */
  coveredUntil(): Micros {
    return this.#sockets.coveredUntil(this.#parts.clock.micros() - this.#offset.doubt);
  }

  /** Symbols that are not served. */
  unserved(): ReadonlySet<string> {
    return this.#refusals.symbols();
  }

  /** Symbols that the exchange was asked for, and that it has not refused. */
  asked(): string[] {
    return [...this.#wanted.keys()].filter((symbol) => this.#sockets.asksFor(symbol));
  }

  /** To be called before the sockets stop reading. */
  pause(): void {
    this.#paused = true;
    this.#lose(this.#sockets.primary, [...this.#wanted.values()], this.coveredUntil(), 'pause');
  }

  /** To be called before the sockets read again. */
  resume(): void {
    this.#paused = false;
    this.#watchdog.restart(this.#parts.clock.now());
    this.#coverCarried(this.#wanted.values());
  }

  /** Every gap ends now, and nothing more is told of any. The sockets are about to be closed. */
  end(): void {
    this.#ending = true;
    this.#coverage.end();
  }

  /** Whether the sockets that have ended since `end` brought all that was sent. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Silence counts from now on. */
  restart(nowMs: number): void {
    this.#watchdog.restart(nowMs);
  }

  confirmed(market: Market): void {
    if (this.#refusals.delete(market.symbol)) this.#events.served(market);
    // An order book is received from its first whole book on.
    this.#coverCarried([market]);
  }

  /** The book of this code is whole. */
  booked(market: Market): void {
    this.#coverCarried([market]);
  }

  /** The book of this code broke on a socket; it was right until `since`. */
  broke(link: Link, market: Market, cause: BookCause, since: Micros): void {
    if (link !== this.#sockets.primary) return;
    this.#breaks.set(market.symbol, (this.#breaks.get(market.symbol) ?? 0) + 1);
    const lost = this.#sockets.lostWith(link, false, [market]);
    this.#coverage.lose(lost, Math.min(since, link.coveredUntil()), cause);
  }

  refused(link: Link, markets: readonly Market[], refusal: Refusal): void {
    const final = markets.filter(({ symbol }) => !link.asksFor(symbol));
    // What a successor waits for in vain still comes over the old socket.
    const told = link === this.#sockets.successor ? final : markets;
    const news = this.#refusals.take(told, refusal);
    this.#coverage.dismiss(told);
    this.#coverage.refuse(this.#sockets.lostWith(link, false, final), link.coveredUntil());
    if (news.length > 0 || markets.length === 0) this.#events.refused(news, refusal);
  }

  /** A socket subscribes this code anew. */
  resyncing(link: Link, market: Market): void {
    if (link !== this.#sockets.primary) return;
    this.#coverage.lose(this.#sockets.lostWith(link, false, [market]), link.coveredUntil(), 'cut');
  }

  /** The exchange has left out rows of this socket since `from`. */
  leapt(link: Link, from: Micros): void {
    if (link !== this.#sockets.primary) return;
    const lost = [...this.#wanted.values()].filter(({ symbol }) => link.asksFor(symbol));
    this.#lose(link, lost, from, 'cut');
    for (const market of lost) if (link.carries(market.symbol)) this.#cover(market);
    this.#missed(from);
  }

  /**
   * A socket that carried codes has ended.
   * @param complete whether it brought all until we left it
   */
  ended(link: Link, complete: boolean): void {
    const until = link.coveredUntil();
    const parted = complete ? this.#partings.leftBy(link.id, until) : [];
    if (complete) this.#tell(parted, until);
    else this.#missed(until);
    if (this.#ending) this.#complete &&= complete && parted.length === 0;
    const lost = this.#sockets.lostWith(link, complete, this.#wanted.values());
    this.#lose(link, lost, link.coveredUntil(), 'cut');
    this.#coverCarried(lost);
  }

  /** The code was served for certain. */
  received({ symbol }: Market): void {
    this.#coverage.received(symbol);
  }

  /**
   * Rows of this code came. Those of another socket than the primary say nothing yet, but for snapshots.
   * @param live false where all of them answer a subscription
   * @returns whether they show that the stream is live
   */
  data(link: Link, market: Market, atMs: number, live: boolean): boolean {
    if (link !== this.#sockets.primary && live) return false;
    this.#heardUntil.set(market.symbol, link.coveredUntil());
    const back = this.#watchdog.data(market.symbol, atMs, live);
    if (back) {
      this.#cover(market);
      this.#events.silent(market, null);
    }
    return live || back;
  }

  /** The stream brings data again. */
  light(): void {
    if (this.#dark) this.#coverCarried(this.#wanted.values());
    this.#dark = false;
  }

  /**
   * Looks for silence.
   * @returns what the watchdog found; too many codes at once are not subscribed anew
   */
  look(nowMs: number): Pick<Findings, 'dark' | 'repair'> {
    const { silent, repair, dark, lastMs } = this.#watchdog.check(nowMs);
    recordSilence(silent, this.#wanted, this.#heardUntil, this.#coverage, this.#events, this.#parts.clock);
    if (dark && !this.#dark)
      recordDark(lastMs, this.#wanted, this.#heardUntil, this.#coverage, this.#parts.clock);
    this.#dark ||= dark;
    return { dark, repair: repair.length <= REPAIRS ? repair : [] };
  }

  /** See `Connection`. What was refused or never answered is due; what was confirmed in vain is subscribed anew. */
  askAgain(listed: ReadonlySet<string>): void {
    const { primary } = this.#sockets;
    for (const link of this.#sockets.all()) link.askAgain();
    if (this.#paused || primary === null) return;
    const carried = (symbol: string) => primary.carries(symbol);
    for (const symbol of this.#watchdog.unproven(this.#parts.clock.now(), listed, carried))
      primary.resync(symbol);
  }

  /** To be called about once a second. */
  tick(): void {
    this.#offset.look();
    this.#partings.over(this.coveredUntil());
    this.recover();
  }

  /** Whatever is received and counts as missing: no gap lasts because a moment was missed. */
  recover(): void {
    const missing = [...this.#coverage.open].flatMap((symbol) => this.#wanted.get(symbol) ?? []);
    this.#coverCarried(missing);
  }

  snapshots(): CodeSnapshot[] {
    const { clock } = this.#parts;
    return Array.from(this.#wanted.values(), (market) =>
      codeSnapshot(
        market,
        this.#sockets.carries(market),
        this.#refusals,
        this.#watchdog,
        this.#coverage,
        clock,
        this.#breaks.get(market.symbol) ?? 0,
      ),
    );
  }

  #coverCarried(markets: Iterable<Market>): void {
    for (const market of markets) if (this.#sockets.carries(market)) this.#cover(market);
  }

  /** The code is received; not while reading is paused, and one that turned silent not before it brings data. */
  #cover(market: Market): void {
    if (this.#paused || this.#watchdog.isStale(market.symbol)) return;
    this.#coverage.confirm(market, this.#offset.ahead);
  }

  /** A socket has lost these since `from`, those too that the exchange may have served before it was heard to. */
  #lose(link: Link | null, lost: readonly Market[], from: Micros, cause: GapCause): void {
    const asked = lost.filter(({ symbol }) => link !== null && this.#mayServe(link, symbol));
    this.#coverage.suspect(asked, from, cause);
    this.#coverage.lose(lost, from, cause);
  }

  /** Whether the exchange may be serving a code over this socket. What it refused it may, once it is asked again. */
  #mayServe(link: Link, symbol: string): boolean {
    return link.asksFor(symbol) && (this.#refusals.of(symbol) === null || link.awaits(symbol));
  }

  /** A code is not wanted any more. What was sent of it before may still be lost on its way. */
  #part(market: Market): void {
    const { symbol } = market;
    const certain = this.#coverage.knows(symbol);
    const served = certain || this.#sockets.all().some((link) => this.#mayServe(link, symbol));
    const at = this.#parts.clock.micros();
    if (served) this.#partings.add({ market, at, certain, left: this.#sockets.leftWith(symbol) });
    this.#forget(symbol);
  }

  /**
   * What was sent since `from` is lost, of codes too that were wanted until later. Each is told of once, so that what
   * other sockets owe, which are being left, is told with it.
   */
  #missed(from: Micros): void {
    const owed = this.#sockets.owedSince(from);
    this.#tell(this.#partings.since(owed), owed);
  }

  /** Of these codes, which are not wanted any more, what was sent since `from` is lost. */
  #tell(lost: readonly Parting[], from: Micros): void {
    this.#coverage.inherit(
      lost.map(({ market }) => market),
      from,
      'cut',
    );
    for (const { market } of lost) this.#coverage.forget(market.symbol);
  }

  #forget(symbol: string): void {
    this.#coverage.forget(symbol);
    this.#watchdog.forget(symbol);
    this.#refusals.delete(symbol);
    this.#heardUntil.delete(symbol);
    this.#breaks.delete(symbol);
  }
}
