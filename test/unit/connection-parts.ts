import { Connection } from '../../src/core/connection/connection.ts';
import type { StateDetail } from '../../src/core/connection/connection-parts.ts';
import type { FetchBook, LinkEnd } from '../../src/core/connection/link-parts.ts';
import { LimitedGate, type OpenGate } from '../../src/core/connection/open-gate.ts';
import type { ControlEvent, FrameSink, SocketHandle } from '../../src/core/connection/pipe.ts';
import type { Refusal } from '../../src/core/connection/refusals.ts';
import { CONNECTION_DEFAULTS, type ConnectionSettings } from '../../src/core/connection/settings.ts';
import type { Verdict } from '../../src/core/connection/verdict.ts';
import type { Gap, StreamState } from '../../src/core/events.ts';
import type { Emit, Exchange, Limits } from '../../src/core/exchange.ts';
import { type Market, type Micros, market, type RequestType } from '../../src/core/market/market.ts';
import { Markets } from '../../src/core/market/markets.ts';
import type { Socket, SocketEnd, SocketHandlers } from '../../src/core/ports.ts';
import { ManualClock } from './manual-clock.ts';

const DATA: ReadonlySet<string> = new Set([
  'ticker',
  'trade',
  'orderbook',
  'reject',
  'checked',
  'checksum',
  'broken',
]);

export const LIMITS: Limits = {
  codesPerFrame: 2,
  frameChars: null,
  codesPerSocket: 100,
  sends: [],
  opens: [],
  sockets: null,
  lifetimeMs: null,
};

export function coin(symbol: string): Market {
  return market(symbol, symbol, 'KRW');
}

/**
 * An exchange as simple as can be. Requests: {"sub":[…]}, {"unsub":[…]}, {"list":[…]}. Frames: {"ack":[…]},
 * {"refused":[…],"reason":…,"full":…}, {"reopened":1}, {"resync":…}, {"restart":…}, {"send":…}, {"alive":1}, {"row":symbol,"at":µs}.
 */
export function fakeExchange(over: Partial<Exchange> = {}): Exchange {
  const subscribing = over.subscribing ?? 'add';
  const symbols = (markets: readonly Market[]) => markets.map(({ symbol }) => symbol);
  return {
    id: 'fake',
    name: 'Fake',
    region: 'korea',
    docs: 'https://fake.invalid',
    types: ['ticker', 'trade'],
    endpoint: () => 'wss://fake.invalid/ws',
    hosts: [],
    encoding: 'text',
    heartbeat: { send: 'ping', everyMs: 10_000, deadAfterMs: 30_000 },
    limits: LIMITS,
    confirms: 'ack',
    tradeIds: 'unordered',
    markets: { urls: [], parse: () => [], split: () => null },
    session: () => ({
      open: () => [],
      change: (want, add, drop) => {
        if (subscribing === 'replace') return [JSON.stringify({ list: symbols(want) })];
        const frames: string[] = [];
        if (drop.length > 0) frames.push(JSON.stringify({ unsub: symbols(drop) }));
        if (add.length > 0) frames.push(JSON.stringify({ sub: symbols(add) }));
        return frames;
      },
      read: (text, _at, emit) => readFake(text, emit),
    }),
    ...over,
    subscribing,
  };
}

function readFake(text: string, emit: Emit): void {
  const frame = JSON.parse(text);
  if (frame.ack) emit({ kind: 'ack', symbols: frame.ack });
  if (frame.refused)
    emit({ kind: 'refused', symbols: frame.refused, reason: frame.reason, full: frame.full === true });
  if (frame.reopened) emit({ kind: 'reopened' });
  if (frame.resync) emit({ kind: 'resync', symbol: frame.resync });
  if (frame.restart) emit({ kind: 'restart', reason: frame.restart });
  if (frame.send) emit({ kind: 'send', text: frame.send, instead: frame.instead });
  if (frame.alive) emit({ kind: 'alive' });
}

/** A socket whose other end is the test. */
export class FakeSocket implements Socket {
  readonly openedAtMs: number;
  readonly sent: string[] = [];
  readonly sentAtMs: number[] = [];
  paused = false;
  live = false;
  gone = false;
  /** Refuses to answer our goodbye until the test does. */
  stubborn = false;
  readonly #clock: ManualClock;
  readonly #handlers: SocketHandlers;
  onSend: (text: string) => void = () => {};

  constructor(clock: ManualClock, handlers: SocketHandlers) {
    this.#clock = clock;
    this.#handlers = handlers;
    this.openedAtMs = clock.now();
  }

  accept(): void {
    if (this.gone) return;
    this.live = true;
    this.#handlers.opened();
  }

  frame(value: object): void {
    if (!this.gone) this.#handlers.frame(JSON.stringify(value));
  }

  row(symbol: string, at: Micros = this.#clock.micros()): void {
    this.frame({ row: symbol, at });
  }

  pong(): void {
    if (!this.gone) this.#handlers.alive();
  }

  end(code = 1006, reason = '', status: number | null = null, retryAfterMs: number | null = null): void {
    this.#end({ code, reason, status, retryAfterMs });
  }

  /** This machine could not open it. */
  fault(local: string): void {
    this.#end({ code: 1006, reason: '', status: null, retryAfterMs: null, local });
  }

  #end(end: SocketEnd): void {
    if (this.gone) return;
    this.gone = true;
    this.live = false;
    this.#handlers.ended(end);
  }

  send(text: string): void {
    this.sent.push(text);
    this.sentAtMs.push(this.#clock.now());
    this.onSend(text);
  }

  ping(): void {
    this.send('<ping>');
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  close(): void {
    if (!this.stubborn) this.#clock.after(1, () => this.end(1000));
  }

  terminate(): void {
    this.#clock.after(0, () => this.end());
  }
}

export type Serve = (socket: FakeSocket, nth: number) => void;

/** Opens after 10 ms and confirms every subscription after another 10 ms; answers pings. */
export function wellBehaved(clock: ManualClock): Serve {
  return (socket) => {
    clock.after(10, () => socket.accept());
    socket.onSend = (text) => answer(clock, socket, text);
  };
}

export function answer(clock: ManualClock, socket: FakeSocket, text: string): void {
  if (text === '<ping>') return void clock.after(10, () => socket.pong());
  if (!text.startsWith('{')) return;
  const { sub, list } = JSON.parse(text);
  if (sub ?? list) clock.after(10, () => socket.frame({ ack: sub ?? list }));
}

export interface Rig {
  readonly clock: ManualClock;
  readonly connection: Connection;
  readonly sockets: FakeSocket[];
  readonly handles: SocketHandle[];
  readonly states: StreamState[];
  readonly details: StateDetail[];
  readonly confirmed: string[];
  readonly refused: { symbols: string[]; kind: Refusal['kind']; reason: string }[];
  readonly served: string[];
  /** When answers were dropped. */
  readonly unanswered: number[];
  readonly announced: string[];
  readonly gaps: Gap[];
  readonly silent: string[];
  readonly failed: { end: LinkEnd; next: Verdict; attempts: number }[];
  /** Rows that arrived, `symbol@socket`, with `*` where the socket was the primary one when the frame arrived. */
  readonly rows: string[];
  readonly ended: number[];
}

export interface RigOptions {
  readonly exchange?: Partial<Exchange>;
  readonly settings?: Partial<ConnectionSettings>;
  readonly gate?: OpenGate;
  readonly clock?: ManualClock;
  readonly serve?: Serve;
  readonly type?: RequestType;
  /** Symbols of the market list; left out: there is none. */
  readonly listed?: readonly string[];
  readonly fetchBook?: FetchBook;
}

/** A connection on a clock that stands still, with sockets that lead nowhere and everything it says written down. */
export function rig(options: RigOptions = {}): Rig {
  const clock = options.clock ?? new ManualClock();
  const exchange = fakeExchange(options.exchange);
  const serve = options.serve ?? wellBehaved(clock);
  const made: Omit<Rig, 'connection'> = {
    clock,
    sockets: [],
    handles: [],
    states: [],
    details: [],
    confirmed: [],
    refused: [],
    served: [],
    unanswered: [],
    announced: [],
    gaps: [],
    silent: [],
    failed: [],
    rows: [],
    ended: [],
  };
  const pipe = (handle: SocketHandle): FrameSink => {
    made.handles.push(handle);
    return {
      push: (data, at) => {
        const { row, at: eventTime } = JSON.parse(String(data));
        handle.session.read(String(data), at, (event) => {
          if (event.kind === 'orderbook') {
            made.rows.push(`${event.type[0]}${event.market.symbol}@${handle.id}`);
            handle.data(event.market, clock.now(), event.type === 'DELTA' ? 1 : 0, event.timestamp);
          } else if (!DATA.has(event.kind)) handle.control(event as ControlEvent);
        });
        if (row === undefined) return;
        made.rows.push(`${row}@${handle.id}${isPrimary(connection, handle) ? '*' : ''}`);
        handle.data(coin(row), clock.now(), 1, eventTime);
      },
      end: () => made.ended.push(handle.id),
    };
  };
  const connection = new Connection(
    {
      exchange,
      type: options.type ?? 'trade',
      markets: new Markets(() => null, options.listed?.map(coin)),
      url: exchange.endpoint('trade'),
      socket: { proxy: null, ca: null, localAddress: null },
      settings: { ...CONNECTION_DEFAULTS, ...options.settings },
      clock,
      openSocket: (_url, _options, handlers) => {
        const socket = new FakeSocket(clock, handlers);
        made.sockets.push(socket);
        serve(socket, made.sockets.length);
        return socket;
      },
      gate: options.gate ?? new LimitedGate(clock, exchange.limits, null),
      pipe,
      nextSocketId: () => made.sockets.length + 1,
      fetchBook: options.fetchBook,
    },
    {
      state: (state, detail) => {
        made.states.push(state);
        made.details.push(detail);
      },
      confirmed: ({ symbol }, socketId) => made.confirmed.push(`${symbol}@${socketId}`),
      refused: (markets, { kind, reason }) =>
        made.refused.push({ symbols: markets.map(({ symbol }) => symbol), kind, reason }),
      served: ({ symbol }) => made.served.push(symbol),
      unanswered: () => made.unanswered.push(clock.now()),
      announced: (reason) => made.announced.push(reason),
      gap: (gap) => made.gaps.push(gap),
      silent: ({ symbol }, reason) => made.silent.push(`${reason === null ? '+' : '-'}${symbol}`),
      failed: (end, next, attempts) => made.failed.push({ end, next, attempts }),
    },
  );
  return { ...made, connection };
}

/** Whether the connection's codes are this socket's to carry. */
export function isPrimary(connection: Connection, { id }: SocketHandle): boolean {
  return connection.snapshot().sockets.some((socket) => socket.id === id && socket.primary);
}

/** A rig that carries these codes and is live. */
export async function running(symbols: readonly string[], options: RigOptions = {}): Promise<Rig> {
  const made = rig(options);
  made.connection.update(symbols.map(coin));
  made.connection.start();
  await made.clock.advance(100);
  return made;
}

/** The n-th socket of a rig, from 1. */
export function socketOf({ sockets }: Rig, nth: number): FakeSocket {
  const socket = sockets[nth - 1];
  if (!socket) throw new Error(`there are ${sockets.length} sockets, not ${nth}`);
  return socket;
}

/** Chance that is the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
