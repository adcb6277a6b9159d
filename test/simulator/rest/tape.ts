import type { Listing, Trade } from '../protocol.ts';
import type { PastTrade, RestService } from './service.ts';

/** A stretch of a code's past; what is left out is no bound. Ids are those of REST, both ends belong to it. */
export interface Between {
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly fromId?: string;
  readonly toId?: string;
}

/** What makes the next trades of a code differ on REST. */
interface Odd {
  left: number;
  readonly lateMs: number;
}

/** The trades of one code, in the market's order. */
export class Tape {
  readonly rows: PastTrade[] = [];
  readonly #odd: Odd[] = [];

  constructor(
    readonly listing: Listing,
    readonly service: RestService | undefined,
  ) {}

  /** The next `count` trades are shown so much later than they would be; Infinity: never. */
  late(count: number, lateMs: number): void {
    this.#odd.push({ left: count, lateMs });
  }

  push(trade: Trade, at: number): void {
    const lateMs = this.#lateMs();
    const forms = this.service?.forms?.(trade, this.listing, this.rows.at(-1)) ?? [trade];
    for (const { id, size } of forms) {
      const before = this.rows.at(-1);
      const nth = before?.timeMs === trade.timeMs ? before.nth + 1 : 0;
      const timeUs = trade.timeMs * 1000 + (this.service?.microsOf?.(nth) ?? 0);
      const socket = { socketId: trade.id, socketSize: trade.size, timeUs };
      this.rows.push({ ...trade, ...socket, id, size, nth, at, lateMs });
    }
  }

  /** Those that happened before `at`, less what is late. */
  visible(at: number): PastTrade[] {
    return this.rows.filter((row) => row.at + row.lateMs <= at);
  }

  between({ fromMs, toMs, fromId, toId }: Between): PastTrade[] {
    const [low, high] = [
      fromId === undefined ? null : BigInt(fromId),
      toId === undefined ? null : BigInt(toId),
    ];
    return this.rows.filter(({ id, timeMs }) => {
      if (timeMs < (fromMs ?? timeMs) || timeMs > (toMs ?? timeMs)) return false;
      return (low === null || BigInt(id) >= low) && (high === null || BigInt(id) <= high);
    });
  }

  #lateMs(): number {
    const [odd] = this.#odd;
    if (!odd) return 0;
    if (--odd.left <= 0) this.#odd.shift();
    return odd.lateMs;
  }
}

/** All tapes of an exchange. Together they are bounded; the longest one loses its oldest quarter. */
export class Tapes {
  readonly #tapes = new Map<string, Tape>();
  #count = 0;

  /** @param most rows over all codes */
  constructor(
    readonly service: RestService | undefined,
    readonly most: number,
  ) {}

  of(listing: Listing): Tape {
    const known = this.#tapes.get(listing.symbol);
    if (known) return known;
    const tape = new Tape(listing, this.service);
    this.#tapes.set(listing.symbol, tape);
    return tape;
  }

  find(symbol: string): Tape | undefined {
    return this.#tapes.get(symbol);
  }

  push(listing: Listing, trade: Trade, at: number): void {
    const tape = this.of(listing);
    const before = tape.rows.length;
    tape.push(trade, at);
    this.#count += tape.rows.length - before;
    while (this.#count > this.most) this.#trim();
  }

  #trim(): void {
    let longest: Tape | undefined;
    for (const tape of this.#tapes.values())
      if (tape.rows.length > (longest?.rows.length ?? 0)) longest = tape;
    this.#count -= longest?.rows.splice(0, Math.ceil(longest.rows.length / 4)).length ?? 0;
  }
}
