import type { Ledger } from './ledger.ts';
import type { Ending, Protocol } from './protocol.ts';
import { type LagWatch, RateWindow } from './rate-window.ts';
import type { SimSocket } from './sim-socket.ts';

/** What shall happen to sockets that want to open, for as long as it is set. */
export type OpenFault =
  /** The upgrade is answered with this status. */
  | { readonly status: number; readonly retryAfterS?: number | undefined }
  /** The upgrade is never answered. */
  | { readonly hang: true }
  /** The socket opens and is ended at once. */
  | { readonly ending: Ending };

export type Verdict =
  | { readonly let: 'in'; readonly thenEnd: Ending | null }
  | { readonly let: 'wait' }
  | { readonly let: 'out'; readonly response: Response };

interface Address {
  readonly windows: readonly RateWindow[];
  refusals: number;
  blockedUntil: number;
}

/** Decides on every socket that wants to open: limits per source address, and misbehaviour that was asked for. */
export class OpenGate {
  readonly #addresses = new Map<string, Address>();
  #fault: { readonly what: OpenFault; readonly untilMs: number; left: number } | null = null;

  constructor(
    readonly protocol: Protocol,
    readonly ledger: Ledger,
    readonly lag: LagWatch,
    readonly sockets: ReadonlyMap<number, SimSocket>,
  ) {}

  /** @param forMs how long; @param times how many opens, at most */
  misbehave(
    what: OpenFault | null,
    forMs = Number.POSITIVE_INFINITY,
    times = Number.POSITIVE_INFINITY,
  ): void {
    this.#fault = what && { what, untilMs: performance.now() + forMs, left: times };
  }

  ask(address: string): Verdict {
    const fault = this.#activeFault();
    if (fault && 'hang' in fault) return { let: 'wait' };
    if (fault && 'status' in fault) return this.#refuse(address, fault.status, fault.retryAfterS);
    const broken = this.#broken(address);
    if (broken) return broken;
    if (fault) return { let: 'in', thenEnd: fault.ending };
    const { sockets } = this.protocol.rules;
    if (!sockets) return { let: 'in', thenEnd: null };
    const open = [...this.sockets.values()].filter((socket) => socket.address === address).length;
    if (open < sockets.count) return { let: 'in', thenEnd: null };
    this.#violation('sockets per address', `${open + 1} of ${sockets.count}`);
    return { let: 'in', thenEnd: sockets.ending };
  }

  #activeFault(): OpenFault | null {
    const fault = this.#fault;
    if (!fault) return null;
    if (performance.now() > fault.untilMs || fault.left <= 0) {
      this.#fault = null;
      return null;
    }
    fault.left--;
    return fault.what;
  }

  #broken(address: string): Verdict | null {
    const { opens, openRefusal } = this.protocol.rules;
    const { escalate } = openRefusal;
    const now = performance.now();
    let from = this.#addresses.get(address);
    if (!from) {
      from = { windows: opens.map((rate) => new RateWindow(rate)), refusals: 0, blockedUntil: 0 };
      this.#addresses.set(address, from);
    }
    if (escalate && now < from.blockedUntil) {
      this.#violation('opened while shut out', address);
      const retryAfterS = Math.ceil((from.blockedUntil - now) / 1000);
      return this.#refuse(address, escalate.status, retryAfterS);
    }
    const lag = this.lag.ms;
    const broken = from.windows.filter((window) => window.hit(now, lag));
    if (broken.length === 0) {
      from.refusals = 0;
      return null;
    }
    for (const { rate } of broken) {
      this.#violation('opens per address', `more than ${rate.count} in ${rate.perMs} ms`);
    }
    from.refusals++;
    if (escalate && from.refusals >= escalate.after) from.blockedUntil = now + escalate.blockMs;
    return this.#refuse(address, openRefusal.status, openRefusal.retryAfterS);
  }

  #refuse(address: string, status: number, retryAfterS: number | undefined): Verdict {
    this.ledger.note(this.protocol.id, null, { what: 'open-refused', address, status });
    const headers = retryAfterS === undefined ? {} : { 'Retry-After': String(retryAfterS) };
    return { let: 'out', response: new Response('', { status, headers }) };
  }

  #violation(limit: string, detail: string): void {
    this.ledger.note(this.protocol.id, null, { what: 'violation', limit, detail });
  }
}
