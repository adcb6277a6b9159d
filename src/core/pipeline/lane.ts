import type { Market, Micros } from '../market/market.ts';
import type { Row, Ticker, Trade } from '../market/rows.ts';
import { IdWatch } from './id-watch.ts';
import { LaneBook } from './lane-book.ts';
import type { LaneRows } from './lane-rows.ts';
import type { CodeCount, MinuteStats } from './minute-stats.ts';
import type { Note } from './row-notes.ts';
import { Seam } from './seam.ts';
import { SeenIds } from './seen-ids.ts';
import { NEVER } from './transit.ts';

/**
 * One code of one stream on its way through merge and batch: what waits to be written, what was seen, and the
 * figures of it. One lookup per row finds all of this.
 */
export class Lane {
  readonly market: Market;
  /** Rows that wait for the next flush; null: there are none. */
  waiting: LaneRows | null = null;
  /** Messages of it that are not settled. */
  underWay = 0;
  /** Of the oldest row that waits. */
  arrival = NEVER;
  /** Where those that wait are written down. */
  notes: Note[] = [];
  readonly seen: SeenIds | null;
  readonly watch: IdWatch | null;

  /** Rows received, repeats included. */
  received = 0;
  /** Rows dropped as repeats. */
  repeats = 0;
  /** Rows that Kafka acknowledged. */
  acked = 0;
  /** Rows that the writer gave up on at the stop deadline. */
  undelivered = 0;
  /** Trades that never came, by their ids. */
  missing = 0;
  lastPrice = Number.NaN;
  lastEventAt: Micros = 0;
  lastReceivedAt: Micros = 0;

  /** The order book as readers have it; merge's. */
  readonly book = new LaneBook();
  /** The latest ticker that went on; merge's. */
  lastTicker: Ticker | null = null;
  /** The latest trade that went on, by its time; merge's. */
  lastTrade: Trade | null = null;
  /** The latest trade that Kafka acknowledged, or the outbox keeps alone, by its time. */
  ackedTrade: Trade | null = null;
  /** The latest trade that Kafka acknowledged. */
  deliveredTrade: Trade | null = null;
  /** Places where trades may be missing, as long as somebody wants to know more of them; null: none. */
  seams: Seam[] | null = null;

  /** Ids of the latest trades that were fetched over REST: a socket may bring one of them late. Null: none. */
  fetched: SeenIds | null;

  /** Rows of the current chunk, and those of them that are no answer to a subscription; merge's. */
  inChunk = 0;
  liveInChunk = 0;
  heardInChunk = false;
  #minute: MinuteStats | null = null;
  #count: CodeCount;

  constructor(market: Market, seen: SeenIds | null, watches: boolean, fetched: SeenIds | null = null) {
    this.market = market;
    this.fetched = fetched;
    this.#count = { market, rows: 0 };
    this.seen = seen;
    this.watch = watches ? new IdWatch() : null;
  }

  /** Rows that were received, are no repeats, and that Kafka has not acknowledged. */
  get pending(): number {
    return this.received - this.repeats - this.acked - this.undelivered;
  }

  /** Whether rows of it are on their way; what of it is forgotten meanwhile would be lost, or come twice. */
  get busy(): boolean {
    return this.waiting !== null || this.pending > 0;
  }

  /** Trades may be missing from here on. @param socket the youngest there is */
  openSeam(socket: number): Seam {
    const seam = new Seam(this.lastTrade, this.seen?.copy() ?? null, socket);
    this.seams = [...(this.seams ?? []), seam];
    return seam;
  }

  /** Trades that were fetched go on their way to Kafka. */
  fetches(rows: readonly Trade[]): void {
    this.fetched ??= new SeenIds();
    for (const { trade_id } of rows) this.fetched.add(trade_id);
  }

  /**
   * Kafka does not have these, fetched or received, and this process sends them no more: they are new to it, and what a
   * socket brought of fetched ones meanwhile was no repeat. Where trades are missing from now on, they are behind what it has.
   */
  failed(rows: readonly Row[]): void {
    for (const row of rows) {
      if (row.kind !== 'trade') continue;
      const { lastTrade } = this;
      if (row.trade_id === lastTrade?.trade_id && row.timestamp === lastTrade.timestamp)
        this.lastTrade = this.ackedTrade;
      this.fetched?.forget(row.trade_id);
      this.seen?.forget(row.trade_id);
    }
    this.watch?.forget();
  }

  /** Whether a trade, or a part of one that merges several, was fetched, as far as that is remembered. */
  had({ trade_id, fills }: Trade): boolean {
    const { fetched } = this;
    if (fetched === null) return false;
    if (fetched.has(trade_id)) return true;
    const last = Number(trade_id);
    for (let back = 1; back < fills; back++) if (fetched.has(String(last - back))) return true;
    return false;
  }

  /** Whether a socket brought a trade, alone or merged with others, as far as that is remembered. */
  brought({ trade_id }: Pick<Trade, 'trade_id'>): boolean {
    return (this.seen?.has(trade_id) ?? false) || (this.watch?.came(Number(trade_id)) ?? false);
  }

  closeSeam(seam: Seam): void {
    const left = this.seams?.filter((one) => one !== seam) ?? [];
    this.seams = left.length > 0 ? left : null;
  }

  /** Counts the rows of the current chunk, all of which arrived in `minute`. */
  count(minute: MinuteStats): void {
    if (this.#minute !== minute) {
      this.#minute = minute;
      this.#count = { market: this.market, rows: 0 };
      minute.codes.push(this.#count);
    }
    this.#count.rows += this.inChunk;
    this.received += this.inChunk;
  }
}
