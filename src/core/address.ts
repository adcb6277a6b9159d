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

/** The host of an address, without port; what limits, breakers and the guard of a command's url go by. */
export function hostOf(address: string): string {
  return new URL(address).hostname;
}
