import { timingSafeEqual } from 'node:crypto';

const COOKIE = 'kcs_token';

/** Null where the request may pass, else what it gets instead. */
export type Access = (request: Request, url: URL) => Response | null;

/**
 * The token comes as `Authorization: Bearer`, as the cookie, or once as `?token=`, which becomes the cookie so that
 * it does not stay in the address.
 * @param token null lets everybody pass
 */
export function openAccess(token: string | null): Access {
  if (token === null) return () => null;
  const wanted = digest(token);
  const right = (given: string | null): boolean => given !== null && timingSafeEqual(digest(given), wanted);
  return (request, url) => {
    const asked = url.searchParams.get('token');
    if (right(asked)) return remember(url, asked ?? '');
    const bearer = /^bearer (.*)$/i.exec(request.headers.get('authorization') ?? '')?.[1] ?? null;
    if (right(bearer)) return null;
    return right(cookieOf(request)) ? null : refusal(asked !== null);
  };
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
