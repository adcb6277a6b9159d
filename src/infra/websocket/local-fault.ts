/**
 * What of this machine keeps a socket from being opened, by the system's codes: the exchange was never reached, so it is
 * not charged with it.
 */
const WORDS: Readonly<Record<string, string>> = {
  EMFILE: 'the process has as many files open as it may (ulimit -n)',
  ENFILE: 'the machine has as many files open as it can',
  ENOBUFS: 'the system has no memory left for sockets',
  ENOMEM: 'the system has no memory left for sockets',
  EADDRNOTAVAIL: 'the source address is not of this machine, or has no free port left',
  EADDRINUSE: 'the source address has no free port left',
  ENETUNREACH: 'there is no network, or no route to the host',
  ENETDOWN: 'the network is down',
  EHOSTUNREACH: 'there is no route to the host',
  EACCES: 'a rule of this machine forbids the connection',
  EPERM: 'a rule of this machine forbids the connection',
  ENOTFOUND: 'the name of the host cannot be resolved',
  ESERVFAIL: 'the name of the host cannot be resolved',
  ETIMEOUT: 'the name of the host cannot be resolved in time',
};

/** Codes of the resolver alone begin so. */
const RESOLVER = /^(EAI|DNS)_/;
/** How our own tunnel from a source address says why it could not connect. */
const TUNNEL = /Proxy connection failed: 502 (E[A-Z_]+)/;

export interface FailedOpen {
  /** The system's code; null where there is none. */
  readonly code: string | null;
  readonly message: string;
  /** Whether it is the tunnel from a source address that was connected to, or a proxy of the operator. */
  readonly by: 'tunnel' | 'proxy' | null;
}

/** In words what of this machine, or of the proxy that it was given, is in the way; null where it is the exchange or unknown. */
export function localFault({ code, message, by }: FailedOpen): string | null {
  const own = by === 'tunnel' ? (TUNNEL.exec(message)?.[1] ?? code) : code;
  if (own === null) return null;
  if (WORDS[own]) return `${WORDS[own]}: ${own}`;
  if (RESOLVER.test(own)) return `the name of the host cannot be resolved: ${own}`;
  // Through a proxy it is the proxy that is connected to.
  return by === 'proxy' && own !== 'EPROTO' ? `the proxy cannot be reached: ${own}` : null;
}
