import { connect, createServer, type Server, type Socket } from 'node:net';

const REQUEST_MAX = 8192;
const tunnels = new Map<string, Promise<string>>();

/**
 * Bun's WebSocket cannot choose the address it connects from. A proxy inside this process can: it listens on loopback,
 * understands `CONNECT` alone and opens every connection from `localAddress`. One per address, made on first use.
 * @returns the proxy's URL, with a secret that keeps other users of the machine out
 */
export function tunnel(localAddress: string): Promise<string> {
  const known = tunnels.get(localAddress);
  if (known) return known;
  const made = open(localAddress);
  tunnels.set(localAddress, made);
  made.catch(() => tunnels.delete(localAddress));
  return made;
}

function open(localAddress: string): Promise<string> {
  const secret = crypto.randomUUID();
  const expected = `basic ${btoa(`kcs:${secret}`)}`.toLowerCase();
  const server = createServer((client) => serve(client, localAddress, expected));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      // It must not keep the process alive.
      server.unref();
      resolve(`http://kcs:${secret}@127.0.0.1:${portOf(server)}`);
    });
  });
}

function serve(client: Socket, localAddress: string, expected: string): void {
  let head = '';
  client.on('error', () => client.destroy());
  const read = (chunk: Buffer) => {
    head += chunk.toString('latin1');
    if (head.length > REQUEST_MAX) return void client.destroy();
    if (!head.includes('\r\n\r\n')) return;
    client.off('data', read);
    client.pause();
    const target = /^CONNECT \[?([^\s\]]+?)\]?:(\d+) HTTP\/1\.[01]\r\n/.exec(head);
    const authorized = head.toLowerCase().includes(`proxy-authorization: ${expected}`);
    if (!target || !authorized) return void client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    join(client, { host: target[1] ?? '', port: Number(target[2]), localAddress });
  };
  client.on('data', read);
}

function join(client: Socket, target: { host: string; port: number; localAddress: string }): void {
  const server = connect(target);
  server.once('connect', () => {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    server.pipe(client);
    client.pipe(server);
  });
  // Its code goes along: whether it is this machine's fault is for the other side of the tunnel to say.
  server.once('error', (error: NodeJS.ErrnoException) =>
    client.end(`HTTP/1.1 502 ${error.code ?? 'Bad Gateway'}\r\n\r\n`),
  );
  server.once('close', () => client.destroy());
  client.once('close', () => server.destroy());
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
