import { events } from '../../src/infra/http/events.ts';
import type { Observed } from '../../src/infra/http/observed.ts';
import { routes } from '../../src/infra/http/routes.ts';
import { type HttpServer, startHttp } from '../../src/infra/http/server.ts';
import { observed } from './observed.ts';

const servers: HttpServer[] = [];

/** Ends all servers that a test has started. */
export async function stopServers(): Promise<void> {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
}

/** Is ended with the others. */
export function adopt(server: HttpServer): HttpServer {
  servers.push(server);
  return server;
}

/** Every page of the program, over what is observed here. */
export async function serve(seen: Observed = observed(), token: string | null = null): Promise<HttpServer> {
  const all = routes(seen, events(seen));
  return adopt(await startHttp({ host: '127.0.0.1', port: 0, token, routes: all, onError: () => {} }));
}

export const get = (server: HttpServer, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${server.address}${path}`, { redirect: 'manual', ...init });
