import type { Backfill } from '../../src/application/backfill/backfill.ts';
import type { WrittenTrades } from '../../src/application/backfill/fill-parts.ts';
import type { Fences } from '../../src/application/leases/fences.ts';
import type { ShardLeases } from '../../src/application/leases/shard-leases.ts';
import type { RestAnswer } from '../../src/application/rest/book-fetches.ts';
import type { ProcessIdentity, StateStore } from '../../src/application/state-store.ts';
import type { Orchestrator } from '../../src/application/streams/orchestrator.ts';
import { type Cancel, type Clock, sleep } from '../../src/common/clock.ts';
import { Fault } from '../../src/common/errors.ts';
import type { LimitedGate } from '../../src/core/connection/open-gate.ts';
import { type DesiredStream, emptyStream } from '../../src/core/desired/stream.ts';
import type { Gap, StreamEvent } from '../../src/core/events.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import type { Micros } from '../../src/core/market/market.ts';
import type { Ack, Batch } from '../../src/core/ports.ts';
import { bothBy } from '../../src/core/writer-forms.ts';
import { memoryStore } from '../../src/infra/memory/store.ts';
import { collectorOf, KEY, superseded } from './collector-rig.ts';
import { answer, FakeSocket } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

export const TTL_MS = 15_000;
const DELIVERY_MS = 10;

/** A trade that happened, whoever was there. */
export interface Traded {
  readonly symbol: string;
  readonly id: string;
  readonly at: Micros;
}

export interface Delivered {
  readonly by: string;
  readonly batch: Batch;
}

/** A stream of that many codes, one to a shard. */
export function streamOf(codes: number, version = 1): DesiredStream {
  const symbols = Array.from({ length: codes }, (_, at) => `C${at}`);
  return { ...emptyStream(KEY), version, codes: symbols, shards: symbols.map((symbol) => [symbol]) };
}

/** One exchange, one state store, one Kafka, and the collectors around them. */
export class World {
  readonly clock = new ManualClock();
  store: StateStore = memoryStore(this.clock);
  readonly traded: Traded[] = [];
  readonly delivered: Delivered[] = [];
  readonly gaps: Gap[] = [];
  readonly members: Member[] = [];
  /** Symbols that the exchange refuses. */
  readonly refused = new Set<string>();
  /** Looks into the topic, for whoever joins from then on. */
  written: WrittenTrades | undefined;
  /** The most collectors that were connected for one code at once. */
  most = 0;
  #trades = 0;

  /**
   * @param ttlMs life of the leases
   * @param over what the exchange is beyond the plain one
   * @param ask its REST interface; null: none is asked
   */
  constructor(
    readonly ttlMs = TTL_MS,
    readonly over: Partial<Exchange> = {},
    readonly ask: ((world: World, url: string) => Promise<RestAnswer>) | null = null,
  ) {
    this.#trade();
  }

  /** Desired state, as if a command had written it. */
  async desire(stream: DesiredStream): Promise<void> {
    const written = await this.store.desired.write(stream.version - 1, stream);
    if (written !== 'written') throw new Error(`version ${stream.version} was not written: ${written}`);
    await this.clock.advance(200);
  }

  async join(id: string, process: ProcessIdentity | null = null): Promise<Member> {
    const member = new Member(this, id, process);
    this.members.push(member);
    await member.orchestrator.start();
    await this.clock.advance(200);
    return member;
  }

  /** Starts a collector and waits for nothing. */
  begin(id: string): Member {
    const member = new Member(this, id, null);
    this.members.push(member);
    void member.orchestrator.start();
    return member;
  }

  /** Symbols by the collectors that have an open socket for them. */
  carriers(): Map<string, string[]> {
    const carriers = new Map<string, string[]>();
    for (const member of this.members)
      for (const symbol of member.carries())
        carriers.set(symbol, [...(carriers.get(symbol) ?? []), member.id]);
    return carriers;
  }

  /** The store lost all of its memory. */
  emptied(): void {
    this.store = memoryStore(this.clock);
  }

  /** What a reader keeps that drops a lower fence than the highest it has seen for the key. */
  read(): { symbol: string; id: string; fence: number }[] {
    return this.#byFence().flatMap(({ kept, batch: { market, rows, fence } }) =>
      kept
        ? rows.map((row) => ({
            symbol: market.symbol,
            id: row.kind === 'trade' ? row.trade_id : '',
            fence: fence ?? 0,
          }))
        : [],
    );
  }

  /** What such a reader drops. */
  dropped(): Delivered[] {
    return this.#byFence().filter(({ kept }) => !kept);
  }

  #byFence(): (Delivered & { kept: boolean })[] {
    const highest = new Map<string, number>();
    return this.delivered.map((one) => {
      const { market, fence } = one.batch;
      const before = highest.get(market.symbol) ?? 0;
      highest.set(market.symbol, Math.max(before, fence ?? 0));
      return { ...one, kept: (fence ?? 0) >= before };
    });
  }

  /**
   * Trades from `since` on that a reader got more than once, as it may at the moment of a takeover, and those it never
   * got though no gap says so.
   */
  verdict(since: Micros): { twice: Traded[]; silent: Traded[] } {
    const counts = new Map<string, number>();
    for (const { symbol, id } of this.read()) {
      counts.set(`${symbol} ${id}`, (counts.get(`${symbol} ${id}`) ?? 0) + 1);
    }
    const count = ({ symbol, id }: Traded) => counts.get(`${symbol} ${id}`) ?? 0;
    // What is on its way now is neither.
    const until = this.clock.micros() - 500_000;
    const due = this.traded.filter(({ at }) => at >= since && at < until);
    return {
      twice: due.filter((one) => count(one) > 1),
      silent: due.filter((one) => count(one) === 0 && !this.inGap(one)),
    };
  }

  /** Whether a gap that has ended explains it: one that is open explains nothing yet. */
  inGap({ symbol, at }: Traded): boolean {
    return this.gaps.some(
      ({ from, to, codes }) => codes.includes(`KRW-${symbol}`) && at >= from && to !== null && at <= to,
    );
  }

  /** Every 100 ms a trade of every code, to every socket that asked for it. */
  #trade(): void {
    this.clock.after(100, () => this.#trade());
    const carriers = this.carriers();
    for (const ids of carriers.values()) this.most = Math.max(this.most, ids.length);
    this.#trades++;
    const symbols = new Set(this.members.flatMap(({ asked }) => [...asked]));
    for (const symbol of symbols) {
      const id = String(this.#trades);
      const at = this.clock.micros();
      this.traded.push({ symbol, id, at });
      for (const member of this.members) member.trade(symbol, id, at);
    }
  }
}

/** One collector: its orchestrator and leases on the world's store. */
export class Member {
  readonly id: string;
  readonly orchestrator: Orchestrator;
  readonly leases: ShardLeases;
  readonly fences: Fences;
  readonly gate: LimitedGate;
  readonly backfill: Backfill | null;
  readonly events: StreamEvent[] = [];
  readonly faults: Fault[] = [];
  /** Every code it ever subscribed. */
  readonly asked = new Set<string>();
  sockets = 0;
  /** The store cannot be reached from here. */
  away = false;
  /** How long a store that is away keeps silent before that is known, in ms: it stands still. */
  silentMs = 0;
  /** The exchange does not answer its goodbyes, and ends the sockets a second later. */
  stubborn = false;
  /** Kafka takes nothing. */
  undelivered = false;
  /** Kafka takes nothing, and an outbox keeps it. */
  shelves = false;
  /** How far its clock is ahead of the exchange's. */
  aheadMicros = 0;
  /** Rows that were not handed over, because their lease had ended. */
  superseded = 0;
  /** How long the store takes to be asked, in ms. */
  slowMs = 0;
  /** How long Kafka takes for a message, in ms. */
  deliveryMs = DELIVERY_MS;
  /** Called when it opens a socket. */
  opening: () => void = () => {};
  #gone = false;
  /** What waits while the process stands still. */
  #frozen: (() => void)[] | null = null;
  #dead: (process: ProcessIdentity) => boolean = () => false;
  readonly #world: World;
  readonly #open = new Map<FakeSocket, Set<string>>();

  constructor(world: World, id: string, process: ProcessIdentity | null) {
    this.#world = world;
    this.id = id;
    const { ask } = world;
    const { orchestrator, leases, fences, gate, backfill } = collectorOf({
      id,
      clock: this.#clock(),
      ttlMs: world.ttlMs,
      process,
      ended: (one) => this.#dead(one),
      onFault: (fault) => this.faults.push(fault),
      over: world.over,
      rest: ask
        ? {
            ...{ fills: this.#reached('fills'), opens: this.#reached('opens') },
            ...{ written: world.written, ask: (url) => ask(world, url) },
          }
        : undefined,
      leases: this.#reached('leases'),
      collectors: this.#reached('collectors'),
      desired: this.#reached('desired'),
      writer: bothBy((batch) => this.#write(batch)),
      openSocket: (_url, _options, handlers) => this.#socket(new FakeSocket(world.clock, handlers)),
      nextSocketId: () => ++this.sockets,
      onEvent: (event) => {
        if (this.#gone) return;
        this.events.push(event);
        if (event.gap) world.gaps.push(event.gap);
      },
    });
    this.fences = fences;
    this.gate = gate;
    this.backfill = backfill;
    this.leases = leases;
    this.orchestrator = orchestrator;
  }

  /** Shards that it streams. */
  held(): number[] {
    return [...this.leases.mine(KEY).keys()].sort((a, b) => a - b);
  }

  carries(): string[] {
    return [...this.#open].flatMap(([socket, symbols]) => (socket.live ? [...symbols] : []));
  }

  /** Told which processes have ended. */
  knows(dead: (process: ProcessIdentity) => boolean): void {
    this.#dead = dead;
  }

  trade(symbol: string, id: string, at: Micros): void {
    for (const [socket, symbols] of this.#open)
      if (symbols.has(symbol)) this.#awake(() => socket.frame({ row: symbol, id, at }));
  }

  /** The exchange ends its sockets and lets none from its address in. */
  ban(forMs: number): void {
    this.gate.ban('fake.invalid', { forMs, reason: 'HTTP 418 on opening' });
    for (const socket of [...this.#open.keys()]) if (socket.live) socket.end(1006, '', null);
    this.#open.clear();
  }

  /** SIGSTOP: timers, frames and nudges wait. */
  freeze(): void {
    this.#frozen = [];
  }

  /** SIGCONT. */
  thaw(): void {
    const waited = this.#frozen ?? [];
    this.#frozen = null;
    for (const run of waited) run();
  }

  #awake(run: () => void): void {
    if (this.#frozen) this.#frozen.push(run);
    else run();
  }

  /** SIGKILL: no timer runs any more, nothing is said, its sockets end. */
  crash(): void {
    this.#gone = true;
    for (const socket of this.#open.keys()) socket.gone = true;
    this.#open.clear();
  }

  /** SIGTERM. */
  async stop(): Promise<void> {
    const stopped = Promise.resolve(this.backfill?.stop())
      .then(() => this.orchestrator.stop())
      .then(() => Promise.all([this.leases.stop(), this.backfill?.keep()]));
    await this.#world.clock.advance(1000);
    await stopped;
  }

  #socket(socket: FakeSocket): FakeSocket {
    const symbols = new Set<string>();
    const { clock } = this.#world;
    this.#open.set(socket, symbols);
    socket.close = () => {
      if (!this.stubborn) return void clock.after(1, () => socket.end(1000));
      clock.after(1000, () => socket.end(1006));
    };
    this.opening();
    clock.after(10, () => socket.accept());
    socket.onSend = (text) => {
      if (text !== '<ping>') {
        const { sub = [], unsub = [] } = JSON.parse(text);
        const { refused } = this.#world;
        const served = sub.filter((symbol: string) => !refused.has(symbol));
        for (const symbol of served) {
          symbols.add(symbol);
          this.asked.add(symbol);
        }
        for (const symbol of unsub) symbols.delete(symbol);
        const others = sub.filter((symbol: string) => refused.has(symbol));
        if (others.length > 0)
          clock.after(10, () => socket.frame({ refused: others, reason: 'maintenance' }));
        if (sub.length > 0) return answer(clock, socket, JSON.stringify({ sub: served }));
      }
      answer(clock, socket, text);
    };
    return socket;
  }

  async #write(batch: Batch): Promise<Ack> {
    const { clock, delivered } = this.#world;
    if (this.shelves) return { at: clock.micros(), bytes: 1, shelved: true };
    const { fence } = batch;
    const standing = () => (fence === null ? 'held' : this.fences.standing(fence));
    while (this.undelivered || standing() === 'unsure')
      await new Promise<void>((resolve) => clock.after(50, () => this.#awake(resolve)));
    if (standing() === 'ended') {
      this.#world.gaps.push(superseded(batch));
      this.superseded += batch.rows.length;
      throw new Error('the lease was lost');
    }
    await new Promise<void>((resolve) => clock.after(this.deliveryMs, resolve));
    if (this.#gone) return new Promise(() => {});
    delivered.push({ by: this.id, batch });
    return { at: clock.micros(), bytes: 1 };
  }

  #clock(): Clock {
    const { clock } = this.#world;
    return {
      micros: () => clock.micros() + this.aheadMicros,
      now: () => clock.now(),
      random: () => clock.random(),
      after: (ms, fn): Cancel => clock.after(ms, () => !this.#gone && this.#awake(fn)),
    };
  }

  /** A part of the store, as far as it can be reached from here. */
  #reached<P extends 'leases' | 'collectors' | 'desired' | 'fills' | 'opens'>(part: P): StateStore[P] {
    return new Proxy(this.#world.store[part], {
      get: (_first, name) => {
        return (...args: unknown[]) => {
          if (this.#gone) return new Promise(() => {});
          if (this.away && name !== 'onNudge') {
            const fault = new Fault('redis_unavailable', 'store', 'It is away.', 'Wait.');
            if (this.silentMs === 0) return Promise.reject(fault);
            return sleep(this.#world.clock, this.silentMs).then(() => Promise.reject(fault));
          }
          const target = this.#world.store[part];
          if (name === 'onNudge') {
            const [listener] = args as [(stream: string) => void];
            return this.#world.store.desired.onNudge((stream) => this.#awake(() => listener(stream)));
          }
          const call = () => Reflect.get(target as object, name).apply(target, args);
          if (this.slowMs === 0) return call();
          const asked = sleep(this.#world.clock, this.slowMs);
          return asked.then(() => (this.#gone ? new Promise(() => {}) : call()));
        };
      },
    });
  }
}
