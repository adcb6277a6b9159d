import { scratchDir } from './scratch.ts';
import { Server, startOnPort } from './server.ts';
import { exchange } from './tcp.ts';

export interface RedisOptions {
  port?: number;
  dataDir?: string;
  password?: string;
  /** Further arguments of redis-server, e.g. `['--maxmemory', '1mb']`. */
  args?: string[];
}

export type RedisServer = Server & { url: string; port: number };

/** Starts a Redis of the caller's own, which keeps its data over `kill9` and `restart` (append-only file). */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  if (!Bun.which('redis-server'))
    throw new Error('redis-server is missing: run `bun test/services/install.ts`');
  return startOnPort(options.port, (port) => redisOn(port, options));
}

function redisOn(port: number, options: RedisOptions): RedisServer {
  const argv = ['redis-server', '--bind', '127.0.0.1', '--port', String(port), '--save', ''];
  argv.push('--appendonly', 'yes', '--appendfsync', 'always');
  if (options.password !== undefined) argv.push('--requirepass', options.password);
  argv.push(...(options.args ?? []));
  const server = new Server({
    name: 'redis',
    port,
    argv,
    dir: options.dataDir ?? scratchDir('redis'),
    ready: async () => {
      const answer = (
        await exchange(port, Buffer.from('PING\r\n'), (got) => got.includes('\r\n'))
      )?.toString();
      return answer !== undefined && (answer.startsWith('+PONG') || answer.startsWith('-NOAUTH'));
    },
  });
  const login = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`;
  return Object.assign(server, { url: `redis://${login}127.0.0.1:${port}`, port });
}
