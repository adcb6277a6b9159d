import type { Server } from 'bun';
import { answer } from './rest/answer.ts';
import type { RestFault } from './rest/faults.ts';
import type { SimExchange } from './sim-exchange.ts';
import type { SimSocket } from './sim-socket.ts';

/** Bytes a slow reader may leave in a socket's buffer before frames are lost: never, in practice. */
const BACKPRESSURE_LIMIT = 1024 ** 3;

/**
 * A listener on loopback for some exchanges, each below its own prefix (`/upbit/…`), WebSocket and REST alike. It can
 * be shut, so that connections are refused, and opened again on the same port.
 */
export class Door {
  readonly port: number;
  /** By exchange id. */
  readonly restFaults = new Map<string, RestFault>();
  readonly #servers: Server<SimSocket>[] = [];
  #open: Server<SimSocket> | null = null;

  constructor(
    readonly exchanges: ReadonlyMap<string, SimExchange>,
    port = 0,
  ) {
    this.#open = this.#listen(port);
    this.port = this.#open.port ?? 0;
  }

  /** New connections are refused; open sockets stay. */
  shut(): void {
    // Its promise settles only when the last open socket is gone.
    void this.#open?.stop(false);
    this.#open = null;
  }

  reopen(): void {
    this.#open ??= this.#listen(this.port);
  }

  async stop(): Promise<void> {
    this.#open = null;
    for (const server of this.#servers) await server.stop(true);
  }

  #listen(port: number): Server<SimSocket> {
    const server = Bun.serve<SimSocket>({
      hostname: '127.0.0.1',
      port,
      idleTimeout: 0,
      fetch: (request, self) => this.#request(request, self),
      websocket: {
        idleTimeout: 0,
        sendPings: false,
        backpressureLimit: BACKPRESSURE_LIMIT,
        maxPayloadLength: 64 * 1024 * 1024,
        open: (ws) => ws.data.opened(ws),
        message: (ws, message) => ws.data.text(typeof message === 'string' ? message : message.toString()),
        ping: (ws) => ws.data.pinged(),
        pong: (ws) => ws.data.ponged(),
        close: (ws, code) => ws.data.closed(code),
      },
    });
    this.#servers.push(server);
    return server;
  }

  #request(request: Request, server: Server<SimSocket>): Response | Promise<Response> | undefined {
    const url = new URL(request.url);
    const [, id = '', path = ''] = /^\/([^/]+)(\/.*)?$/.exec(url.pathname) ?? [];
    const exchange = this.exchanges.get(id);
    if (!exchange) return new Response('no such exchange', { status: 404 });
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') {
      const address = server.requestIP(request)?.address ?? '';
      return answer(exchange, path, request, address, this.restFaults.get(id) ?? null);
    }
    // An address without a path of its own may come with or without the slash.
    const known = exchange.protocol.upgrades(path) || exchange.protocol.upgrades(path || '/');
    if (!known) return new Response('no such endpoint', { status: 404 });
    const address = server.requestIP(request)?.address ?? '';
    const verdict = exchange.gate.ask(address);
    if (verdict.let === 'out') return verdict.response;
    if (verdict.let === 'wait') return new Promise(() => {});
    const socket = exchange.connect(address, path, url.searchParams);
    if (!server.upgrade(request, { data: socket })) {
      exchange.gone(socket);
      return new Response('not a WebSocket upgrade', { status: 400 });
    }
    const { thenEnd } = verdict;
    if (thenEnd) setTimeout(() => socket.end(thenEnd), 0);
    return undefined;
  }
}
