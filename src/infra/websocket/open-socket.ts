import type { Cancel, Clock } from '../../common/clock.ts';
import type { OpenSocket, Socket, SocketEnd, SocketHandlers, SocketOptions } from '../../core/ports.ts';
import { socketsLeft } from '../process/open-files.ts';
import { type Gathered, Gathering } from './gathering.ts';
import { type FailedOpen, localFault } from './local-fault.ts';
import { type Refusal, refusalOf } from './refusal.ts';
import { tunnel } from './source-address.ts';

/** A peer that does not answer our closing frame is cut after this time. */
const GRACE_MS = 2000;
/** How long the goodbye waits for the answer to a ping. */
const DRAIN_MS = 300;
/** Close code of a connection that ended without a closing frame. */
const CUT = 1006;
const NORMAL = 1000;
/** Close code of a connection given up for a message that is too big. */
const TOO_BIG = 1009;
const MAX_FRAME = 16 * 1024 * 1024;

/**
 * WebSockets by Bun's built-in client. What it does by itself: it answers protocol pings, inflates, sends no `Origin`
 * (some exchanges limit requests that carry one) and refuses messages above 128 MiB, which ends the socket.
 * Handlers are never called before the call returns, and `ended` comes exactly once and last.
 * @param maxFrame bytes of a binary message, characters of a text message; a bigger one ends the socket with code 1009
 * @param left how many sockets may still be opened without taking the files that everything else needs; null: unknown
 * @param gatherMs busy sockets are read at most every so many ms; 0: as frames come
 */
export function bunSockets(
  clock: Clock,
  maxFrame: number = MAX_FRAME,
  left: () => number | null = socketsLeft,
  gatherMs = 0,
): OpenSocket {
  const gathering = new Gathering(clock, gatherMs);
  const shared: Shared = { clock, maxFrame, left, gathering, opening: 0 };
  return (url, options, handlers) => new BunSocket(shared, url, options, handlers);
}

/** What all sockets share. */
interface Shared {
  readonly clock: Clock;
  readonly maxFrame: number;
  readonly left: () => number | null;
  readonly gathering: Gathering;
  /** Sockets being opened: their files may not be there yet. */
  opening: number;
}

class BunSocket implements Socket {
  readonly #shared: Shared;
  readonly #clock: Clock;
  readonly #maxFrame: number;
  readonly #handlers: SocketHandlers;
  #ws: WebSocket | null = null;
  #refusal: Refusal = { status: null, retryAfterMs: null, reason: '' };
  #cancelWait: Cancel = () => {};
  /** What of this machine is in the way. */
  #local: string | null = null;
  /** Whether its owner wants it unread, and whether it waits to be read together with others. */
  #paused = false;
  #held = false;
  readonly #gathered: Gathered = { frames: 0, hold: () => this.#hold(), release: () => this.#release() };
  #opening = true;
  #leaving = false;
  #ended = false;

  constructor(shared: Shared, url: string, options: SocketOptions, handlers: SocketHandlers) {
    this.#shared = shared;
    this.#clock = shared.clock;
    this.#maxFrame = shared.maxFrame;
    this.#handlers = handlers;
    const by = options.localAddress !== null ? 'tunnel' : options.proxy !== null ? 'proxy' : null;
    const left = shared.left();
    const full = left !== null && left <= shared.opening;
    shared.opening++;
    // An unusable address or proxy makes the constructor throw; to the caller that is a socket that did not open.
    void Promise.resolve()
      .then(() => {
        if (full) throw Object.assign(new Error('no socket was asked for'), { code: 'EMFILE' });
        return proxyFor(options);
      })
      .then((proxy) => this.#open(url, options, proxy, by))
      .catch((error: unknown) => {
        this.#failed(error instanceof Error ? error.message : String(error), error, by);
        this.#end(CUT, '');
      });
  }

  send(text: string): void {
    if (this.#ws?.readyState === WebSocket.OPEN) this.#ws.send(text);
  }

  ping(): void {
    if (this.#ws?.readyState === WebSocket.OPEN) this.#ws.ping();
  }

  pause(): void {
    this.#paused = true;
    this.#ws?.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#held) this.#ws?.resume();
  }

  /**
   * From its closing frame on the client drops what arrives, read or not. So a ping goes first: frames come in order,
   * and with its answer everything is here that the peer had sent when we wanted to leave.
   */
  close(): void {
    if (this.#leaving) return;
    if (this.#ws?.readyState !== WebSocket.OPEN) return this.terminate();
    this.#leaving = true;
    this.#paused = false;
    // A paused socket would never see the answers.
    if (this.#ws.isPaused) this.#ws.resume();
    this.#ws.ping();
    this.#cancelWait = this.#clock.after(DRAIN_MS, () => this.#sayGoodbye());
  }

  terminate(): void {
    this.#ws?.terminate();
    queueMicrotask(() => this.#end(CUT, ''));
  }

  #hold(): void {
    // The answer to the last ping is waited for.
    if (this.#leaving || this.#ended) return;
    this.#held = true;
    this.#ws?.pause();
  }

  #release(): void {
    this.#held = false;
    if (!this.#paused && !this.#ended) this.#ws?.resume();
  }

  #refuse(size: number): void {
    this.#end(TOO_BIG, `a frame of ${size} bytes came, at most ${this.#maxFrame} are accepted`);
    this.#ws?.terminate();
  }

  #sayGoodbye(): void {
    this.#cancelWait();
    if (this.#ws?.readyState !== WebSocket.OPEN) return;
    this.#ws.close(NORMAL);
    this.#cancelWait = this.#clock.after(GRACE_MS, () => this.terminate());
  }

  /** Why the socket does not open; the first word counts. */
  #failed(reason: string, error: unknown, by: FailedOpen['by']): void {
    this.#local ??= localFault({ code: codeOf(error), message: reason, by });
    if (this.#refusal.reason === '') this.#refusal = { ...this.#refusal, reason };
  }

  #open(url: string, options: SocketOptions, proxy: string | null, by: FailedOpen['by']): void {
    if (this.#ended) return;
    const ws = new WebSocket(url, {
      ...(proxy === null ? {} : { proxy }),
      ...(options.ca === null ? {} : { tls: { ca: options.ca } }),
    });
    this.#ws = ws;
    // Bun's own kind of binary message: a view of the received bytes, not a copy.
    ws.binaryType = 'nodebuffer';
    ws.addEventListener('open', () => {
      this.#settled();
      if (!this.#ended) this.#handlers.opened();
    });
    ws.addEventListener('message', ({ data }) => {
      if (this.#ended) return;
      if (data.length <= this.#maxFrame) this.#handlers.frame(data);
      else this.#refuse(data.length);
      this.#shared.gathering.read(this.#gathered);
    });
    ws.addEventListener('ping', () => {
      if (!this.#ended) this.#handlers.alive();
    });
    ws.addEventListener('pong', () => {
      if (this.#ended) return;
      this.#handlers.alive();
      if (this.#leaving) this.#sayGoodbye();
    });
    // The answer to the upgrade with its headers, while the standard events tell only that it failed.
    ws.addEventListener('handshake', (event) => {
      this.#refusal = refusalOf(event, this.#clock.micros() / 1000);
    });
    ws.addEventListener('error', (event) => {
      const reason = 'message' in event && typeof event.message === 'string' ? event.message : '';
      this.#failed(reason, 'error' in event ? event.error : null, this.#opening ? by : null);
    });
    ws.addEventListener('close', ({ code, reason }) => this.#end(code, reason));
  }

  #end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    // Of a socket that was open it is the end that counts.
    const local = this.#opening ? this.#local : null;
    this.#settled();
    this.#cancelWait();
    const { status, retryAfterMs, reason: failure } = this.#refusal;
    const end: SocketEnd = { code, reason: reason || failure, status, retryAfterMs };
    this.#handlers.ended(local === null ? end : { ...end, local });
  }

  #settled(): void {
    if (this.#opening) this.#shared.opening--;
    this.#opening = false;
  }
}

function codeOf(error: unknown): string | null {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
  return typeof code === 'string' ? code : null;
}

async function proxyFor({ proxy, localAddress }: SocketOptions): Promise<string | null> {
  if (localAddress === null) return proxy;
  if (proxy !== null) throw new Error('a source address and a proxy exclude each other: set one of them');
  return await tunnel(localAddress);
}
