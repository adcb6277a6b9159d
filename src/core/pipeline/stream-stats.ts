import { Histogram } from '../../common/histogram.ts';
import { SignedHistogram } from '../../common/signed-histogram.ts';
import type { Micros } from '../market/market.ts';
import { MINUTE, MinuteStats } from './minute-stats.ts';
import { Shelf } from './shelf.ts';

/** Figures of one stream since the program started, over all of its runs: totals, and the minutes still open. */
export class StreamStats {
  /** Frames that arrived. */
  frames = 0;
  /** Their wire bytes, after decompression by the WebSocket layer. */
  bytes = 0;
  /** Frames read without fault. */
  parsed = 0;
  /** Frames with something unreadable in them. */
  failed = 0;
  /** Frames, or elements of them, that did not become a row. */
  rejected = 0;
  /** Rows made out of frames. */
  rows = 0;
  /** Of those, rows that had come before. */
  repeats = 0;
  /** Rows handed to the writer. */
  written = 0;
  /** Rows that Kafka acknowledged. */
  acked = 0;
  /** Messages that Kafka acknowledged, and the bytes of their values. */
  batches = 0;
  ackedBytes = 0;
  /** Rows the writer gave up on at the stop deadline. */
  undelivered = 0;
  /** Trades that never came, by their ids. */
  missing = 0;
  /** Sockets opened or tried. */
  sockets = 0;
  /** Answers the exchange asked for that were not sent. */
  unanswered = 0;
  /** The batch that was acknowledged last: its rows, and when. */
  lastBatchRows = 0;
  lastBatchAt: Micros = 0;
  /** What of it lies in the outbox alone. */
  readonly shelf = new Shelf();
  /** How often the byte budget made the stream stop reading. */
  pauses = 0;

  #runs: { readonly from: Micros; to: Micros }[] = [];
  /** Minutes that were not closed, oldest first. */
  readonly #open: MinuteStats[] = [];
  readonly #network = new SignedHistogram();
  readonly #delivery = new Histogram();
  #lastClosed: MinuteStats | null = null;
  #closedUntil: Micros = 0;
  #latest = NEVER;
  /** What comes back after its minute was closed; it counts in the totals alone. */
  #late = new MinuteStats(0);

  /** A run of the stream begins. */
  begin(at: Micros): void {
    this.#runs.push({ from: at, to: Number.POSITIVE_INFINITY });
  }

  /** It ended, and so has everything that it received. */
  end(at: Micros): void {
    const run = this.#runs.at(-1);
    if (run) run.to = at;
  }

  /** Whether the stream ran at any time between the two. */
  ran(from: Micros, to: Micros): boolean {
    return this.#runs.some((run) => run.from < to && run.to >= from);
  }

  /** Where what is still to be reported begins: the oldest open minute or run; null where there is neither. */
  get since(): Micros | null {
    const first = Math.min(this.#open[0]?.start ?? NONE, this.#runs[0]?.from ?? NONE);
    return first === NONE ? null : Math.max(first, this.#closedUntil);
  }

  /** The minute that what arrived at `at` counts in. */
  minute(at: Micros): MinuteStats {
    const latest = this.#latest;
    return at >= latest.start && at < latest.end ? latest : this.#find(at);
  }

  /** The minutes that are still open, oldest first. */
  get open(): readonly MinuteStats[] {
    return this.#open;
  }

  /** Takes everything before `until` out of the open minutes; what still comes of it counts in the totals alone. */
  close(until: Micros): void {
    this.#closedUntil = Math.max(this.#closedUntil, until);
    this.#runs = this.#runs.filter(({ to }) => to >= until);
    for (let first = this.#open[0]; first && first.start < until; first = this.#open[0]) {
      this.#open.shift();
      this.#keep(first);
      this.#lastClosed = first;
    }
    if (this.#latest.start < until) this.#latest = NEVER;
    this.#keep(this.#late);
    this.#late = new MinuteStats(0);
  }

  /**
   * The wall clock says `now`. Where it was set back by more than a minute, what was closed counts as new: else
   * nothing would count in a minute until the clock is where it was.
   */
  clockIs(now: Micros): void {
    if (this.#closedUntil > now + MINUTE) this.#closedUntil = now - (now % MINUTE);
  }

  /** Exchange event → received, µs, of all acknowledged rows. */
  network(): SignedHistogram {
    const all = new SignedHistogram();
    for (const part of [this.#network, this.#late.network]) all.merge(part);
    for (const { network } of this.#open) all.merge(network);
    return all;
  }

  /** Received → acknowledged, µs, of all acknowledged rows. */
  delivery(): Histogram {
    const all = new Histogram();
    for (const part of [this.#delivery, this.#late.delivery]) all.merge(part);
    for (const { delivery } of this.#open) all.merge(delivery);
    return all;
  }

  /** Both of the rows that arrived since the start of the minute before last, for who looks on. */
  recent(): { network: SignedHistogram; delivery: Histogram } {
    const network = new SignedHistogram();
    const delivery = new Histogram();
    const minutes = this.#lastClosed ? [this.#lastClosed, ...this.#open] : this.#open;
    for (const minute of minutes) {
      network.merge(minute.network);
      delivery.merge(minute.delivery);
    }
    return { network, delivery };
  }

  #keep({ network, delivery }: MinuteStats): void {
    this.#network.merge(network);
    this.#delivery.merge(delivery);
  }

  #find(at: Micros): MinuteStats {
    if (at < this.#closedUntil) return this.#late;
    const start = at - (at % MINUTE);
    const known = this.#open.find((minute) => minute.start === start);
    if (known) return known;
    const made = new MinuteStats(start);
    this.#open.push(made);
    this.#open.sort((a, b) => a.start - b.start);
    this.#latest = this.#open.at(-1) ?? made;
    return made;
  }
}

const NONE = Number.POSITIVE_INFINITY;
const NEVER = new MinuteStats(Number.NEGATIVE_INFINITY);
