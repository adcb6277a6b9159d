import type { GapCause } from '../events.ts';
import type { Market, Micros } from '../market/market.ts';
import type { Connection } from './connection.ts';
import type { ConnectionSnapshot } from './snapshot.ts';

interface Part {
  readonly connection: Connection;
  markets: Map<string, Market>;
  /** Codes that its socket has room for, as far as the exchange has shown. */
  room: number;
}

/** @param full to be told of codes that a socket has no room for, and how many it carries */
export type MakeConnection = (
  part: number,
  full: (markets: readonly Market[], carried: number) => void,
) => Connection;

/**
 * The connections of one shard: one, as shards are no larger than a socket; more where the exchange takes fewer codes
 * on a socket than its documents say, or where the shard was made when a socket carried more. A code that has no room stays with its shard and moves to another socket. Codes
 * that a socket refuses which carries none move nowhere: more sockets would not help them.
 */
export class ShardConnections {
  readonly #most: number;
  readonly #make: MakeConnection;
  readonly #parts = new Map<number, Part>();
  readonly #closing = new Set<Promise<boolean>>();
  readonly #micros: () => Micros;
  #paused = false;

  /** @param most codes that a socket may carry by the exchange's documents */
  constructor(most: number, micros: () => Micros, make: MakeConnection) {
    this.#most = most;
    this.#micros = micros;
    this.#make = make;
    this.#begin();
  }

  /** Sets what is to be carried. A code that is carried stays where it is. */
  update(markets: readonly Market[]): void {
    const left = new Map(markets.map((market) => [market.symbol, market]));
    for (const part of this.#parts.values()) {
      const kept = [...part.markets.keys()].flatMap((symbol) => left.get(symbol) ?? []);
      for (const { symbol } of kept) left.delete(symbol);
      part.markets = bySymbol(kept);
    }
    for (const market of left.values()) this.#place(market, null);
    this.#apply();
  }

  /** Nobody received these codes since `from`, before this shard was here; the gap ends as any other. */
  missedSince(markets: readonly Market[], from: Micros, cause: GapCause): void {
    for (const part of this.#parts.values()) {
      const own = markets.filter(({ symbol }) => part.markets.has(symbol));
      if (own.length > 0) part.connection.missedSince(own, from, cause);
    }
  }

  /** Nobody received these codes since `from`, and now nobody wants them any more. */
  missedUntilNow(markets: readonly Market[], from: Micros, cause: GapCause): void {
    const [first] = this.#parts.values();
    first?.connection.missedUntilNow(markets, from, cause);
  }

  /** Until when everything that was sent has been read, of codes that are not missing. */
  coveredUntil(): Micros {
    return Math.min(
      this.#micros(),
      ...Array.from(this.#parts.values(), ({ connection }) => connection.coveredUntil()),
    );
  }

  /** Whether what is read now may have waited while the process stood still. */
  get doubtful(): boolean {
    return [...this.#parts.values()].some(({ connection }) => connection.doubtful);
  }

  /** How far our clock may be ahead of the exchange's, in µs. */
  get clockAhead(): Micros {
    return Math.max(0, ...Array.from(this.#parts.values(), ({ connection }) => connection.clockAhead));
  }

  /** The codes that were ever received, by the moment until which they were for certain. */
  covered(): Map<Micros, string[]> {
    const covered = new Map<Micros, string[]>();
    for (const { connection } of this.#parts.values())
      for (const [until, symbols] of connection.covered())
        covered.set(until, [...(covered.get(until) ?? []), ...symbols]);
    return covered;
  }

  /** Symbols that the exchange was asked for, and that it has not refused. */
  asked(): Set<string> {
    return new Set([...this.#parts.values()].flatMap(({ connection }) => connection.asked()));
  }

  /** A market list was read anew, and newly has these symbols; see `Connection`. */
  askAgain(listed: ReadonlySet<string>): void {
    for (const { connection } of this.#parts.values()) connection.askAgain(listed);
  }

  pause(): void {
    this.#paused = true;
    for (const { connection } of this.#parts.values()) connection.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const { connection } of this.#parts.values()) connection.resume();
  }

  /** For how long the exchange still does not want to see this address, in ms; 0 where it does. */
  get bannedMs(): number {
    return Math.max(0, ...Array.from(this.#parts.values(), ({ connection }) => connection.bannedMs));
  }

  snapshots(): ConnectionSnapshot[] {
    return Array.from(this.#parts.values(), ({ connection }) => connection.snapshot());
  }

  /**
   * Closes the sockets. Resolves when the last frame was handed over; gaps still open end here.
   * @returns whether they brought all that was sent until then
   */
  async stop(reason: string | null = null): Promise<boolean> {
    const parts = [...this.#parts.values()];
    this.#parts.clear();
    const stopped = parts.map(({ connection }) => connection.stop(reason));
    const complete = await Promise.all([...this.#closing, ...stopped]);
    return complete.every(Boolean);
  }

  /** The first part with room, or a new one. */
  #place(market: Market, not: Part | null): Part {
    const parts = [...this.#parts.values()];
    const part = parts.find((one) => one !== not && one.markets.size < one.room) ?? this.#begin();
    part.markets.set(market.symbol, market);
    return part;
  }

  #begin(): Part {
    let number = 0;
    while (this.#parts.has(number)) number++;
    const connection = this.#make(number, (markets, carried) => this.#full(number, markets, carried));
    const part = { connection, markets: new Map(), room: this.#most };
    this.#parts.set(number, part);
    connection.start();
    if (this.#paused) connection.pause();
    return part;
  }

  #full(number: number, markets: readonly Market[], carried: number): void {
    const from = this.#parts.get(number);
    if (!from || carried === 0) return;
    from.room = Math.min(from.room, carried);
    const known = new Set([...from.connection.covered().values()].flat());
    const moving = markets.filter(({ symbol }) => from.markets.delete(symbol));
    const moved = Map.groupBy(moving, (market) => this.#place(market, from));
    this.#apply();
    for (const [part, own] of moved) {
      const missed = own.filter(({ symbol }) => known.has(symbol));
      if (missed.length > 0) part.connection.missedSince(missed, this.#micros(), 'refused');
    }
  }

  #apply(): void {
    for (const [number, { connection, markets }] of this.#parts) {
      if (markets.size > 0 || number === 0) connection.update([...markets.values()]);
      else this.#close(number, connection);
    }
  }

  #close(number: number, connection: Connection): void {
    this.#parts.delete(number);
    const closing = connection.stop().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

function bySymbol(markets: readonly Market[]): Map<string, Market> {
  return new Map(markets.map((market) => [market.symbol, market]));
}
