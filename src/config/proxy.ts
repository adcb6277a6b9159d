import type { Environment } from './environment.ts';

const LOOPBACK = /^(localhost|127\.[\d.]+|\[::1\])$/;

/**
 * The proxy that the environment names for an address: HTTPS_PROXY for wss and https, HTTP_PROXY for ws and http, in
 * either case of letters; null where NO_PROXY excepts its host, or where it is this machine.
 * NO_PROXY is a list of hosts, each with the hosts below it, with or without a port; `*` excepts all.
 */
export function proxyOf(address: string, environment: Environment): string | null {
  const { protocol, hostname, port } = new URL(address);
  if (LOOPBACK.test(hostname)) return null;
  const secure = protocol === 'wss:' || protocol === 'https:';
  const proxy = read(environment, secure ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  if (proxy === null) return null;
  const own = port || (secure ? '443' : '80');
  for (const exception of (read(environment, 'NO_PROXY') ?? '')
    .split(',')
    .map((part) => part.trim().toLowerCase())) {
    const [, host = '', only] = exception.match(/^\.?(.*?)(?::(\d+))?$/) ?? [];
    if (host === '' || (only !== undefined && only !== own)) continue;
    if (host === '*' || hostname === host || hostname.endsWith(`.${host}`)) return null;
  }
  return /^[a-z]+:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}

function read(environment: Environment, name: string): string | null {
  return environment[name] || environment[name.toLowerCase()] || null;
}
