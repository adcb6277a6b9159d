import type { ShardConnections } from '../../core/connection/shard-connections.ts';
import type { ConnectionSnapshot } from '../../core/connection/snapshot.ts';
import type { DesiredStream } from '../../core/desired/stream.ts';
import type { StreamState, Target } from '../../core/events.ts';
import type { Market, Micros, RequestType } from '../../core/market/market.ts';
import type { Account } from '../../core/pipeline/budget.ts';
import type { Lane } from '../../core/pipeline/lane.ts';
import type { RememberedIds } from '../../core/pipeline/remembered-ids.ts';
import { StreamPipeline } from '../../core/pipeline/stream-pipeline.ts';
import type { StreamStats } from '../../core/pipeline/stream-stats.ts';
import type { ExchangeFills } from '../backfill/exchange-fills.ts';
import type { Left } from '../leases/lease-parts.ts';
import { countOf, MissingTrades } from '../reporting/missing-trades.ts';
import { type RefusalNotices, refusalNotices } from '../reporting/refusal-notices.ts';
import { rejectSampler } from '../reporting/rejects.ts';
import type { Covered, ShardRecord } from '../state-store.ts';
import { drained } from './drain.ts';
import { GapNames } from './gap-names.ts';
import { openShard } from './open-shard.ts';
import { ShardCoverage } from './shard-coverage.ts';
import type { ExchangeDeps, HeldShards, StreamDeps } from './stream-parts.ts';
import { streamStateOf } from './stream-state.ts';

/** A stream that runs: one pipeline, and a connection for each shard of its codes that is held here. */
export class RunningStream {
  readonly target: Target;
  /** Over this run and the ones before it. */
  readonly stats: StreamStats;
  /** Tells this run of the stream from earlier and later ones. */
  readonly connectionId = crypto.randomUUID();
  readonly startedAt: Micros;
  /** Shards whose sockets did not bring all that was sent before they were closed. */
  readonly torn = new Set<number>();
  readonly #deps: StreamDeps;
  readonly #of: ExchangeDeps;
  readonly #type: RequestType;
  readonly #account: Account;
  readonly #pipeline: StreamPipeline;
  readonly #rejects: ReturnType<typeof rejectSampler>;
  readonly #missing: MissingTrades;
  readonly #notices: RefusalNotices;
  readonly #connections = new Map<number, ShardConnections>();
  readonly #closing = new Map<Promise<void>, number>();
  readonly #coverage: ShardCoverage;
  /** What fetches its missed trades afterwards. */
  readonly #fills: ExchangeFills | null;
  readonly #gapNames = new GapNames((symbols) => this.#marketsOf(symbols));
  /** Of every symbol whose rows may still be under way; those of a shard that was lost keep the old one. */
  readonly #fences = new Map<string, number | null>();
  /** Shards that are being given up. */
  readonly #leaving = new Set<number>();
  readonly #leaveGrid: () => void;
  readonly #onNews: () => void;
  #speaksSince: Micros | null = null;
  #desired: DesiredStream;
  #paused = false;
  /** Codes of the shards that run; null where that is to be looked up anew. */
  #carriedCodes: ReadonlySet<string> | null = null;

  /**
   * @param onNews `covered` has more to say: a gap is told as open, which the next life has to end where this one cannot
   */
  constructor(
    desired: DesiredStream,
    of: ExchangeDeps,
    deps: StreamDeps,
    remembered: RememberedIds,
    onNews: () => void,
  ) {
    const { exchange } = of;
    this.#desired = desired;
    this.#of = of;
    this.#deps = deps;
    this.#type = desired.request_type;
    this.#onNews = onNews;
    this.startedAt = deps.clock.micros();
    this.target = { exchange: exchange.id, region: exchange.region, request_type: this.#type };
    this.stats = deps.figures.begin(this.target, this.startedAt);
    this.#rejects = rejectSampler(this.target, deps.reporter, deps.clock);
    const correlationId = () => this.#desired.correlation_id;
    this.#missing = new MissingTrades(this.target, deps.reporter, deps.clock, correlationId, (gap, holes) =>
      this.#fills?.missing(gap, holes),
    );
    this.#notices = refusalNotices(this.target, deps.reporter, deps.clock, correlationId);
    this.#account = deps.budget.open(this.#type, (stop) => this.#pressure(stop));
    this.#pipeline = new StreamPipeline({
      exchange,
      type: this.#type,
      limits: deps.batch,
      clock: deps.clock,
      grid: deps.grid,
      remembered,
      writer: deps.writer,
      account: this.#account,
      stats: this.stats,
      onRejected: (rejected) => this.#rejects.report(rejected),
      onMissing: (holes) => {
        for (const { hole } of holes) this.stats.missing += countOf(hole);
        this.#missing.report(holes);
      },
      stamp: ({ symbol }) => ({
        correlationId: this.#desired.correlation_id,
        fence: this.#fences.get(symbol) ?? null,
      }),
    });
    this.#fills = (this.#type === 'trade' && deps.backfill?.of(exchange.id)) || null;
    this.#fills?.begin({ pipeline: this.#pipeline, carried: () => this.#carried() });
    this.#coverage = new ShardCoverage({
      clock: deps.clock,
      skewAtStart: deps.skewAtStart,
      connections: this.#connections,
      oldest: () => this.#pipeline.oldest(),
      marketsOf: (symbols) => this.#marketsOf(symbols),
    });
    this.#leaveGrid = deps.grid.join((nowMs) => {
      this.#rejects.look(nowMs);
      this.#missing.look(nowMs);
      this.#coverage.look();
    });
  }

  get desired(): DesiredStream {
    return this.#desired;
  }

  get lanes(): IterableIterator<Lane> {
    return this.#pipeline.lanes.all();
  }

  /** Codes that are carried here, by name. */
  carried(): string[] {
    return [...this.#codes()];
  }

  /** Whether rows of this code are received here, under a lease that is held where there are leases. */
  carries(code: string): boolean {
    return this.#codes().has(code);
  }

  /** Of a code that is carried here, or has rows on their way. */
  lane(symbol: string): Lane | undefined {
    return this.#pipeline.lanes.named(symbol);
  }

  get queuedBytes(): number {
    return this.#account.used;
  }

  /** The most of the byte budget that this stream may hold. */
  get shareBytes(): number {
    return this.#deps.budget.share;
  }

  /** How long the oldest row has been waiting for its acknowledgement, in ms; 0 where none waits. */
  get waitedMs(): number {
    return this.#pipeline.waitedMs();
  }

  get paused(): boolean {
    return this.#paused;
  }

  get state(): StreamState {
    return streamStateOf(this.snapshots().map(({ state }) => state));
  }

  /** For how long the exchange still does not want to see this address, in ms. */
  get bannedMs(): number {
    return Math.max(0, ...Array.from(this.#connections.values(), ({ bannedMs }) => bannedMs));
  }

  /** Codes that are carried here. */
  get codes(): number {
    return [...this.#connections.keys()].reduce((sum, shard) => sum + this.#symbols(shard).length, 0);
  }

  /**
   * Since when this collector has the first shard of the stream, and with it the word on the stream as a whole; null
   * while another has.
   */
  get speaksSince(): Micros | null {
    return this.#speaksSince;
  }

  snapshots(): ConnectionSnapshot[] {
    return [...this.#connections.values()].flatMap((connection) => connection.snapshots());
  }

  /** The connections with the number of their shard: one each, unless the exchange takes fewer codes on a socket. */
  shards(): { readonly shard: number; readonly connection: ConnectionSnapshot }[] {
    return [...this.#connections].flatMap(([shard, connections]) =>
      connections.snapshots().map((connection) => ({ shard, connection })),
    );
  }

  /**
   * Says what `apply` is about to be called with, so that `covered` knows of it.
   * @returns whether there is something new to write down
   */
  prepare(desired: DesiredStream, held: HeldShards): boolean {
    let news = false;
    for (const [shard, own] of held) {
      for (const since of [own.missed?.since ?? [], own.joined]) this.#gapNames.inherit(since);
      const beside = new Set(desired.shards.flatMap((symbols, other) => (other === shard ? [] : symbols)));
      news = this.#coverage.prepare(shard, { symbols: desired.shards[shard] ?? [], beside }, own) || news;
    }
    return news;
  }

  /** Whether `covered` speaks of codes that other shards are to have. */
  get moving(): boolean {
    return this.#coverage.moving;
  }

  /** What a shard keeps on record of such codes, which it does not have. */
  kept(shard: number): readonly Covered[] {
    return this.#coverage.kept(shard);
  }

  /** What is on record of the stream: codes that another shard has by now are no more kept for it. */
  taken(records: readonly ShardRecord[]): void {
    this.#coverage.taken(records);
  }

  /** Makes the sockets carry what is desired of the shards that are held: codes join and leave, shards come and go. */
  apply(desired: DesiredStream, held: HeldShards): void {
    this.#desired = desired;
    this.#carriedCodes = null;
    for (const shard of [...this.#connections.keys()]) {
      if (!held.has(shard) || this.#symbols(shard).length === 0) this.#drop(shard);
    }
    for (const [shard, { fence, symbols: fenced, missed }] of held) {
      const symbols = this.#symbols(shard).filter((symbol) => fenced?.has(symbol) ?? true);
      if (symbols.length === 0) continue;
      for (const symbol of symbols) this.#fences.set(symbol, fence);
      const connection = this.#connection(shard);
      const markets = this.#marketsOf(symbols);
      connection.update(markets);
      this.#coverage.handOn(shard, connection, markets, missed?.cause ?? 'restart');
    }
    const first = desired.shards.findIndex((symbols) => symbols.length > 0);
    if (!held.has(first)) this.#speaksSince = null;
    else this.#speaksSince ??= this.#deps.clock.micros();
    this.#retain();
  }

  /** A market list was read anew, and newly has these symbols; see `Connection`. */
  askAgain(listed: ReadonlySet<string>): void {
    for (const connection of this.#connections.values()) connection.askAgain(listed);
  }

  /**
   * How far a shard got: everything of these symbols until then was received and delivered; nothing yet of those that
   * were only asked for. Null where it never ran and is not about to.
   */
  covered(shard: number): Covered[] | null {
    const covered = this.#coverage.covered(shard);
    return covered && this.#gapNames.marked(covered);
  }

  /**
   * Gives a shard up: closes its socket and waits until Kafka has what it brought, or for 5 s where Kafka does not
   * take it.
   * @param reason why, for the event that tells of it
   * @returns how far it got, as `covered`, and whether Kafka has all of it
   */
  async leave(shard: number, reason: string): Promise<Left> {
    const { clock } = this.#deps;
    this.#drop(shard, reason);
    this.#leaving.add(shard);
    const symbols = new Set(this.#coverage.ended(shard));
    const own = () => [...this.lanes].filter(({ market }) => symbols.has(market.symbol));
    const delivered = await drained(clock, this.#closed(shard).then(own));
    await this.#fills?.handOver(symbols, delivered);
    const left = {
      covered: this.covered(shard),
      delivered,
      complete: !this.torn.delete(shard) && this.closed().includes(shard),
      kept: this.kept(shard),
    };
    this.#leaving.delete(shard);
    this.#coverage.forget(shard);
    this.#retain();
    return left;
  }

  /** Shards whose sockets are closed, and that were not left. */
  closed(): number[] {
    return this.#coverage.closed();
  }

  /** Closes the sockets; resolves when the writer has everything they brought. */
  async stop(): Promise<void> {
    for (const shard of [...this.#connections.keys()]) this.#drop(shard);
    await Promise.all(this.#closing.keys());
    this.#fills?.end(this.#pipeline);
    await this.#pipeline.finish();
    this.stats.end(this.#deps.clock.micros());
    this.#leaveGrid();
    this.#rejects.flush();
    this.#missing.flush();
    this.#notices.flush();
  }

  /** After `stop`: resolves when all of it is acknowledged, or given up on at the stop of the program. */
  async settled(): Promise<void> {
    await this.#pipeline.settled();
    this.#deps.budget.close(this.#account);
  }

  #connection(shard: number): ShardConnections {
    const running = this.#connections.get(shard);
    if (running) return running;
    const connection = openShard({
      shard,
      of: this.#of,
      deps: this.#deps,
      target: this.target,
      origin: this.#desired.origin ?? this.#of.url,
      stats: this.stats,
      notices: this.#notices,
      attach: (handle) => this.#pipeline.attach(handle, shard),
      correlationId: () => this.#desired.correlation_id,
      nameGap: (gap) => this.#gapNames.named(gap),
      onLost: (market) => this.#fills?.lost(market),
      onGap: (gap) => {
        this.#missing.gap(gap);
        this.#fills?.gap(gap);
        if (gap.to === null) this.#onNews();
      },
    });
    this.#connections.set(shard, connection);
    this.#carriedCodes = null;
    if (this.#paused) connection.pause();
    return connection;
  }

  #drop(shard: number, reason: string | null = null): void {
    const connection = this.#connections.get(shard);
    if (!connection) return;
    this.#coverage.close(shard, connection);
    this.#connections.delete(shard);
    this.#carriedCodes = null;
    const closing = connection
      .stop(reason)
      .then((complete) => void (complete || this.torn.add(shard)))
      .finally(() => this.#closing.delete(closing));
    this.#closing.set(closing, shard);
  }

  async #closed(shard: number): Promise<void> {
    await Promise.all([...this.#closing].flatMap(([closing, of]) => (of === shard ? [closing] : [])));
    await this.#pipeline.passed(shard);
  }

  /** Forgets the lanes of codes that are neither carried nor on their way out. */
  #retain(): void {
    const carried = [...this.#connections.keys()].flatMap((shard) => this.#symbols(shard));
    const leaving = [...this.#closing.values(), ...this.#leaving].flatMap((shard) =>
      this.#coverage.ended(shard),
    );
    const wanted = new Set([...carried, ...leaving]);
    this.#pipeline.retain(({ symbol }) => wanted.has(symbol));
  }

  /** Codes that are carried here, each with the fence of its shard. */
  #carried(): (readonly [Market, number | null])[] {
    const symbols = [...this.#connections.keys()].flatMap((shard) => this.#symbols(shard));
    return this.#marketsOf(symbols).map((market) => [market, this.#fences.get(market.symbol) ?? null]);
  }

  #codes(): ReadonlySet<string> {
    this.#carriedCodes ??= new Set(
      [...this.#connections.keys()].flatMap((shard) =>
        this.#marketsOf(this.#symbols(shard)).map(({ code }) => code),
      ),
    );
    return this.#carriedCodes;
  }

  #symbols(shard: number): readonly string[] {
    return this.#desired.shards[shard] ?? [];
  }

  #marketsOf(symbols: readonly string[]): Market[] {
    return symbols.flatMap((symbol) => this.#of.markets.get(symbol) ?? []);
  }

  #pressure(stop: boolean): void {
    this.#paused = stop;
    if (stop) this.stats.pauses++;
    for (const connection of this.#connections.values()) connection[stop ? 'pause' : 'resume']();
  }
}
