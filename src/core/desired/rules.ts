import type { Region, RequestType } from '../market/market.ts';

/** What a plug-in and the settings say about one stream; a command is held against it. */
export interface StreamRules {
  readonly exchange: string;
  /** False where the settings switch the exchange off. */
  readonly enabled: boolean;
  readonly region: Region;
  readonly types: readonly RequestType[];
  readonly codesPerSocket: number;
  /** Sockets that this stream may have, those of the exchange's other streams taken off; null: no limit. */
  readonly sockets: number | null;
  readonly addresses: AddressRules;
}

export interface AddressRules {
  /** Address of the plug-in for the stream's type. */
  readonly endpoint: string;
  /** Hosts that the plug-in names. */
  readonly hosts: readonly string[];
  /** Hosts that the settings allow, `host` or `host:port`. */
  readonly allowed: readonly string[];
  /** Address that the settings put in place of the plug-in's; null: none. */
  readonly replaced: string | null;
}

/** Codes that a stream may have; null: no limit. */
export function maxCodes({ sockets, codesPerSocket }: StreamRules): number | null {
  return sockets === null ? null : Math.max(0, sockets) * codesPerSocket;
}

export type OriginAnswer =
  | { readonly allowed: true; readonly origin: string | null }
  | { readonly allowed: false };

/**
 * What a command's `connection.url` comes to: scheme, host and port to use in place of the plug-in's, null where
 * they are the ones that are used anyway. An address that the settings put in place of the exchange's stands for
 * all of its hosts, so that a command cannot lead past a proxy. At a host that the settings allow, a path before the
 * plug-in's own counts too.
 */
export function originOf(url: string, { endpoint, hosts, allowed, replaced }: AddressRules): OriginAnswer {
  const asked = parse(url);
  if (!asked) return { allowed: false };
  if (asked.username !== '' || asked.password !== '') return { allowed: false };
  const origin = `${asked.protocol}//${asked.host}`;
  if (allowed.some((host) => host === asked.hostname || host === asked.host))
    return { allowed: true, origin: origin + prefixOf(asked, endpoint) };
  if (replaced !== null && parse(replaced)?.host === asked.host) return { allowed: true, origin: null };
  const own = parse(endpoint);
  const named = own?.hostname === asked.hostname || hosts.includes(asked.hostname);
  if (!named || asked.protocol !== 'wss:') return { allowed: false };
  return { allowed: true, origin: replaced !== null || own?.host === asked.host ? null : origin };
}

/** The path before the plug-in's own, as an address of the settings may have one too. */
function prefixOf({ pathname }: URL, endpoint: string): string {
  const own = parse(endpoint)?.pathname ?? '/';
  const prefix = own !== '/' && pathname.endsWith(own) ? pathname.slice(0, -own.length) : pathname;
  return prefix.replace(/\/+$/, '');
}

function parse(url: string): URL | null {
  try {
    const parsed = new URL(url);
    return parsed.protocol === 'ws:' || parsed.protocol === 'wss:' ? parsed : null;
  } catch {
    return null;
  }
}
