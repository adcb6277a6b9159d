import { Fault } from '../../common/errors.ts';
import { type Access, type Guard, openAccess } from './access.ts';

/** What answers one path. */
export interface Route {
  readonly guard: Guard;
  handle(request: Request, url: URL): Response | Promise<Response>;
}

export interface HttpOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** What guarded routes ask for; null: nothing. */
  readonly token: string | null;
  /** Names that it may be asked for under, beside addresses and this machine's own. */
  readonly allowedHosts?: readonly string[];
  /** By path; one that ends in `/*` answers everything below. */
  readonly routes: Readonly<Record<string, Route>>;
  /** Told of what a route threw; whoever asked gets a 500. */
  readonly onError: (error: Error) => void;
}

export interface HttpServer {
  /** `http://127.0.0.1:9464`. */
  readonly address: string;
  readonly port: number;
  /** Ends open connections, event streams too. */
  stop(): Promise<void>;
}

/** A stream of events is written to at least this often, in seconds; what is silent for longer is gone. */
const IDLE_S = 30;

/**
 * The HTTP server of the collector. It only ever reads: any method but GET and HEAD is refused.
 * @throws Fault port_in_use where the address cannot be listened on
 */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { host, port, token, allowedHosts = [], routes, onError } = options;
  const access = openAccess(token, [host, ...allowedHosts]);
  const answer = async (request: Request): Promise<Response> => {
    const response = await respond(request, routes, access);
    for (const [name, value] of Object.entries(HEADERS)) {
      if (!response.headers.has(name)) response.headers.set(name, value);
    }
    return response;
  };
  const server = listen(host, port, answer, onError);
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    address: `http://${shown}:${server.port}`,
    port: server.port ?? port,
    stop: () => server.stop(true),
  };
}

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
};

function listen(
  hostname: string,
  port: number,
  fetch: (request: Request) => Promise<Response>,
  onError: (error: Error) => void,
): ReturnType<typeof Bun.serve> {
  try {
    return Bun.serve({
      hostname,
      port,
      idleTimeout: IDLE_S,
      fetch,
      error(error) {
        onError(error);
        return text(500, 'internal error');
      },
    });
  } catch (error) {
    const taken = (error as { code?: string }).code === 'EADDRINUSE';
    throw new Fault(
      'port_in_use',
      `${hostname}:${port}`,
      taken ? 'The HTTP port is taken by another program.' : 'The HTTP server cannot listen there.',
      'Set HTTP_PORT (or HTTP_HOST) to a free one; 0 takes any.',
      error,
    );
  }
}

async function respond(request: Request, routes: HttpOptions['routes'], access: Access): Promise<Response> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return new Response('This server changes nothing: only GET and HEAD.\n', {
      status: 405,
      headers: { allow: 'GET, HEAD', 'content-type': 'text/plain; charset=utf-8' },
    });
  }
  // The host comes from the client and may be anything.
  const url = URL.parse(request.url);
  if (!url) return text(400, 'The address of the request cannot be read.');
  const route = find(routes, url.pathname);
  if (!route) return text(404, `There is nothing at ${url.pathname}.`);
  return access(request, url, route.guard) ?? route.handle(request, url);
}

function find(routes: HttpOptions['routes'], path: string): Route | undefined {
  if (path in routes) return routes[path];
  const below = Object.keys(routes).find((key) => key.endsWith('/*') && path.startsWith(key.slice(0, -1)));
  return below === undefined ? undefined : routes[below];
}

/** A short answer in plain text. */
export function text(status: number, body: string): Response {
  return new Response(`${body}\n`, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } });
}
