/** A proxy before a simulated exchange that changes what passes. */

export interface Bends {
  /** Text of a data or control frame → what is sent in its place; null: nothing. */
  readonly frame?: (text: string) => string | null;
  /** Body of an answer → what is answered in its place. @param path with its query */
  readonly body?: (path: string, text: string) => string;
  /** Added to the `Date` header of answers, ms. */
  readonly dateMs?: number;
}

export interface BentExchange {
  /** EXCHANGE_<ID>_URL and EXCHANGE_<ID>_REST_URL. */
  readonly env: Record<string, string>;
  /** What happens from now on. */
  bend(bends: Bends): void;
  stop(): Promise<void>;
}

interface Relay {
  readonly upstream: string;
  socket?: WebSocket;
  waiting: string[];
}

/** @param url address of the exchange's sockets; @param restUrl of its REST interface */
export function bentExchange(id: string, url: string, restUrl: string): BentExchange {
  let bends: Bends = {};
  const server = Bun.serve<Relay, never>({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request, self) {
      const { pathname, search } = new URL(request.url);
      const path = `${pathname}${search}`;
      if (request.headers.get('upgrade') === 'websocket') {
        const data: Relay = { upstream: `${url}${path}`, waiting: [] };
        return self.upgrade(request, { data }) ? undefined : new Response('no upgrade', { status: 400 });
      }
      const answer = await fetch(`${restUrl}${path}`);
      const text = await answer.text();
      const date = new Date(Date.now() + (bends.dateMs ?? 0)).toUTCString();
      return new Response(bends.body?.(path, text) ?? text, {
        status: answer.status,
        headers: { 'content-type': 'application/json', date },
      });
    },
    websocket: {
      open(own) {
        const upstream = new WebSocket(own.data.upstream);
        upstream.binaryType = 'arraybuffer';
        own.data.socket = upstream;
        upstream.onopen = () => {
          for (const text of own.data.waiting.splice(0)) upstream.send(text);
        };
        upstream.onmessage = ({ data }) => pass(data, (sent) => own.send(sent));
        upstream.onclose = () => own.close();
      },
      message(own, message) {
        const { socket, waiting } = own.data;
        if (socket?.readyState === WebSocket.OPEN) socket.send(message);
        else waiting.push(String(message));
      },
      close: (own) => own.data.socket?.close(),
    },
  });

  function pass(data: unknown, send: (data: string | Uint8Array) => void): void {
    const bytes = typeof data === 'string' ? null : new Uint8Array(data as ArrayBuffer);
    const text = bytes === null ? String(data) : new TextDecoder().decode(bytes);
    const bent = bends.frame ? bends.frame(text) : text;
    if (bent !== null) send(bytes === null ? bent : Buffer.from(bent));
  }

  const base = `127.0.0.1:${server.port}`;
  const name = `EXCHANGE_${id.toUpperCase()}`;
  return {
    env: { [`${name}_URL`]: `ws://${base}`, [`${name}_REST_URL`]: `http://${base}` },
    bend(next) {
      bends = next;
    },
    stop: () => server.stop(true),
  };
}
