/**
 * Puts another scheme, host and port in place of a plug-in's, for proxies and tests. A path in `replacement` becomes
 * a prefix, the plug-in's own path and query follow.
 * @param replacement an absolute URL; null keeps the address
 * @throws TypeError where it is no URL
 */
export function rewriteAddress(own: string, replacement: string | null): string {
  if (replacement === null) return own;
  const url = new URL(own);
  const other = new URL(replacement);
  const prefix = other.pathname.replace(/\/+$/, '');
  return `${other.protocol}//${other.host}${prefix}${url.pathname}${url.search}`;
}

/**
 * What the gate and the circuit breaker know an address by: its host with port and, where a replacement has a path, that
 * prefix too, since several exchanges may be reached through one proxy.
 */
export function guardOf(own: string, replacement: string | null): string {
  if (replacement === null) return new URL(own).host;
  const { host, pathname } = new URL(replacement);
  return `${host}${pathname.replace(/\/+$/, '')}`;
}
