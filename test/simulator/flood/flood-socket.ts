import type { Socket } from 'bun';
import type { SimExchange } from '../sim-exchange.ts';
import type { SimSocket, Wire } from '../sim-socket.ts';
import { Block } from './block.ts';
import { CLOSE, FrameReader, frame, PING, PONG, TEXT } from './frames.ts';

/** Subscriptions come in several frames; a block is built when they have settled for this long. */
const SETTLE_MS = 50;
/** Blocks handed over before the event loop gets its turn. */
const BLOCKS_IN_A_ROW = 4;

/** One connection of a flood: the handshake, the client's frames, and blocks whenever the connection takes more. */
export class FloodSocket implements Wire {
  readonly #reader = new FrameReader();
  #head = '';
  #socket: SimSocket | null = null;
  #exchange: SimExchange | null = null;
  #block: Block | null = null;
  /** What of the block, or of a frame before it, is not handed over yet. */
  #pending: Buffer = Buffer.alloc(0);
  #pendingBlock: Block | null = null;
  readonly #control: Buffer[] = [];
  #settle: Timer | undefined;
  #rows = 0;
  /** Time in the frames; never goes back. */
  #clockMs = 0;
  #pumping = false;
  #gone = false;

  constructor(
    readonly tcp: Socket<FloodSocket>,
    readonly exchanges: ReadonlyMap<string, SimExchange>,
    readonly maxRows: number,
  ) {}

  received(chunk: Uint8Array): void {
    if (!this.#socket) return this.#handshake(chunk);
    for (const { opcode, payload } of this.#reader.read(chunk)) this.#frame(opcode, payload);
  }

  closed(): void {
    this.#gone = true;
    clearTimeout(this.#settle);
    this.#socket?.closed(1006);
  }

  send(payload: string | Uint8Array): number {
    this.#control.push(frame(payload));
    this.pump();
    return 1;
  }

  ping(payload: string): number {
    this.#control.push(frame(payload, PING));
    this.pump();
    return 1;
  }

  close(code: number, reason: string): void {
    const body = Buffer.from(`00${reason}`);
    body.writeUInt16BE(code, 0);
    this.#block = null;
    this.#control.push(frame(body, CLOSE));
    this.pump();
  }

  terminate(): void {
    this.tcp.terminate();
  }

  /** Hands over as much as the connection takes. */
  pump(): void {
    if (this.#pumping || this.#gone) return;
    this.#pumping = true;
    try {
      for (let blocks = 0; ; ) {
        if (this.#pending.length > 0) {
          const taken = this.tcp.write(this.#pending);
          if (taken < 0) return;
          this.#pending = this.#pending.subarray(taken);
          if (this.#pending.length > 0) return;
          this.#handedOver(this.#pendingBlock);
        }
        const control = this.#control.shift();
        this.#pendingBlock = null;
        if (control) {
          this.#pending = control;
        } else if (!this.#block || this.#rows >= this.maxRows || this.#socket?.stalled) {
          return;
        } else if (blocks++ >= BLOCKS_IN_A_ROW) {
          setImmediate(() => this.pump());
          return;
        } else {
          this.#clockMs = Math.max(this.#clockMs, Date.now());
          this.#block.renew(this.#clockMs);
          this.#pendingBlock = this.#block;
          this.#pending = this.#block.bytes;
        }
      }
    } finally {
      this.#pumping = false;
    }
  }

  #handedOver(block: Block | null): void {
    if (!block || !this.#exchange) return;
    const { ledger, protocol } = this.#exchange;
    for (const [type, { frames, bytes }] of block.rows) {
      this.#rows += frames;
      ledger.count(protocol.id, type, frames, bytes, frames);
    }
  }

  #handshake(chunk: Uint8Array): void {
    this.#head += Buffer.from(chunk).toString('latin1');
    if (!this.#head.includes('\r\n\r\n')) return;
    const [, target = '/'] = this.#head.split(' ');
    const url = new URL(target, 'ws://127.0.0.1');
    const [, id = '', path = ''] = /^\/([^/]+)(\/.*)?$/.exec(url.pathname) ?? [];
    const exchange = this.exchanges.get(id);
    const key = /sec-websocket-key: *(\S+)/i.exec(this.#head)?.[1];
    if (!exchange || !key || !exchange.protocol.upgrades(path || '/')) {
      this.tcp.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const accept = new Bun.CryptoHasher('sha1')
      .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    this.tcp.write(`${lines.join('\r\n')}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    this.#exchange = exchange;
    this.#socket = exchange.connect(this.tcp.remoteAddress, path, url.searchParams);
    this.#socket.opened(this);
    this.#subscriptionsMayHaveChanged();
  }

  #frame(opcode: number, payload: Buffer): void {
    if (opcode === TEXT) {
      this.#socket?.text(payload.toString());
      this.#subscriptionsMayHaveChanged();
    } else if (opcode === PING) {
      this.#socket?.pinged();
      this.#control.push(frame(payload, PONG));
      this.pump();
    } else if (opcode === PONG) {
      this.#socket?.ponged();
    } else if (opcode === CLOSE) {
      this.tcp.end();
    }
  }

  #subscriptionsMayHaveChanged(): void {
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => {
      if (!this.#socket || !this.#exchange || this.#gone) return;
      const { size } = this.#socket.subscriptions;
      const lastIds = this.#block?.lastIds() ?? new Map();
      this.#block?.end();
      // A new block counts its time-based ids from zero, so it starts in a millisecond of its own.
      this.#clockMs = Math.max(this.#clockMs, Date.now()) + 1;
      // A block in the middle of being handed over is finished first: `#pending` still points at its bytes.
      this.#block = size > 0 ? new Block(this.#exchange, this.#socket, lastIds) : null;
      this.pump();
    }, SETTLE_MS);
  }
}
