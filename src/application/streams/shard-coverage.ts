import type { Clock } from '../../common/clock.ts';
import { skewOf } from '../../core/connection/clock-offset.ts';
import type { ShardConnections } from '../../core/connection/shard-connections.ts';
import type { GapCause } from '../../core/events.ts';
import type { Market, Micros } from '../../core/market/market.ts';
import type { Covered, ShardRecord } from '../state-store.ts';
import { Evidence, type WantedOfShard } from './evidence.ts';
import { LateReading } from './late-reading.ts';
import type { HeldShard } from './stream-parts.ts';

/** Rows are older than their arrival by their way here. */
const TRAVEL_SLACK: Micros = 1_000_000;

export interface CoverageSource {
  readonly clock: Clock;
  /** `skewOf` the clock when the process began. */
  readonly skewAtStart: Micros;
  /** Of the shards that run. */
  readonly connections: ReadonlyMap<number, ShardConnections>;
  /** When the oldest row was read that Kafka has not acknowledged; null where it has all. */
  oldest(): Micros | null;
  marketsOf(symbols: readonly string[]): Market[];
}

/** How far each shard of a stream got: what of its codes was received and delivered, or may have been missed. */
export class ShardCoverage {
  readonly #source: CoverageSource;
  /** How far the shards got whose sockets were closed since their leases were taken. */
  readonly #ends = new Map<number, readonly Covered[]>();
  /** What is known of the codes of each shard that were not received here yet. */
  readonly #evidence = new Map<number, Evidence>();
  /** How far our clock may have been ahead when a shard was closed, in µs. */
  readonly #aheads = new Map<number, Micros>();
  readonly #late = new LateReading();

  constructor(source: CoverageSource) {
    this.#source = source;
  }

  /**
   * Sets what is desired of a shard that is held here.
   * @returns whether there is more to write down than before
   */
  prepare(shard: number, wanted: WantedOfShard, { fence, symbols, missed, joined }: HeldShard): boolean {
    const connection = this.#source.connections.get(shard);
    const begins = !connection && !this.#ends.has(shard);
    if (begins && wanted.symbols.length === 0) return false;
    // One that began and has no connection yet, as its codes wait for a fence, keeps what it was told.
    const evidence = this.#evidence.get(shard) ?? new Evidence((begins && missed?.since) || []);
    this.#evidence.set(shard, evidence);
    const read = connection?.coveredUntil() ?? this.#now();
    const more = evidence.want(wanted, this.#source.clock.micros(), read);
    return evidence.hold(fence, symbols, joined) || more || begins;
  }

  /** Whether anything is kept on record of codes that other shards are to have. */
  get moving(): boolean {
    return [...this.#evidence.keys()].some((shard) => this.kept(shard).length > 0);
  }

  /** What a shard keeps on record of such codes, which it does not have. */
  kept(shard: number): readonly Covered[] {
    return this.#evidence.get(shard)?.kept() ?? [];
  }

  /** What is on record of the stream. */
  taken(records: readonly ShardRecord[]): void {
    for (const [shard, evidence] of this.#evidence)
      evidence.taken(records.flatMap((record) => (record.shard.shard === shard ? [] : record.covered)));
  }

  /**
   * Tells the connections of a shard, which carry these codes now, what nobody has received of them until now. Whoever had
   * them before may have received those too that were only asked for by its last record, and not have lived to write it.
   */
  handOn(shard: number, connection: ShardConnections, carried: readonly Market[], cause: GapCause): void {
    const evidence = this.#evidence.get(shard);
    if (!evidence) return;
    const { marketsOf } = this.#source;
    const symbols = new Set(carried.map(({ symbol }) => symbol));
    for (const { until, symbols: gone } of evidence.unwanted())
      connection.missedUntilNow(marketsOf(gone), until, cause);
    for (const { until, symbols: mine } of evidence.take((symbol) => symbols.has(symbol)))
      connection.missedSince(marketsOf(mine), until, cause);
  }

  /**
   * How far a shard got: everything of these symbols until then was received and delivered; nothing yet of those that
   * were only asked for. Null where it never ran and is not about to.
   */
  covered(shard: number): Covered[] | null {
    const connection = this.#source.connections.get(shard);
    const received = connection ? this.#received(shard, connection, () => true) : this.#ends.get(shard);
    if (!received) {
      const now = this.#now();
      return this.#evidence.get(shard)?.covered([], now, now) ?? null;
    }
    const delivered = this.#delivered(connection?.clockAhead ?? this.#aheads.get(shard) ?? 0);
    return received.map((one) => ({ ...one, until: Math.min(one.until, delivered) }));
  }

  /** To be called at every tick: a process that stood still reads rows that had waited in the machine. */
  look(): void {
    const { clock, connections } = this.#source;
    const doubtful = Array.from(connections.values()).some((connection) => connection.doubtful);
    this.#late.look(clock.now(), clock.micros(), doubtful);
  }

  /** The shard's sockets are about to be closed. */
  close(shard: number, connection: ShardConnections): void {
    const asked = connection.asked();
    this.#aheads.set(shard, connection.clockAhead);
    this.#ends.set(
      shard,
      this.#received(shard, connection, (symbol) => asked.has(symbol)),
    );
  }

  /** Codes that a shard had brought when it was closed. */
  ended(shard: number): string[] {
    return (this.#ends.get(shard) ?? []).flatMap(({ symbols }) => symbols);
  }

  /** Shards whose sockets were closed, and that were not forgotten since. */
  closed(): number[] {
    return [...this.#ends.keys()];
  }

  /** The shard is not held here any more. */
  forget(shard: number): void {
    this.#ends.delete(shard);
    this.#evidence.delete(shard);
  }

  /** Where the clock was set forward since the process began it may be ahead of the exchange's. */
  #now(): Micros {
    const { clock, skewAtStart } = this.#source;
    return clock.micros() - Math.max(0, skewOf(clock) - skewAtStart);
  }

  /**
   * Until when all was delivered that had been sent, as far as it has been read.
   * @param ahead how far our clock may be ahead of the exchange's
   */
  #delivered(ahead: Micros): Micros {
    this.look();
    const sent = this.#late.sentSince(this.#source.oldest() ?? Number.POSITIVE_INFINITY);
    return sent - ahead - TRAVEL_SLACK;
  }

  /** How far a shard got, as `covered`, whether it is delivered or not. */
  #received(shard: number, connection: ShardConnections, asked: (symbol: string) => boolean): Covered[] {
    const known = Array.from(connection.covered(), ([until, symbols]) => ({ until, symbols }));
    const until = connection.coveredUntil();
    const passed = Math.min(until, this.#delivered(connection.clockAhead));
    return this.#evidence.get(shard)?.covered(known, until, passed, asked) ?? known;
  }
}
