import type { Clock } from '../../common/clock.ts';
import { skewOf } from '../../core/connection/clock-offset.ts';
import type { ShardConnections } from '../../core/connection/shard-connections.ts';
import type { GapCause } from '../../core/events.ts';
import type { Market, Micros } from '../../core/market/market.ts';
import type { Covered } from '../state-store.ts';
import { Evidence } from './evidence.ts';
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
  /** Of each shard the symbols that were only asked for, as `covered` last said. */
  readonly #unheard = new Map<number, readonly string[]>();
  readonly #late = new LateReading();

  constructor(source: CoverageSource) {
    this.#source = source;
  }

  /**
   * Sets what is desired of a shard that is held here.
   * @returns whether there is more to write down than before
   */
  prepare(shard: number, symbols: readonly string[], { fence, missed, joined }: HeldShard): boolean {
    const { clock, connections } = this.#source;
    const connection = connections.get(shard);
    const begins = !connection && !this.#ends.has(shard);
    if (begins && symbols.length === 0) return false;
    const known = begins ? undefined : this.#evidence.get(shard);
    const evidence = known ?? new Evidence((begins && missed?.since) || []);
    this.#evidence.set(shard, evidence);
    const more = evidence.want(symbols, clock.micros(), (symbol) => connection?.knows(symbol) ?? false);
    return evidence.join(fence, joined) || more;
  }

  /** Tells the connections of a shard, which carry these codes now, what nobody has received of them until now. */
  handOn(shard: number, connection: ShardConnections, carried: readonly Market[], cause: GapCause): void {
    const evidence = this.#evidence.get(shard);
    if (!evidence) return;
    const { marketsOf } = this.#source;
    const symbols = new Set(carried.map(({ symbol }) => symbol));
    for (const { until, symbols: gone } of evidence.unwanted())
      connection.missedUntilNow(marketsOf(gone), until, cause);
    for (const { until, symbols: mine, asked = false } of evidence.take((symbol) => symbols.has(symbol)))
      connection.missedSince(marketsOf(mine), until, cause, !asked);
  }

  /**
   * How far a shard got: everything of these symbols until then was received and delivered; nothing yet of those that
   * were only asked for. Null where it never ran and is not about to.
   */
  covered(shard: number): Covered[] | null {
    const covered = this.#covered(shard);
    const unheard = (covered ?? []).flatMap(({ asked, symbols }) => (asked ? symbols : []));
    if (unheard.length > 0) this.#unheard.set(shard, unheard);
    else this.#unheard.delete(shard);
    return covered;
  }

  /** Whether something was received for the first time since `covered` last spoke of it. */
  heard(): boolean {
    for (const [shard, symbols] of this.#unheard) {
      const connection = this.#source.connections.get(shard);
      if (connection && symbols.some((symbol) => connection.knows(symbol))) return true;
    }
    return false;
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

  /** The shard is not held here any more. */
  forget(shard: number): void {
    this.#ends.delete(shard);
    this.#evidence.delete(shard);
  }

  #covered(shard: number): Covered[] | null {
    const connection = this.#source.connections.get(shard);
    const received = connection ? this.#received(shard, connection, () => true) : this.#ends.get(shard);
    if (!received) {
      const { clock, skewAtStart } = this.#source;
      // Where the clock was set forward meanwhile it may be ahead of the exchange's.
      const now = clock.micros() - Math.max(0, skewOf(clock) - skewAtStart);
      return this.#evidence.get(shard)?.covered([], now, now) ?? null;
    }
    const delivered = this.#delivered(connection?.clockAhead ?? this.#aheads.get(shard) ?? 0);
    return received.map((one) => ({ ...one, until: Math.min(one.until, delivered) }));
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
