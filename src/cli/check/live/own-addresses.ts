import { exchangeSettings, type Settings } from '../../../config/settings.ts';

/** What stands in a report in place of an address that settings give. */
const HIDDEN = 'own-address';

/** Hosts, with their ports, that settings and environment lead to: a report shows none of them. */
export function ownHosts(
  settings: Settings,
  ids: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const proxies = ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy'].map((name) => environment[name]);
  const own = ids.flatMap((id) => {
    const { url, rest_url, proxy } = exchangeSettings(settings, id);
    return [url, rest_url, proxy];
  });
  const hosts = [...own, ...proxies].flatMap((address) => {
    const parsed = address ? URL.parse(address) : null;
    // What was left of a password by masking goes with the host.
    return parsed?.host ? [parsed.host] : [];
  });
  return [...new Set(hosts)].sort((a, b) => b.length - a.length);
}

/** The text without these hosts and what stands before them in an address. */
export function withoutHosts(text: string, hosts: readonly string[]): string {
  return hosts.reduce(
    (left, host) => left.replaceAll(new RegExp(`([^\\s/@'"]*@)?${escaped(host)}(?![\\w.])`, 'g'), HIDDEN),
    text,
  );
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
