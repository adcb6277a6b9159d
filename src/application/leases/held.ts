import { type StreamKey, streamKey } from '../../core/desired/stream.ts';
import type { Covered, Lease, ShardKey, Taken } from '../state-store.ts';
import type { HeldShard } from '../streams/stream-parts.ts';

/** A shard that shall run somewhere, with what it carries by one version of the stream's desired state. */
export interface WantedShard extends ShardKey {
  readonly version: number;
  readonly symbols: readonly string[];
}

/** A shard whose lease is held here. */
export class Held implements HeldShard {
  readonly shard: ShardKey;
  readonly missed: HeldShard['missed'];
  lease: Lease;
  /** What the store had of its last holder when it was taken. */
  before: Taken['before'];
  /** Whom the store must name as the last that took it, unless another did meanwhile. */
  taker: string | null;
  /** How far whoever had them got with codes that joined under the fence. */
  joined: readonly Covered[] = [];
  /** Every fence that the lease had here: messages that bear an older one may still be on their way. */
  readonly fences: number[] = [];
  symbols: ReadonlySet<string>;
  /** How far it got, once its sockets are closed. */
  end: readonly Covered[] | null = null;
  #version: number;

  /** @param taker left out: this collector */
  constructor(
    taken: Taken,
    wanted: WantedShard,
    missed: HeldShard['missed'],
    taker: string | null = taken.lease.collector,
  ) {
    const { exchange, request_type, shard, version, symbols } = wanted;
    this.shard = { exchange, request_type, shard };
    this.missed = missed;
    this.taker = taker;
    this.lease = taken.lease;
    this.before = taken.before;
    this.fences.push(taken.lease.fence);
    this.symbols = new Set(symbols);
    this.#version = version;
  }

  get fence(): number {
    return this.lease.fence;
  }

  /** It has a new fence, which holds for these codes. */
  renewed({ lease, before, beside }: Taken, { version, symbols }: WantedShard): void {
    // Where versions were not seen, any of the codes may have been elsewhere and come back.
    const seen = version <= this.#version + 1 ? this.symbols : new Set<string>();
    this.joined = ofThese(
      beside,
      symbols.filter((symbol) => !seen.has(symbol)),
    );
    this.lease = lease;
    this.before = before;
    this.taker = lease.collector;
    this.fences.push(lease.fence);
    this.symbols = new Set(symbols);
    this.#version = version;
  }

  /**
   * Whether its fence says nothing of some code that it is to carry: one that joined, and perhaps was in a shard with a
   * higher fence before. Where versions were not seen, any of the codes may have been elsewhere meanwhile.
   */
  outgrown({ version, symbols }: WantedShard): boolean {
    if (version === this.#version) return false;
    const next = version === this.#version + 1;
    if (!next || symbols.some((symbol) => !this.symbols.has(symbol))) return true;
    this.symbols = new Set(symbols);
    this.#version = version;
    return false;
  }
}

/** Symbols that are wanted of a stream, in whatever shard. */
export function wantedOf(host: { wanted(): WantedShard[] }, stream: StreamKey): string[] {
  const key = streamKey(stream);
  return host.wanted().flatMap((shard) => (streamKey(shard) === key ? shard.symbols : []));
}

/** What is said of these symbols. */
export function ofThese(all: readonly Covered[], symbols: readonly string[]): Covered[] {
  const these = new Set(symbols);
  return all.flatMap((one) => {
    const own = one.symbols.filter((symbol) => these.has(symbol));
    return own.length > 0 ? [{ ...one, symbols: own }] : [];
  });
}
