import { createServer, type Socket as TcpSocket } from 'node:net';
import { systemClock } from '../../src/common/clock.ts';
import type { Socket, SocketEnd, SocketOptions } from '../../src/core/ports.ts';
import { bunSockets } from '../../src/infra/websocket/open-socket.ts';

export const PLAIN: SocketOptions = { proxy: null, ca: null, localAddress: null };
export const openSocket = bunSockets(systemClock);
const cleanUp: (() => void)[] = [];

/** Stops every server that a test started. */
export function stopServers(): void {
  for (const undo of cleanUp.splice(0)) undo();
}

export interface Client {
  readonly socket: Socket;
  readonly log: string[];
  readonly frames: (string | Uint8Array)[];
  readonly opened: Promise<void>;
  readonly ended: Promise<SocketEnd>;
}

export function client(url: string, options: SocketOptions = PLAIN): Client {
  const log: string[] = [];
  const frames: (string | Uint8Array)[] = [];
  const opened = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<SocketEnd>();
  const socket = openSocket(url, options, {
    opened: () => {
      log.push('opened');
      opened.resolve();
    },
    frame: (data) => {
      log.push('frame');
      frames.push(data);
    },
    alive: () => log.push('alive'),
    ended: (end) => {
      log.push('ended');
      ended.resolve(end);
    },
  });
  return { socket, log, frames, opened: opened.promise, ended: ended.promise };
}

export interface Served {
  readonly port: number;
  readonly headers: Headers[];
  readonly remotes: (string | undefined)[];
  readonly received: string[];
  readonly closes: number[];
  send(data: string | Uint8Array, compress?: boolean): void;
  ping(): void;
  close(code: number, reason: string): void;
}

export function serve(
  answer?: (request: Request) => Response | null,
  tls?: { key: string; cert: string },
): Served & { url: string } {
  let peer: Bun.ServerWebSocket<undefined> | null = null;
  const headers: Headers[] = [];
  const remotes: (string | undefined)[] = [];
  const received: string[] = [];
  const closes: number[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    ...(tls ? { tls } : {}),
    fetch(request, self) {
      headers.push(request.headers);
      remotes.push(self.requestIP(request)?.address);
      const refusal = answer?.(request);
      if (refusal) return refusal;
      return self.upgrade(request) ? undefined : new Response('not a WebSocket', { status: 400 });
    },
    websocket: {
      perMessageDeflate: true,
      maxPayloadLength: 64 << 20,
      open: (ws) => {
        peer = ws;
      },
      message: (_ws, message) => {
        received.push(String(message));
      },
      ping: () => {
        received.push('<ping>');
      },
      pong: () => {
        received.push('<pong>');
      },
      close: (_ws, code) => {
        closes.push(code);
      },
    },
  });
  cleanUp.push(() => void server.stop(true));
  const port = server.port ?? 0;
  return {
    port,
    url: `${tls ? 'wss' : 'ws'}://127.0.0.1:${port}/`,
    headers,
    remotes,
    received,
    closes,
    send: (data, compress = false) => void peer?.send(data, compress),
    ping: () => void peer?.ping(),
    close: (code, reason) => peer?.close(code, reason),
  };
}

export async function until(condition: () => boolean, ms = 3000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error('did not happen in time');
    await Bun.sleep(5);
  }
}

export async function tcp(serveOne: (socket: TcpSocket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    serveOne(socket);
  });
  cleanUp.push(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

/** Accepts the upgrade by hand and then does what no WebSocket server does. */
export function upgradeByHand(then: (socket: TcpSocket) => void): Promise<number> {
  return tcp((socket) => {
    socket.once('data', (head) => {
      const key = /Sec-WebSocket-Key: (.*)\r/i.exec(String(head))?.[1] ?? '';
      const accept = new Bun.CryptoHasher('sha1')
        .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      then(socket);
    });
  });
}
