import type { Micros } from '../market/market.ts';
import type { ClockOffset } from './clock-offset.ts';

/** A row's time tells how far a code was covered only while it is this close to its arrival. */
const EVENT_TIME_SPAN = 60_000_000;
/** Rows of different codes do not leave an exchange in the strict order of their times. */
const ORDER_SLACK = 250_000;
/** Signs of life of the process that are further apart mean that it stood still. */
const STALL = 2_000_000;
/** Without a row to go by: what may have been on its way, and a stall too short to be noticed. */
const TRAVEL_SLACK = 1_000_000 + STALL;
/** By then what had waited for a process that stood still has been read. */
const DRAINED = 60_000_000;
/** So many bytes that had waited mean that the exchange perhaps could not send more, and left out what came then. */
const BLOCKED_BYTES = 65_536;
/** Rows this far apart, where so many bytes had waited, are a sign of that wherever they lie. */
const LEAP = 5_000_000;
/** What was left out lies before a moment near the end of the stall: so near, as far as clocks are known. */
const NEAR = 5_000_000;

/** The process stood still, or did not read. Frames that are read from then on may have arrived long before. */
interface Stall {
  readonly from: Micros;
  readonly to: Micros;
  /** How far the socket was covered before. */
  readonly until: Micros;
  bytes: number;
  /** The longest step from row to row near its end, where rows may have been left out. */
  step: { readonly from: Micros; readonly length: Micros } | null;
}

/**
 * How far one socket has delivered. A frame says that everything the exchange had sent before it has arrived, so the
 * time at which it was sent counts. Rows carry it, nearly; the time at which any other frame is read says something
 * only while the process reads without a pause.
 */
export class Receipt {
  readonly #offset: ClockOffset;
  #aliveAt: Micros;
  #frameAt: Micros;
  #eventAt: Micros = 0;
  #chunkMs = Number.NaN;
  #stall: Stall | null = null;

  /** @param offset of the exchange's clock, by all of its sockets */
  constructor(at: Micros, offset: ClockOffset) {
    this.#offset = offset;
    this.#aliveAt = at;
    this.#frameAt = at;
  }

  /** A frame was read. */
  frame(at: Micros, bytes: number): void {
    this.alive(at);
    this.#frameAt = at;
    if (this.#stall) this.#stall.bytes += bytes;
  }

  /** The process runs: to be called about once a second. */
  alive(at: Micros): void {
    if (at - this.#aliveAt > STALL) this.stood(this.#aliveAt, at);
    this.#aliveAt = at;
    if (this.#stall && at - this.#stall.to > DRAINED) this.#stall = null;
  }

  /**
   * Nothing was read between these moments.
   * @param until how far the socket was covered before
   */
  stood(from: Micros, to: Micros, until: Micros = this.until()): void {
    const before = this.#stall;
    this.#stall = { from: before?.from ?? from, to, until, bytes: before?.bytes ?? 0, step: null };
    this.#aliveAt = to;
  }

  /**
   * Live rows of one code were read.
   * @param chunkMs is the same for all codes of a chunk; the earliest of them counts
   * @returns since when rows were left out, where the exchange has done so for a reader that stood still; else null
   */
  rows(chunkMs: number, eventAt: Micros): Micros | null {
    const stall = this.#stall;
    this.#offset.take(this.#frameAt - eventAt);
    if (!this.#believes(eventAt)) return null;
    const before = this.until();
    if (chunkMs !== this.#chunkMs || eventAt < this.#eventAt) this.#eventAt = eventAt;
    this.#chunkMs = chunkMs;
    if (!stall) return null;
    const leapt = stall.bytes >= BLOCKED_BYTES ? this.#leapt(stall, before, eventAt) : null;
    if (eventAt + this.#offset.value >= stall.to) this.#stall = null;
    return leapt;
  }

  /**
   * The last moment at which everything the exchange had sent until then has certainly arrived, by our clock and by
   * the exchange's.
   */
  until(): Micros {
    const stall = this.#stall;
    const offset = this.#offset.value;
    const byRows = Math.min(this.#frameAt, this.#eventAt + Math.min(0, offset)) - ORDER_SLACK;
    if (stall) return Math.max(stall.until, byRows);
    return this.#believes(this.#eventAt) ? byRows : this.#frameAt - TRAVEL_SLACK - this.#offset.doubt;
  }

  /** Whether frames that are read now may have waited while the process stood still. */
  get doubtful(): boolean {
    return this.#stall !== null;
  }

  /**
   * Whoever waits for room to send goes on when the process reads again. So what was left out lies in the step over that
   * moment; which of some steps that is clocks do not say for certain, and the longest is the likeliest.
   */
  #leapt(stall: Stall, before: Micros, eventAt: Micros): Micros | null {
    const length = eventAt - before;
    const at = eventAt + this.#offset.value;
    const near = at >= stall.to - NEAR - this.#offset.doubt;
    if (near && length > (stall.step?.length ?? 0)) stall.step = { from: before, length };
    if (at >= stall.to) return Math.min(before, stall.step?.from ?? before);
    return length > LEAP ? before : null;
  }

  /** The last trade of a code may be old, and its row new. */
  #believes(eventAt: Micros): boolean {
    const readFrom = this.#stall?.from ?? this.#frameAt;
    return readFrom - eventAt - Math.max(0, this.#offset.value) < EVENT_TIME_SPAN;
  }
}
