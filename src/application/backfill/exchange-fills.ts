import { sleep } from '../../common/clock.ts';
import { Fault } from '../../common/errors.ts';
import { idNeighbour, neighbourOf, type Rest } from '../../core/backfill/known-hole.ts';
import type { Gap, Target } from '../../core/events.ts';
import type { Market } from '../../core/market/market.ts';
import type { LaneHole } from '../../core/pipeline/hole-report.ts';
import { inTurn } from './fill-order.ts';
import type { FillDeps, FilledExchange, FillFigures, FillStream } from './fill-parts.ts';
import { giveUp, needsNoRequest, type PassEnd, type PassParts, pass, QUIET_MS } from './fill-pass.ts';
import { FillReport } from './fill-report.ts';
import type { FillGap, FillRecord } from './fill-task.ts';
import { LastTrades } from './last-trades.ts';
import { Ledger } from './ledger.ts';
import { gapRecord, newRecord } from './new-record.ts';
import { OpenFill } from './open-fill.ts';
import { OpenSeams } from './open-seams.ts';
import { ReadChains } from './read-chains.ts';
import { restEvents } from './rest-events.ts';
import { settleEnds } from './settle-ends.ts';
import { SharedRequests } from './shared-requests.ts';
import { StoredTasks } from './stored-tasks.ts';

/** What was sent in one moment comes within this time, in ms: then what a page holds of it beyond was missed. */
const SETTLE_MS = 1000;
/**
 * Holes of one exchange that are filled at once, so that requests go out as fast as its limits let them, and not as fast as it answers;
 * market lists and order books find a turn between them.
 */
const AT_ONCE = 8;
/** Tasks of one exchange in memory; a newer one beyond is not made, and its gap stays as it was told. */
const MOST = 5000;
/** Time for the store to take how far trades got, in ms. */
const HAND_OVER_MS = 1000;

/** What is to be fetched of the trades of one exchange: the oldest gap first, each code's one after the other. */
export class ExchangeFills {
  readonly #exchange: FilledExchange;
  readonly #deps: FillDeps;
  readonly #target: Target;
  readonly #report: FillReport;
  readonly #last: LastTrades;
  readonly #fills = new Map<string, OpenFill>();
  readonly #ledgers = new Map<string, Ledger>();
  readonly #chains = new ReadChains();
  readonly #seams = new OpenSeams();
  readonly #writes = new Set<Promise<unknown>>();
  #stream: FillStream | null = null;
  #carried: ReadonlyMap<string, number | null> = new Map();
  readonly #left: StoredTasks;
  readonly #shared: SharedRequests;
  #stopping = false;
  #counts = { rows: 0, requests: 0, refused: 0, complete: 0, partial: 0, impossible: 0 };
  #error: string | null = null;

  constructor(exchange: FilledExchange, deps: FillDeps) {
    this.#exchange = exchange;
    this.#deps = deps;
    this.#left = new StoredTasks(exchange.id, deps.store, deps.clock);
    this.#shared = new SharedRequests(exchange, deps.history(exchange), deps.clock);
    this.#target = { exchange: exchange.id, region: exchange.region, request_type: 'trade' };
    this.#last = new LastTrades(exchange.id, deps.store);
    this.#report = new FillReport(this.#target, deps.reporter, deps.clock, (names) => {
      for (const name of names) this.#fills.delete(name);
      this.#stored(deps.store.remove(exchange.id, names));
    });
  }

  /** The stream of the exchange's trades runs. */
  begin(stream: FillStream): void {
    this.#stream = stream;
  }

  /** It has ended; what it brought may be on its way to Kafka still. */
  end(pipeline: FillStream['pipeline']): void {
    this.#last.watch(pipeline.lanes.all());
    if (this.#stream?.pipeline !== pipeline) return;
    this.#stream = null;
    for (const symbol of this.#carried.keys()) this.#leave(symbol);
    this.#seams.clear();
    this.#carried = new Map();
  }

  /** A code is lost: what comes next of it may not follow what came before. */
  lost(market: Market): void {
    const stream = this.#stream;
    if (!stream) return;
    const lane = stream.pipeline.lanes.of(market);
    const seam = lane.openSeam(stream.pipeline.youngest);
    const before =
      seam.before === null ? this.#last.of(market.symbol) : Promise.resolve(neighbourOf(seam.before));
    this.#seams.open({ market, lane, seam, before });
  }

  /** A gap was told as over. */
  gap({ gap_id, from, to, cause, codes }: Gap): void {
    if (gap_id === undefined || to === null) return;
    const told: FillGap = { gap_id, from, to, cause, first_missing_id: null, last_missing_id: null };
    const fences = this.#fences();
    for (const code of codes) {
      const open = this.#seams.told(code);
      if (!open) continue;
      const { market, lane, seam, before } = open;
      seam.ends(to);
      void before.then((left) => {
        const other = this.#exchange.pastTrades.otherIds ?? false;
        const fence = fences.get(market.symbol) ?? null;
        const looksFor = this.#deps.written ? fence : null;
        const since = this.#deps.clock.micros();
        const { record, lost } = gapRecord(told, market, seam, left, other, looksFor, since);
        if (!this.#add(market, under(fence, record), { lane, seam }, lost)) lane.closeSeam(seam);
      });
    }
  }

  /** Ids that never came, told under this gap. */
  missing(gap: Gap, holes: readonly LaneHole[]): void {
    const { gap_id, from, to, cause, first_missing_id, last_missing_id } = gap;
    if (gap_id === undefined || to === null) return;
    const told = { gap_id, from, to, cause, first_missing_id, last_missing_id };
    const fences = this.#fences();
    for (const { lane, hole } of holes) {
      const before = idNeighbour(hole.first - 1, hole.from);
      const after = idNeighbour(hole.last + 1, hole.to);
      const { symbol } = lane.market;
      const since = this.#deps.clock.micros();
      const record = newRecord(told, symbol, before, after, hole.from, hole.to, since);
      this.#add(lane.market, under(fences.get(symbol) ?? null, record), null);
    }
  }

  /** To be called again and again. */
  look(nowMs: number): void {
    const { clock, settings } = this.#deps;
    if (this.#stream) {
      this.#last.watch(this.#stream.pipeline.lanes.all());
      this.#takeUp(this.#stream);
    }
    for (const fill of this.#fills.values()) {
      if (fill.record.result !== null || fill.running) continue;
      if (fill.settle(nowMs, SETTLE_MS)) this.#put(fill);
      const old = clock.micros() - fill.record.since > settings.maxAgeMs * 1000;
      if (old)
        this.#run(fill, (parts) => giveUp(fill, parts, fill.refusal ?? 'the code has not traded since'));
    }
    this.#pump(nowMs);
    this.#report.look(nowMs);
  }

  /** Writes down how far the trades got. */
  keep(): Promise<void> {
    return this.#last.keep();
  }

  /**
   * Codes are given up: whoever is next begins where their trades end. A store that is away holds nothing up.
   * @param delivered whether all that was received of them is
   */
  async handOver(symbols: ReadonlySet<string>, delivered: boolean): Promise<void> {
    const kept = delivered ? this.#last.final(symbols) : this.#last.keep();
    await Promise.race([kept, sleep(this.#deps.clock, HAND_OVER_MS)]);
  }

  /** Begins nothing more; resolves when what is under way has come to its end. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#report.flush();
    await Promise.allSettled(this.#writes);
  }

  figures(): FillFigures {
    const open = [...this.#fills.values()].filter(({ record }) => record.result === null);
    const oldest = Math.min(...open.flatMap(({ waits, record }) => (waits ? [] : [record.gap.from])));
    return {
      ...this.#counts,
      queued: open.length,
      waiting: open.filter(({ waits }) => waits).length,
      running: open.filter(({ running }) => running).length,
      oldest: Number.isFinite(oldest) ? oldest : null,
      error: this.#error,
    };
  }

  /** @param lost parts of the hole that are passed by */
  #add(
    market: Market,
    record: FillRecord,
    watched: ConstructorParameters<typeof OpenFill>[2],
    lost: readonly Rest[] = [],
    end: OpenFill['openEnd'] = null,
  ): boolean {
    if (this.#fills.has(record.name) || this.#fills.size >= MOST) return false;
    const nowMs = this.#deps.clock.now();
    const fill = new OpenFill(market, record, watched, nowMs);
    fill.lost.push(...lost);
    fill.openEnd = end;
    if (this.#stopping) {
      // What is told at the stop is left to the next life.
      this.#put(fill);
      return false;
    }
    // Where only the newest trades are there, they are looked at before more of them come.
    const { reach } = this.#exchange.pastTrades;
    const short = reach !== null && 'rows' in reach;
    if (fill.waits && !short) fill.notBefore = nowMs + QUIET_MS;
    this.#fills.set(record.name, fill);
    this.#put(fill);
    if (record.result === null) return true;
    fill.unwatch();
    this.#report.add(market.code, record);
    return true;
  }

  /** Codes that are carried here newly bring the tasks along that somebody left. */
  #takeUp(stream: FillStream): void {
    const carried = new Map<string, number | null>();
    const markets = new Map<string, Market>();
    for (const [market, fence] of stream.carried()) {
      carried.set(market.symbol, fence);
      if (!this.#carried.has(market.symbol)) markets.set(market.symbol, market);
    }
    for (const symbol of this.#carried.keys()) if (!carried.has(symbol)) this.#leave(symbol);
    this.#carried = carried;
    for (const market of markets.values()) this.#left.ask(market);
    void this.#left.look(stream.carried(), this.#fills.keys())?.then((tasks) => {
      for (const [market, record] of tasks)
        if (this.#carried.has(record.symbol) && this.#stream === stream) this.#take(stream, market, record);
    });
  }

  #take(stream: FillStream, market: Market, record: FillRecord): void {
    const end = this.#endOf(record);
    if (record.after !== null || record.result !== null) {
      this.#add(market, record, null, [], end);
      return;
    }
    const lane = stream.pipeline.lanes.of(market);
    const seam = lane.openSeam(stream.pipeline.youngest);
    seam.ends(this.#deps.clock.micros());
    if (!this.#add(market, record, { lane, seam }, [], end)) lane.closeSeam(seam);
  }

  /** What has to be looked for in the topic behind a task out of the store; null: nothing. */
  #endOf({ symbol, result, after, fence, gap: { to } }: FillRecord): OpenFill['openEnd'] {
    const held = this.#carried.get(symbol) ?? null;
    const moved = fence !== undefined && held !== null && held > fence;
    const open = this.#deps.written && result === null && (after === null || moved);
    return open ? { to, fence: fence ?? null } : null;
  }

  #fences(): ReadonlyMap<string, number | null> {
    return new Map(Array.from(this.#stream?.carried() ?? [], ([{ symbol }, fence]) => [symbol, fence]));
  }

  /** Another collector goes on with it, out of the store; what is under way here comes to its end first. */
  #leave(symbol: string): void {
    this.#left.forget(symbol);
    for (const [name, fill] of this.#fills) {
      if (fill.record.symbol !== symbol || fill.record.result !== null || fill.running) continue;
      this.#drop(name, fill);
    }
  }

  #drop(name: string, fill: OpenFill): void {
    fill.unwatch();
    this.#fills.delete(name);
  }

  #pump(nowMs: number): void {
    if (this.#stopping) return;
    const open = [...this.#fills.values()].filter(({ record }) => record.result === null);
    const busy = new Set(open.flatMap((fill) => (fill.running && !looks(fill) ? [fill.record.symbol] : [])));
    const due = open.filter(({ running, notBefore }) => !running && notBefore <= nowMs);
    for (const fill of inTurn(due)) {
      if (
        !fill.unsettled &&
        needsNoRequest(fill, { exchange: this.#exchange, ledger: this.#ledger(fill.record.symbol) })
      )
        this.#ended(fill, {
          kind: 'over',
          result: { state: 'complete', proof: 'ids', reason: null },
          rest: [],
        });
      // Looking into topics takes no request; all that look are answered together.
      else if (looks(fill))
        this.#run(fill, async (parts) => (await settleEnds(fill, parts)) ?? { kind: 'settled' });
      else if (busy.size < AT_ONCE && !busy.has(fill.record.symbol)) {
        busy.add(fill.record.symbol);
        this.#run(fill, async (parts) => (await settleEnds(fill, parts)) ?? pass(fill, parts));
      }
    }
  }

  #run(fill: OpenFill, work: (parts: PassParts) => Promise<PassEnd>): void {
    fill.running = true;
    const { symbol } = fill.record;
    const ledger = this.#ledger(symbol);
    const counted = this.#exchange.pastTrades.proof === 'ids';
    const done = work({
      deps: this.#deps,
      exchange: this.#exchange,
      shared: this.#shared,
      ledger,
      chains: this.#chains,
      live: () => this.#stream?.pipeline.lanes.of(fill.market) ?? null,
      fence: () => (this.#stopping ? undefined : this.#carried.get(symbol)),
      asked: () => void this.#counts.requests++,
      written: (rows) => {
        ledger.add(rows, counted);
        this.#counts.rows += rows.length;
      },
    })
      .then((end) => {
        fill.running = false;
        this.#ended(fill, end);
        // The place is free for the next one. One that goes on at once waits for the next look.
        if (end.kind !== 'again' && end.kind !== 'settled') this.#pump(this.#deps.clock.now());
      })
      .finally(() => this.#writes.delete(done));
    this.#writes.add(done);
  }

  #ended(fill: OpenFill, end: PassEnd): void {
    const nowMs = this.#deps.clock.now();
    this.#error = fill.refusal;
    if (fill.refusal !== null) this.#refused(fill.refusal);
    if (end.kind === 'left') {
      fill.notBefore = nowMs + SETTLE_MS;
      if (!this.#carried.has(fill.record.symbol)) this.#drop(fill.record.name, fill);
      return;
    }
    if (end.kind === 'over') return this.#over(fill, end);
    fill.notBefore = end.kind === 'waits' ? nowMs + end.forMs : nowMs;
    if (end.kind !== 'settled') this.#put(fill);
  }

  #refused(why: string): void {
    this.#counts.refused++;
    const { id } = this.#exchange;
    const what = `Missed trades could not be fetched: ${why}.`;
    const remedy = 'It is tried again; until then their gaps stay as they are. See backfill in /status.';
    this.#deps.reporter.error(new Fault('trades_fetch_failed', id, what, remedy), { target: this.#target });
  }

  #over(fill: OpenFill, { result, rest }: Extract<PassEnd, { kind: 'over' }>): void {
    const { symbol, filled } = fill.record;
    const counted = this.#exchange.pastTrades.proof === 'ids';
    const ledger = this.#ledger(symbol);
    const { before, after } = fill.origin;
    const all = counted && before !== null && after !== null ? ledger.filled(before, after) : filled;
    fill.end(result, all.rows > filled.rows ? all : filled);
    this.#counts[result.state]++;
    if (fill.record.filled.rows > 0 && result.state === 'partial')
      for (const event of restEvents(fill, rest, ledger, this.#target)) this.#deps.reporter.tell(event);
    // Told only when it is on record that there is nothing to be fetched any more.
    this.#put(fill);
    this.#report.add(fill.market.code, fill.record);
    const fills = [...this.#fills.values()];
    if (fills.some(({ record }) => record.symbol === symbol && record.result === null)) return;
    this.#chains.forget(symbol);
    ledger.closed();
  }

  #ledger(symbol: string): Ledger {
    const known = this.#ledgers.get(symbol) ?? new Ledger();
    this.#ledgers.set(symbol, known);
    return known;
  }

  #put({ record }: OpenFill): void {
    // Of one that is only to be told, what was known in it is of no more use.
    const stored = record.result === null ? record : { ...record, known: [] };
    this.#stored(this.#deps.store.put(this.#exchange.id, [stored]));
  }

  /** A store that is away costs nothing but that a restart begins with less. */
  #stored(done: Promise<unknown>): void {
    done.catch(() => {});
  }
}

function under(fence: number | null, record: FillRecord): FillRecord {
  return fence === null ? record : { ...record, fence };
}

/** What lies beside the hole is to be looked for first. */
function looks({ unsettled, waits }: OpenFill): boolean {
  return unsettled && !waits;
}
