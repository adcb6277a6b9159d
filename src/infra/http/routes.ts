import type { Feed } from './events.ts';
import { readiness, warnings } from './health.ts';
import type { Observed } from './observed.ts';
import { PAGE } from './page/page.ts';
import { prometheus } from './prometheus.ts';
import { type Route, text } from './server.ts';
import { status, streamStatus } from './status.ts';

/**
 * What the collector answers over HTTP. Health is open to whoever reaches it, metrics to machines that ask by address or
 * under a name of ours; the rest asks for the token as well.
 */
export function routes(observed: Observed, feed: Feed): Record<string, Route> {
  return {
    '/': guarded(() => new Response(PAGE, { headers: PAGE_HEADERS })),
    '/events': guarded(() => feed.open()),
    '/healthz': open(() => Response.json({ alive: true, uptime_s: Math.round(process.uptime()) })),
    '/readyz': open(() => {
      const { ready, reasons } = readiness(observed);
      const body = { ready, reasons, warnings: warnings(observed) };
      return Response.json(body, { status: ready ? 200 : 503 });
    }),
    '/metrics': {
      guard: 'own_name',
      handle: () => {
        const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };
        return new Response(prometheus(observed), { headers });
      },
    },
    '/status': guarded(() => Response.json(status(observed))),
    '/status/*': guarded((_request, { pathname }) => {
      const [, , exchange, type] = pathname.split('/');
      const stream = observed.orchestrator
        .streams()
        .find(({ target }) => target.exchange === exchange && target.request_type === type);
      return stream ? Response.json(streamStatus(observed, stream)) : text(404, 'No such stream runs here.');
    }),
  };
}

const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  // All that the page is made of is in the page.
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

function open(handle: Route['handle']): Route {
  return { guard: 'none', handle };
}

function guarded(handle: Route['handle']): Route {
  return { guard: 'token', handle };
}
