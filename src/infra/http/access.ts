import { timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';

const COOKIE = 'kcs_token';

/** What a route asks of whoever wants it: the token; a name of ours; nothing. */
export type Guard = 'token' | 'own_name' | 'none';

/** Null where the request may pass, else what it gets instead. */
export type Access = (request: Request, url: URL, guard: Guard) => Response | null;

/**
 * The token comes as `Authorization: Bearer`, as the cookie, or once as `?token=`, which becomes the cookie so that
 * it does not stay in the address. Whoever has it may come under any name; all others must have asked for one of ours,
 * or a page of somebody else's could have its own name point here and read along.
 * @param token null: none is asked for
 * @param names host names that are ours, beside this machine's
 */
export function openAccess(token: string | null, names: readonly string[]): Access {
  const wanted = token === null ? null : digest(token);
  const right = (given: string | null): boolean =>
    given !== null && wanted !== null && timingSafeEqual(digest(given), wanted);
  const own = new Set([...names, hostname(), 'localhost'].map(plainName));
  return (request, url, guard) => {
    if (guard === 'none') return null;
    const asked = url.searchParams.get('token');
    if (guard === 'token' && right(asked)) return remember(url, asked ?? '');
    if (right(bearerOf(request)) || right(cookieOf(request))) return null;
    if (!isOwn(url.hostname, own)) return misdirected(url.hostname);
    return guard === 'token' && wanted !== null ? refusal(asked !== null) : null;
  };
}

/**
 * Whether nobody else can have this name. An address is no name; names without a dot, as containers and hosts file have
 * them, nobody can register.
 */
function isOwn(host: string, own: ReadonlySet<string>): boolean {
  const name = plainName(host);
  return own.has(name) || isIP(name) !== 0 || !name.includes('.') || name.endsWith('.localhost');
}

/** In lower case, without the brackets of IPv6 and the dot at the end. */
function plainName(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

function misdirected(host: string): Response {
  return new Response(`${host} is no name of this server: http.allowed_hosts names those it has.\n`, {
    status: 421,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
  });
}

function bearerOf(request: Request): string | null {
  return /^bearer (.*)$/i.exec(request.headers.get('authorization') ?? '')?.[1] ?? null;
}

/** Of equal length whatever was given, so that the comparison tells nothing. */
function digest(text: string): Uint8Array {
  return new Bun.CryptoHasher('sha256').update(text).digest();
}

function cookieOf(request: Request): string | null {
  const found = (request.headers.get('cookie') ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${COOKIE}=`));
  try {
    return found ? decodeURIComponent(found.slice(COOKIE.length + 1)) : null;
  } catch {
    return null;
  }
}

function remember(url: URL, token: string): Response {
  const target = new URL(url);
  target.searchParams.delete('token');
  const cookie = `${COOKIE}=${encodeURIComponent(token)}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000`;
  return new Response(null, {
    status: 302,
    headers: { location: `${target.pathname}${target.search}`, 'set-cookie': cookie },
  });
}

const FORM = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>kor-coin-stream</title>
<style>body{font:16px system-ui;display:grid;place-items:center;min-height:90vh}form{display:grid;gap:.75rem;width:18rem}
input,button{font:inherit;padding:.6rem .8rem;border-radius:.5rem;border:1px solid #8886}</style>
<form><label for="token">Token · 토큰</label><input id="token" name="token" type="password" autocomplete="current-password" autofocus>
<button>Open · 열기</button>WRONG</form>`;

function refusal(wrong: boolean): Response {
  const note = wrong ? '<p role="alert">That is not the token. · 토큰이 맞지 않습니다.</p>' : '';
  return new Response(FORM.replace('WRONG', note), {
    status: 401,
    headers: { 'content-type': 'text/html; charset=utf-8', 'www-authenticate': 'Bearer' },
  });
}
