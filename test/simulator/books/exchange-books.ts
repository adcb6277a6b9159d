import type { SimSocket } from '../sim-socket.ts';
import type { BookChannel, Books, BookView } from './channel.ts';
import type { CodeBook } from './code-book.ts';
import type { BookFault, Outgoing } from './faults.ts';
import type { Publication } from './publication.ts';
import { type BookHost, Sending } from './sending.ts';

/** A book as its subscribers have it once everything that was sent has arrived. */
export interface BookState {
  readonly exchange: string;
  readonly symbol: string;
  readonly channel: string;
  /** Exchange time of the last frame, epoch milliseconds: whoever applied all frames up to it has these levels. */
  readonly at: number;
  /** When it was asked for, epoch milliseconds. */
  readonly askedAt: number;
  /** Sockets that are subscribed; without any, nobody was told of what changed since. */
  readonly heard: number;
  /** The number of that frame's row; null where the exchange numbers none. */
  readonly sequence: number | null;
  readonly bids: readonly (readonly [price: number, size: number])[];
  readonly asks: readonly (readonly [price: number, size: number])[];
}

/** All books of one exchange: they begin with their first subscriber and go on whoever listens. */
export class ExchangeBooks {
  /** By symbol, in the order they began. */
  readonly codes = new Map<string, CodeBook>();
  /** Set when a book began. */
  onBook: () => void = () => {};
  /** Whole books of the past that requests get instead of the present one. */
  readonly stale = new Map<string, { left: number; view(depth: number): BookView }>();
  /** Requests for a whole book that are still to be refused. */
  refusals = 0;
  readonly #dirty = new Set<Publication>();
  readonly #sending: Sending;
  readonly #books: Books | undefined;

  /** @param create a book where the market stands now */
  constructor(
    readonly host: BookHost,
    readonly create: (symbol: string) => CodeBook,
  ) {
    this.#books = host.protocol.books;
    this.#sending = new Sending(host);
  }

  get(symbol: string): CodeBook {
    const known = this.codes.get(symbol);
    if (known) return known;
    const created = this.create(symbol);
    this.codes.set(symbol, created);
    this.onBook();
    return created;
  }

  channel(name: string): BookChannel {
    const channel = this.#books?.channel(name);
    if (!channel) throw new Error(`${this.host.protocol.id} has no book channel ${name}`);
    return channel;
  }

  subscribe(socket: SimSocket, symbol: string, name: string, snapshot: boolean): void {
    const code = this.get(symbol);
    this.flush(code);
    const publication = code.publication(this.channel(name));
    if (publication.subscribers.size === 0) publication.begin();
    publication.subscribers.add(socket);
    if (snapshot) this.#snapshot(code, publication, new Set([socket]), true);
  }

  unsubscribe(socket: SimSocket, symbol: string, name: string): void {
    this.codes.get(symbol)?.publications.get(name)?.subscribers.delete(socket);
  }

  /** One random order of a code. @returns levels that changed */
  step(code: CodeBook): number {
    const changed = code.step(performance.now());
    if (changed > 0) this.touched(code);
    return changed;
  }

  /** Changes of one order, sent at once. @returns its rows */
  happen(symbol: string): number {
    const code = this.get(symbol);
    for (let i = 0; i < 1000 && this.step(code) === 0; i++);
    this.flush(code);
    return 1;
  }

  /** A market that is no longer listed. */
  end(symbol: string): void {
    if (this.codes.delete(symbol)) this.onBook();
  }

  /** Frames as they go to a socket of one more change, whose price is not a number; the book itself does not move. */
  broken(socket: SimSocket, symbol: string): string[] {
    const code = this.get(symbol);
    const publications = [...code.publications.values()];
    const publication = publications.find(({ subscribers }) => subscribers.has(socket));
    if (!publication) throw new Error(`socket ${socket.id} has no book of ${symbol}`);
    const { channel } = publication;
    const timeMs = code.timeOf(Date.now());
    const level = { price: Number.NaN, size: 1, orders: 1 };
    const view = publication.view(timeMs, false);
    const numbers = { version: view.version + 1, frame: view.frame + 1, bids: [level], asks: [] };
    const inOrder = [{ buys: true, level }];
    const more = { inOrder, wrongChecksum: false, view: () => view };
    const texts =
      channel.changes?.({ ...view, ...numbers, ...more }) ?? channel.whole({ ...view, ...numbers });
    const { book } = socket.conversation;
    if (!book) return texts;
    return texts.map((text) => book(symbol, channel.name, text, timeMs)).filter((text) => text !== null);
  }

  /** Something of the code's book changed. */
  touched(code: CodeBook): void {
    for (const publication of code.publications.values()) {
      if (publication.subscribers.size > 0) this.#dirty.add(publication);
    }
  }

  /** Sends what is due. */
  beat(now: number): void {
    this.#sending.together(() => {
      for (const publication of this.#dirty) {
        if (now < publication.dueAt) continue;
        this.#dirty.delete(publication);
        const code = this.codes.get(publication.listing.symbol);
        if (code) this.#publish(code, publication, now);
      }
    });
  }

  /** What exchanges send where nothing changed for long. Cheap enough once a second. */
  idle(now: number): void {
    for (const code of this.codes.values()) {
      for (const publication of code.publications.values()) {
        const { idle } = publication.channel;
        if (!idle || publication.subscribers.size === 0 || now - publication.sentAt < idle.ms) continue;
        publication.sentAt = now;
        const texts = idle.text(publication.view(code.nextTime(Date.now()), false));
        this.#sending.send(this.#sending.prepare(code, publication, texts, publication.subscribers));
      }
    }
  }

  /** Sends all of a code that was not told yet. */
  flush(code: CodeBook): void {
    for (const publication of code.publications.values()) {
      if (this.#dirty.delete(publication)) this.#publish(code, publication, performance.now());
    }
  }

  /** The book as its subscribers have it; kept in the ledger, too. @param name a channel, else the first that is heard */
  state(symbol: string, name?: string): BookState {
    const code = this.get(symbol);
    this.flush(code);
    const publications = [...code.publications.values()];
    const publication =
      name === undefined
        ? (publications.find(({ subscribers }) => subscribers.size > 0) ?? publications[0])
        : code.publication(this.channel(name));
    if (!publication) throw new Error(`nobody ever subscribed the book of ${symbol}`);
    const { channel } = publication;
    const view = publication.view(code.timeMs, false);
    const levels = (side: BookView['bids']) =>
      side
        .map(({ price, size }) => [price, channel.shown?.(size) ?? size] as const)
        .filter(([, size]) => size > 0);
    const state = {
      exchange: this.host.protocol.id,
      symbol,
      channel: channel.name,
      at: code.timeMs,
      askedAt: Date.now(),
      heard: publication.subscribers.size,
      sequence: channel.sequence(view),
      bids: levels(view.bids),
      asks: levels(view.asks),
    };
    this.host.ledger.note(state.exchange, null, { what: 'book', state });
    return state;
  }

  /**
   * A whole book on request.
   * @param live what was not told on the channel yet is in it, with its own number; else it is told first
   */
  asked(symbol: string, name: string, depth: number, live: boolean): BookView {
    const code = this.get(symbol);
    const stale = this.stale.get(symbol);
    if (stale) {
      if (--stale.left <= 0) this.stale.delete(symbol);
      return stale.view(depth);
    }
    const publication = code.publication(this.channel(name));
    if (publication.subscribers.size === 0) publication.begin();
    if (!live) this.flush(code);
    const view = publication.view(live ? Date.now() : code.nextTime(Date.now()), true, depth);
    return live ? { ...view, version: code.engine.version } : view;
  }

  /** The whole book as a channel told it last, with the time of the code's last frame. */
  told(symbol: string, name: string, depth: number): BookView {
    const code = this.get(symbol);
    this.flush(code);
    const publication = code.publication(this.channel(name));
    if (publication.subscribers.size === 0) publication.begin();
    return publication.view(code.timeMs, true, depth);
  }

  /** The next `count` whole books on request are those of now. */
  freeze(symbol: string, name: string, count: number): void {
    const { bids, asks, ...rest } = this.asked(symbol, name, Number.POSITIVE_INFINITY, true);
    const view = (depth: number) => ({ ...rest, bids: bids.slice(0, depth), asks: asks.slice(0, depth) });
    this.stale.set(symbol, { left: count, view });
  }

  /** The whole book once more to all that listen, in the middle of their streams. */
  snapshotAgain(code: CodeBook): void {
    this.flush(code);
    for (const publication of code.publications.values()) {
      if (!publication.channel.snapshotsAgain) continue;
      this.#snapshot(code, publication, publication.subscribers, false);
    }
  }

  note(code: CodeBook, fault: BookFault, publication?: Publication): void {
    const { symbol } = code.listing;
    const numbers = publication?.numbers(code.timeMs);
    const sequence = (numbers && publication?.channel.sequence(numbers)) ?? null;
    this.host.ledger.note(this.host.protocol.id, null, {
      what: 'book-fault',
      symbol,
      fault,
      sequence,
      timeMs: code.timeMs,
    });
  }

  #snapshot(code: CodeBook, publication: Publication, to: ReadonlySet<SimSocket>, first: boolean): void {
    if (!first) publication.frame++;
    const view = publication.view(code.nextTime(Date.now()), true);
    this.#sending.send(this.#sending.prepare(code, publication, publication.channel.whole(view), to));
  }

  #publish(code: CodeBook, publication: Publication, now: number): void {
    const { channel } = publication;
    const wrong = () => this.#fires(code, publication, 'checksum', true);
    const timeMs = code.timeOf(Date.now());
    const texts = publication.publish(timeMs, wrong);
    if (texts.length === 0) return;
    code.nextTime(timeMs);
    publication.dueAt = now + channel.everyMs;
    publication.sentAt = now;
    if (channel.repeats && code.flow.random() < channel.repeats) this.#dirty.add(publication);
    this.#withFaults(
      code,
      publication,
      this.#sending.prepare(code, publication, texts, publication.subscribers),
    );
    this.#checksum(code, publication, now);
  }

  #checksum(code: CodeBook, publication: Publication, now: number): void {
    const { checksum } = publication.channel;
    if (!checksum) return;
    const wrong = this.#fires(code, publication, 'checksum', true);
    if (!wrong && now - publication.checksumAt < checksum.everyMs) return;
    publication.checksumAt = now;
    const text = checksum.text(publication.view(code.timeMs, false), wrong);
    this.#sending.send(this.#sending.prepare(code, publication, [text], publication.subscribers));
  }

  /** Sends a frame, unless a fault that was asked for is to happen to it. */
  #withFaults(code: CodeBook, publication: Publication, frames: Outgoing): void {
    if (frames.length === 0) return this.#sending.send(frames);
    // Where only a checksum shows what is missing, the fault waits for a frame that it can show.
    if (this.#fires(code, publication, 'drop', publication.seen)) return;
    const waiting = code.armed.find(({ fault }) => fault === 'swap' || fault === 'falling');
    if (waiting && !waiting.held && publication.seen) {
      waiting.held = frames;
      this.note(code, waiting.fault, publication);
      if (waiting.fault === 'falling') this.#sending.send(frames);
      return;
    }
    this.#sending.send(frames);
    if (!waiting?.held) return;
    code.armed.splice(code.armed.indexOf(waiting), 1);
    this.#sending.send(waiting.held);
  }

  /** Whether an armed fault happens now; then it is on record and over. */
  #fires(code: CodeBook, publication: Publication, fault: BookFault, can: boolean): boolean {
    const at = can ? code.armed.findIndex((armed) => armed.fault === fault) : -1;
    if (at === -1) return false;
    code.armed.splice(at, 1);
    this.note(code, fault, publication);
    return true;
  }
}
