import type { Clock } from '../../common/clock.ts';
import type { Market, Micros } from '../market/market.ts';
import type { Link } from './link.ts';
import { type ConnectionSnapshot, socketSnapshots } from './snapshot.ts';

type Role = 'primary' | 'successor' | 'leaving';

/** The sockets of a connection: one carries its codes, one may be about to take over, others are on their way out. */
export class Sockets {
  primary: Link | null = null;
  successor: Link | null = null;
  readonly #leaving = new Set<Link>();
  /** What came over sockets that have ended. */
  readonly #past = { frames: 0, bytes: 0 };

  all(): Link[] {
    return [...this.#leaving, this.successor, this.primary].filter((link) => link !== null);
  }

  /** Whether any of them receives that code. */
  carries({ symbol }: Pick<Market, 'symbol'>): boolean {
    if (this.primary?.carries(symbol) || this.successor?.carries(symbol)) return true;
    for (const link of this.#leaving) if (link.carries(symbol)) return true;
    return false;
  }

  /** Whether the exchange was asked for that code over any of them, and has not refused it. */
  asksFor(symbol: string): boolean {
    return this.all().some((link) => link.asksFor(symbol));
  }

  /** Ids of those that have that code, where we have taken leave of all of them; none where one that stays receives it. */
  leftWith(symbol: string): ReadonlySet<number> {
    const stays = this.all().some((link) => link.state === 'open' && link.carries(symbol));
    const left = this.all().filter((link) => link.state === 'closing' && link.asksFor(symbol));
    return new Set(stays ? [] : left.map(({ id }) => id));
  }

  /** Whether what is read now may have waited while the process stood still. */
  get doubtful(): boolean {
    return this.all().some((link) => link.doubtful);
  }

  /**
   * Until when everything that was sent has been read.
   * @param now what holds where no socket carries the codes
   */
  coveredUntil(now: Micros): Micros {
    return this.owedSince(this.primary?.coveredUntil() ?? now);
  }

  /** Since when something may be missing: what a socket owes that is being left shows only at its end. */
  owedSince(until: Micros): Micros {
    return Math.min(until, ...Array.from(this.#leaving, (link) => link.coveredUntil()));
  }

  /**
   * Codes of which rows may be missing as this socket fell short, or has ended. What was on its way over it is lost,
   * also where another socket has had the code for a moment: it knows nothing of what came before.
   * @param complete whether it brought all until we left it, after the others had taken over
   */
  lostWith(by: Link, complete: boolean, markets: Iterable<Market>): Market[] {
    const others = this.all().filter((link) => link !== by);
    const until = complete ? Number.POSITIVE_INFINITY : by.coveredUntil();
    return Array.from(markets).filter(({ symbol }) =>
      others.every((other) => {
        const since = other.carriesSince(symbol);
        return since === null || since > until;
      }),
    );
  }

  /**
   * The successor carries the codes from now on.
   * @returns the socket that did until now
   */
  promote(successor: Link): Link | null {
    const old = this.primary;
    this.primary = successor;
    this.successor = null;
    return old;
  }

  /** The socket stays until it has ended, for what is on its way. */
  leave(link: Link): void {
    this.#leaving.add(link);
  }

  /** The socket has ended. Returns what it was; null where it was not one of these. */
  remove(link: Link): Role | null {
    this.#past.frames += link.frames;
    this.#past.bytes += link.bytes;
    if (this.#leaving.delete(link)) return 'leaving';
    if (link === this.primary) {
      this.primary = null;
      return 'primary';
    }
    if (link !== this.successor) return null;
    this.successor = null;
    return 'successor';
  }

  snapshots(clock: Clock): Pick<ConnectionSnapshot, 'sockets' | 'frames' | 'bytes'> {
    return socketSnapshots(this.all(), this.primary, this.#past, clock);
  }
}
