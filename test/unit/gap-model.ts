import type { Fences } from '../../src/application/leases/fences.ts';
import type { ShardLeases } from '../../src/application/leases/shard-leases.ts';
import type { Orchestrator } from '../../src/application/streams/orchestrator.ts';
import { type Cancel, type Clock, sleep } from '../../src/common/clock.ts';
import { Fault } from '../../src/common/errors.ts';
import { type DesiredStream, emptyStream } from '../../src/core/desired/stream.ts';
import type { Gap } from '../../src/core/events.ts';
import type { Micros } from '../../src/core/market/market.ts';
import { ByteBudget } from '../../src/core/pipeline/budget.ts';
import type { Batch, Socket, SocketHandlers } from '../../src/core/ports.ts';
import { bothBy } from '../../src/core/writer-forms.ts';
import { memoryStore } from '../../src/infra/memory/store.ts';
import { collectorOf, KEY, superseded } from './collector-rig.ts';
import { LIMITS } from './connection-parts.ts';
import { ModelSocket } from './gap-socket.ts';
import type { ManualClock } from './manual-clock.ts';

/** One code of each shard, and one more in the first. */
export const SHARDS: readonly (readonly string[])[] = [['A', 'B'], ['C']];
export const SYMBOLS = SHARDS.flat();
const TRADE_MS = 1000;
const DELIVERY_MS = 10;
const WAY_MS = 40;
const LONGEST_WAY_MS = 400;

/** A trade that the exchange had to send. */
interface Due {
  readonly symbol: string;
  readonly id: string;
  readonly at: Micros;
}

/** A gap, as it was told, and by whom. */
interface Told {
  readonly gap: Gap;
  readonly late: boolean;
}

/** One exchange, one store, one Kafka, and collectors that come, freeze, die and go. */
export class GapModel {
  readonly store;
  readonly due: Due[] = [];
  readonly written = new Set<string>();
  readonly told: Told[] = [];
  readonly members: ModelMember[] = [];
  readonly refused = new Set<string>();
  /** An exchange that leaves out what a reader does not take; any other ends the socket. */
  leavesOut = false;
  /** Every socket goes another way, some of them far. */
  far = false;
  /** Until then a socket may be mute, and nobody knows. */
  mutedUntilMs = 0;
  /** Kafka acknowledges nothing. */
  kafkaAway = false;
  #desired: DesiredStream;
  readonly #known = new Set<string>();
  readonly #fences = new Map<string, number>();
  #trades = 0;
  #sockets = 0;
  #over = false;

  constructor(
    readonly clock: ManualClock,
    readonly random: () => number,
  ) {
    this.store = memoryStore(clock);
    this.#desired = { ...emptyStream(KEY), version: 0 };
    this.#trade();
  }

  get alive(): ModelMember[] {
    return this.members.filter(({ gone }) => !gone);
  }

  get shards(): readonly (readonly string[])[] {
    return this.#desired.shards;
  }

  /** Makes these the desired codes. */
  async desire(shards: readonly (readonly string[])[]): Promise<void> {
    const version = this.#desired.version + 1;
    const codes = shards.flat();
    this.#desired = { ...this.#desired, version, codes, shards };
    // What is wanted anew later was never received.
    for (const symbol of SYMBOLS) if (!codes.includes(symbol)) this.#known.delete(symbol);
    await this.store.desired.write(version - 1, this.#desired);
  }

  join(id: string): ModelMember {
    const member = new ModelMember(this, id);
    this.members.push(member);
    void member.orchestrator.start();
    return member;
  }

  /** How far the ends of the next socket are apart, in ms. */
  wayMs(): number {
    this.#sockets++;
    // No chance of the life is used up for it, so that a seed is the same life near and far.
    return this.far ? WAY_MS / 2 + ((this.#sockets * 7919) % LONGEST_WAY_MS) : WAY_MS;
  }

  /** Ends everything; what happens from then on is no trade. */
  async end(): Promise<void> {
    this.#over = true;
    this.kafkaAway = false;
    for (const member of this.alive) {
      member.cutOff = false;
      member.thaw();
    }
    const stopped = Promise.all(this.alive.map((member) => member.stop()));
    await this.clock.advance(6500);
    await stopped;
    // Longer than anything waits to be told.
    await this.clock.advance(11_000);
  }

  write({ market, rows, fence }: Batch): void {
    const highest = this.#fences.get(market.symbol) ?? 0;
    if ((fence ?? 0) < highest) return;
    this.#fences.set(market.symbol, fence ?? 0);
    for (const row of rows) if (row.kind === 'trade') this.written.add(`${market.symbol} ${row.trade_id}`);
  }

  /** Trades that are neither written nor in a gap that has ended. */
  lost(): Due[] {
    const closed = this.told.filter(({ gap }) => gap.to !== null);
    return this.due.filter(
      ({ symbol, id, at }) =>
        !this.written.has(`${symbol} ${id}`) &&
        !closed.some(
          ({ gap: { from, to, codes } }) => codes.includes(`KRW-${symbol}`) && from <= at && at <= (to ?? 0),
        ),
    );
  }

  /** Gaps that were told as open, and that no record ends. */
  dangling(): Gap[] {
    const gaps = this.told.map(({ gap }) => gap);
    return gaps.filter(
      ({ from, to, codes }) =>
        to === null &&
        codes.some(
          (code) =>
            !gaps.some((other) => other.to !== null && other.codes.includes(code) && other.from <= from),
        ),
    );
  }

  #trade(): void {
    if (this.#over) return;
    this.clock.after(TRADE_MS, () => this.#trade());
    this.#trades++;
    const id = String(this.#trades);
    const at = this.clock.micros();
    for (const symbol of this.#desired.codes) {
      const carriers = this.members.filter((member) => member.send(symbol, id, at));
      // What was received once is to be received, or missed, for as long as it is wanted. Rows that readers drop as another
      // has written under a later fence are none: nobody has ever seen them.
      const highest = this.#fences.get(symbol) ?? 0;
      if (carriers.some((member) => member.fenceOf(symbol) >= highest)) this.#known.add(symbol);
      if (this.#known.has(symbol)) this.due.push({ symbol, id, at });
    }
  }
}

/** One collector process. */
export class ModelMember {
  readonly orchestrator: Orchestrator;
  readonly sockets: ModelSocket[] = [];
  gone = false;
  readonly #leases: ShardLeases;
  readonly #model: GapModel;
  #stopped = false;
  readonly #fences: Fences;
  readonly #handed = new Map<string, Promise<void>>();
  readonly #taken = new Map<string, Promise<void>>();
  readonly #had = new Map<string, number>();
  /** The store cannot be reached from here. */
  cutOff = false;
  /** How far its clock is ahead of the exchange's, in µs. */
  #ahead = 0;
  /** What happened while the process stood still; null while it runs. */
  #waiting: (() => void)[] | null = null;

  constructor(
    model: GapModel,
    readonly id: string,
  ) {
    this.#model = model;
    const { store } = model;
    const { orchestrator, leases, fences } = collectorOf({
      id,
      clock: this.#clock(),
      ttlMs: 6000,
      leases: this.#reached(store.leases),
      collectors: this.#reached(store.collectors),
      desired: this.#reached(store.desired),
      writer: bothBy((batch) => this.#write(batch)),
      openSocket: (_url, _options, handlers) => this.#open(handlers),
      nextSocketId: () => this.sockets.length + 1,
      onEvent: ({ gap }) => this.#tell(gap),
      budget: new ByteBudget(12_000, 1),
      windowMs: 20,
      over: { limits: { ...LIMITS, lifetimeMs: 25_000 } },
      connection: { overlapMs: 3000, confirmAfterMs: 3000, goodAfterMs: 3000 },
    });
    this.#leases = leases;
    this.#fences = fences;
    this.orchestrator = orchestrator;
  }

  /** Trades this one to whoever has subscribed it. @returns whether anybody has */
  send(symbol: string, id: string, at: Micros): boolean {
    const carriers = this.sockets.filter((socket) => socket.serves(symbol));
    for (const socket of carriers) socket.say({ row: symbol, id, at });
    return carriers.length > 0;
  }

  /** Under which this one has a symbol, or had it last; above all others where that was not seen. */
  fenceOf(symbol: string): number {
    const own = [...this.#leases.mine(KEY).values()].find(({ symbols }) => symbols?.has(symbol));
    const fence = own?.fence ?? this.#had.get(symbol) ?? Number.POSITIVE_INFINITY;
    this.#had.set(symbol, fence);
    return fence;
  }

  /** Runs now, or when the process runs again; never once it is dead. */
  run(fn: () => void): void {
    if (this.gone) return;
    if (this.#waiting) this.#waiting.push(fn);
    else fn();
  }

  /** Its clock is set forward. */
  step(micros: number): void {
    this.#ahead = Math.min(this.#ahead + micros, 50_000_000);
  }

  get frozen(): boolean {
    return this.#waiting !== null;
  }

  freeze(): void {
    this.#waiting ??= [];
  }

  thaw(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    // Sockets that are read before timers run, and after.
    if (this.#model.random() < 0.5) this.#drain();
    for (const fn of waiting) if (!this.gone) fn();
    this.#drain();
  }

  crash(): void {
    this.gone = true;
    for (const socket of this.sockets) socket.vanish();
  }

  async stop(): Promise<void> {
    await this.orchestrator.stop().then(() => this.#leases.stop());
    this.#stopped = true;
    for (const socket of this.sockets) socket.vanish();
    // A gap that is told from here on is told too late.
    await this.#model.clock.advance(0);
  }

  #drain(): void {
    for (const socket of this.sockets) socket.drain();
  }

  #open(handlers: SocketHandlers): Socket {
    const socket = new ModelSocket(this, this.#model, handlers);
    this.sockets.push(socket);
    return socket;
  }

  #tell(gap: Gap | undefined): void {
    if (gap && !this.gone) this.#model.told.push({ gap, late: this.#stopped });
  }

  /** A code's messages are handed over, and taken, in their order. What was handed over is under way whatever comes. */
  async #write(batch: Batch): Promise<{ at: Micros; bytes: number }> {
    const { clock } = this.#model;
    const { symbol } = batch.market;
    await inTurn(this.#handed, symbol, () => this.#handOver(batch));
    await inTurn(this.#taken, symbol, async () => {
      do await sleep(clock, DELIVERY_MS);
      while (this.#model.kafkaAway && !this.gone);
    });
    if (this.gone) return new Promise(() => {});
    this.#model.write(batch);
    return new Promise((resolve) => this.run(() => resolve({ at: clock.micros(), bytes: 1 })));
  }

  async #handOver(batch: Batch): Promise<void> {
    const { clock } = this.#model;
    const standing = () => (batch.fence === null ? 'held' : this.#fences.standing(batch.fence));
    while (standing() === 'unsure')
      await new Promise<void>((resolve) => clock.after(50, () => this.run(resolve)));
    if (standing() === 'held') return;
    this.#tell(superseded(batch));
    throw new Error('the lease was lost');
  }

  #clock(): Clock {
    const { clock } = this.#model;
    return {
      micros: () => clock.micros() + this.#ahead,
      now: () => clock.now(),
      random: () => clock.random(),
      after: (ms, fn): Cancel => {
        let cancelled = false;
        const cancel = clock.after(ms, () => this.run(() => cancelled || fn()));
        return () => {
          cancelled = true;
          cancel();
        };
      },
    };
  }

  /** A part of the store: a dead process asks nothing, and hears nothing. */
  #reached<Part extends object>(part: Part): Part {
    return new Proxy(part, {
      get: (target, name) => {
        const method = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return (...args: unknown[]) => {
          if (this.gone) return new Promise(() => {});
          if (!this.cutOff || name.toString().startsWith('on')) return method.apply(target, args);
          return Promise.reject(new Fault('redis_unavailable', 'store', 'It is away.', 'Wait.'));
        };
      },
    });
  }
}

function inTurn(turns: Map<string, Promise<void>>, key: string, act: () => Promise<void>): Promise<void> {
  const turn = (turns.get(key) ?? Promise.resolve()).then(act);
  turns.set(
    key,
    turn.catch(() => {}),
  );
  return turn;
}
