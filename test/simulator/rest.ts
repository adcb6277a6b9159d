import type { SimExchange } from './sim-exchange.ts';

/** How an exchange's REST service misbehaves. */
export interface RestFault {
  /** Answered with this status. */
  readonly status?: number | undefined;
  /** Body of the answer, else that of the exchange. */
  readonly body?: string | undefined;
  /** Answered so much later. */
  readonly slowMs?: number | undefined;
  readonly untilMs: number;
}

/** Answers one REST request; `path` is without the simulator's prefix. */
export async function answer(
  exchange: SimExchange,
  path: string,
  query: URLSearchParams,
  fault: RestFault | null,
): Promise<Response> {
  const active = fault && performance.now() < fault.untilMs ? fault : null;
  if (active?.slowMs) await Bun.sleep(active.slowMs);
  const body = exchange.protocol.rest(path, query, exchange.listings);
  const status = active?.status ?? (body === undefined ? 404 : 200);
  exchange.ledger.note(exchange.protocol.id, null, { what: 'rest', path: `${path}?${query}`, status });
  return new Response(active?.body ?? JSON.stringify(body ?? { error: 'not found' }), {
    status,
    headers: { 'content-type': 'application/json' },
  });
}
