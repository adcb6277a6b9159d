import type { BookView } from './books/channel.ts';
import { ExchangeBooks } from './books/exchange-books.ts';
import type { Ledger, Row } from './ledger.ts';
import { marketList, start } from './listings.ts';
import { OpenGate } from './open-gate.ts';
import type { DataType, Listing, Protocol, Tick, Trade, Venue } from './protocol.ts';
import { between, type Random } from './random.ts';
import type { LagWatch } from './rate-window.ts';
import { RestDesk } from './rest/desk.ts';
import { Tapes } from './rest/tape.ts';
import { type Host, SimSocket, subscriptionKey } from './sim-socket.ts';
import { Walk } from './walk.ts';

interface Code {
  readonly walk: Walk;
  /** Rank in the market list; the first is the busiest. */
  readonly nth: number;
  /** Types that were ever subscribed: from then on the code's market goes on, whoever listens. */
  readonly active: Set<DataType>;
  /** A trade held back to be sent after the next one. */
  held: { tick: Tick; trade: Trade } | null;
}

/** A code of an exchange that has events of one type. */
export interface Feed {
  readonly exchange: SimExchange;
  readonly type: DataType;
  readonly symbol: string;
  readonly nth: number;
}

/** One exchange: its market list, its sockets, and what happens on its market. */
export class SimExchange implements Host {
  readonly sockets = new Map<number, SimSocket>();
  readonly gate: OpenGate;
  readonly books: ExchangeBooks;
  readonly desk: RestDesk;
  /** Trades of the past. */
  readonly tapes: Tapes;
  /** The exchange's time of trades and tickers is so far from the simulator's clock: to have midnight when it suits. */
  shiftMs: number;
  /** `type symbol`, `type`, ` symbol` parts that are silent; see `mute`. */
  readonly muted: { type?: DataType; symbol?: string }[] = [];
  /** Codes the exchange lists and refuses to serve. */
  readonly refused = new Set<string>();
  /** Refuses every code. */
  closed = false;
  /** Codes that a socket has room for, where that is less than the documents say. */
  room = Number.POSITIVE_INFINITY;
  /** Set when feeds came or went. */
  onFeeds: () => void = () => {};
  readonly #codes = new Map<string, Code>();
  readonly #subscribers = new Map<string, Set<SimSocket>>();
  readonly #venue: Venue;
  #nth = 0;

  constructor(
    readonly protocol: Protocol,
    readonly ledger: Ledger,
    readonly lag: LagWatch,
    readonly random: Random,
    symbols: number,
    seed: number,
    readonly nextSocketId: () => number,
    past: { readonly rows: number; readonly shiftMs: number },
  ) {
    this.shiftMs = past.shiftMs;
    this.gate = new OpenGate(protocol, ledger, lag, this.sockets);
    this.tapes = new Tapes(protocol.restService, past.rows);
    ledger.tapes.set(protocol.id, this.tapes);
    this.desk = new RestDesk(this);
    this.books = new ExchangeBooks(this, (symbol) => this.walk(symbol).openBook(seed, Date.now()));
    for (const { listing, price } of marketList(protocol, symbols, seed)) this.#add(listing, price);
    const hides = (symbol: string): boolean => this.closed || this.refused.has(symbol);
    const isClosed = (): boolean => this.closed;
    const roomNow = (): number => this.room;
    this.#venue = {
      find: (symbol) => (hides(symbol) ? undefined : this.#codes.get(symbol)?.walk.listing),
      get closed() {
        return isClosed();
      },
      get room() {
        return roomNow();
      },
      now: () => this.now(),
      lagMs: () => this.lag.ms,
      random,
    };
  }

  get listings(): Listing[] {
    return [...this.#codes.values()].map(({ walk }) => walk.listing);
  }

  get feeds(): Feed[] {
    return [...this.#codes].flatMap(([symbol, { active, nth }]) =>
      [...active].map((type) => ({ exchange: this, type, symbol, nth })),
    );
  }

  /** The exchange's own time, epoch milliseconds. */
  now(): number {
    return Date.now() + this.shiftMs;
  }

  lists(symbol: string): boolean {
    return this.#codes.has(symbol);
  }

  /** The market of one code. */
  walk(symbol: string): Walk {
    return this.#code(symbol).walk;
  }

  /** A new market joins the list. */
  list(base: string, quote: string, usd?: number): Listing {
    const { listing, price } = start(this.protocol, base, quote, usd);
    this.#add(listing, price);
    return listing;
  }

  /** A market leaves the list; its subscriptions fall silent. */
  delist(symbol: string): void {
    this.#code(symbol);
    this.#codes.delete(symbol);
    this.books.end(symbol);
    this.onFeeds();
  }

  connect(address: string, path: string, query: URLSearchParams): SimSocket {
    const conversation = this.protocol.connect(this.#venue, path, query);
    const socket = new SimSocket(this.nextSocketId(), address, conversation, this);
    this.sockets.set(socket.id, socket);
    this.ledger.note(this.protocol.id, socket.id, { what: 'open', address, path: `${path}?${query}` });
    return socket;
  }

  subscribe(socket: SimSocket, type: DataType, symbol: string, snapshot: boolean, channel?: string): void {
    const code = this.#code(symbol);
    const key = subscriptionKey(type, symbol, channel);
    if (channel !== undefined) {
      socket.subscriptions.add(key);
      this.ledger.note(this.protocol.id, socket.id, { what: 'subscribe', type, symbol });
      return this.books.subscribe(socket, symbol, channel, snapshot);
    }
    const known = this.#subscribers.get(key);
    if (known) known.add(socket);
    else this.#subscribers.set(key, new Set([socket]));
    socket.subscriptions.add(key);
    this.ledger.note(this.protocol.id, socket.id, { what: 'subscribe', type, symbol });
    if (snapshot) this.#send(socket, type, code.walk.tick(this.now(), true), null);
    if (code.active.has(type)) return;
    code.active.add(type);
    this.onFeeds();
  }

  book(symbol: string, channel: string): BookView {
    return this.books.asked(symbol, channel, this.books.channel(channel).depth, false);
  }

  unsubscribe(socket: SimSocket, type: DataType, symbol: string, channel?: string): void {
    const key = subscriptionKey(type, symbol, channel);
    if (!socket.subscriptions.delete(key)) return;
    if (channel !== undefined) this.books.unsubscribe(socket, symbol, channel);
    this.#subscribers.get(key)?.delete(socket);
    this.ledger.note(this.protocol.id, socket.id, { what: 'unsubscribe', type, symbol });
  }

  gone(socket: SimSocket): void {
    this.sockets.delete(socket.id);
  }

  /**
   * The next event of a code, sent to whoever is subscribed.
   * @param atMs exact time of its trades; else the present, just about
   * @returns its rows
   */
  happen(type: DataType, symbol: string, atMs?: number): number {
    const code = this.#code(symbol);
    const now = atMs ?? this.now();
    if (type === 'orderbook') return this.books.happen(symbol);
    if (type === 'ticker') {
      // Without a trade feed the market moves with the ticker.
      if (!code.active.has('trade')) this.#trade(code, now);
      this.#deliver(type, code.walk.tick(now, false), null);
      return 1;
    }
    const most = Math.min(3, this.protocol.tradesPerFrame);
    const count = most > 1 && this.random() < 0.2 ? between(this.random, 2, most) : 1;
    const trades = Array.from({ length: count }, () => this.#trade(code, now, atMs !== undefined));
    const tick = code.walk.tick(now, false, trades);
    this.#deliver(type, tick, null);
    const { held } = code;
    if (held) {
      code.held = null;
      this.#deliver('trade', held.tick, 'reorder');
    }
    return count;
  }

  /** The latest trade is sent once more. */
  duplicate(symbol: string): void {
    this.#deliver('trade', this.#code(symbol).walk.tick(this.now(), false), 'duplicate');
  }

  /** A trade happens now and is sent after the code's next one. */
  holdBack(symbol: string): void {
    const code = this.#code(symbol);
    const now = this.now();
    const trade = this.#trade(code, now);
    code.held = { tick: code.walk.tick(now, false, [trade]), trade };
  }

  /** REST shows the next `count` trades so much later than others. */
  late(symbol: string, count: number, ms: number): void {
    this.tapes.of(this.walk(symbol).listing).late(count, ms);
  }

  /** The next `count` ids of the code are never used. */
  hole(symbol: string, count: number): void {
    const ids = this.#code(symbol).walk.skip(count, this.now());
    this.ledger.note(this.protocol.id, null, { what: 'hole', symbol, ...ids });
  }

  /** Wire text of one more event whose price is not a number; the market itself does not move. */
  brokenFrame(socket: SimSocket, type: DataType, symbol: string): string[] {
    if (type === 'orderbook') return this.books.broken(socket, symbol);
    const tick = this.#code(symbol).walk.tick(this.now(), false);
    const [trade] = tick.trades;
    const nan = Number.NaN;
    return socket.conversation.data(type, { ...tick, close: nan, trades: [{ ...trade, price: nan }] });
  }

  #trade({ walk }: Code, now: number, exactly = false): Trade {
    const trade = walk.trade(now, exactly);
    this.tapes.push(walk.listing, trade, Date.now());
    const book = this.books.codes.get(walk.listing.symbol);
    if (book) this.books.touched(book);
    return trade;
  }

  #deliver(type: DataType, tick: Tick, fault: Row['fault']): void {
    const { symbol } = tick.listing;
    let sent = false;
    if (!this.muted.some((mute) => (mute.type ?? type) === type && (mute.symbol ?? symbol) === symbol)) {
      for (const socket of this.#subscribers.get(subscriptionKey(type, symbol)) ?? []) {
        sent = this.#send(socket, type, tick, fault) || sent;
      }
    }
    if (sent || type !== 'trade' || fault === 'duplicate') return;
    for (const trade of tick.trades) this.ledger.trade(this.protocol.id, null, tick, trade, fault);
  }

  #send(socket: SimSocket, type: DataType, tick: Tick, fault: Row['fault']): boolean {
    const sent = socket.event(type, tick);
    if (!sent) return false;
    const { id } = this.protocol;
    if (type !== 'trade') this.ledger.state(id, socket.id, type, tick);
    else for (const trade of this.#asSent(tick)) this.ledger.trade(id, socket.id, tick, trade, fault);
    this.ledger.count(id, type, sent.frames, sent.bytes, type === 'trade' ? tick.trades.length : 1);
    return true;
  }

  #asSent({ trades }: Tick): readonly Trade[] {
    return this.protocol.newestFirst ? trades.toReversed() : trades;
  }

  #add(listing: Listing, price: number): void {
    const nth = this.#nth++;
    const walk = new Walk(listing, price, nth, this.protocol, this.random, this.now());
    this.tapes.push(listing, walk.last, Date.now());
    this.#codes.set(listing.symbol, { walk, nth, active: new Set(), held: null });
  }

  #code(symbol: string): Code {
    const code = this.#codes.get(symbol);
    if (!code) throw new Error(`${this.protocol.id} has no market ${symbol}`);
    return code;
  }
}
