import type { Socket, TCPSocketListener } from 'bun';
import type { SimExchange } from '../sim-exchange.ts';
import { FloodSocket } from './flood-socket.ts';

/** A listener that floods: whoever subscribes gets frames as fast as the connection takes them. WebSocket only. */
export class FloodDoor {
  readonly port: number;
  readonly #listener: TCPSocketListener<FloodSocket>;

  /** @param rowsPerSocket after about so many rows a socket falls silent */
  constructor(
    readonly exchanges: ReadonlyMap<string, SimExchange>,
    rowsPerSocket = Number.POSITIVE_INFINITY,
  ) {
    this.#listener = Bun.listen<FloodSocket>({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        open: (tcp: Socket<FloodSocket>) => {
          tcp.data = new FloodSocket(tcp, exchanges, rowsPerSocket);
        },
        data: (tcp, chunk) => tcp.data.received(chunk),
        drain: (tcp) => tcp.data.pump(),
        close: (tcp) => tcp.data.closed(),
      },
    });
    this.port = this.#listener.port;
  }

  stop(): void {
    this.#listener.stop(true);
  }
}
