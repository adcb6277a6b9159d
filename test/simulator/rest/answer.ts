import type { SimExchange } from '../sim-exchange.ts';
import { bodyOf, meets, type RestFault, spoiled } from './faults.ts';

/** Answers one REST request; `path` is without the simulator's prefix. */
export async function answer(
  exchange: SimExchange,
  path: string,
  request: Request,
  address: string,
  faulty: RestFault | null,
): Promise<Response> {
  const { searchParams: query } = new URL(request.url);
  const asked = `${path}?${query}`;
  const fault = meets(faulty, asked, performance.now());
  if (fault?.slowMs) await Bun.sleep(fault.slowMs);
  const header = (name: string) => request.headers.get(name);
  const own = exchange.desk.answer({ path, query, address, header, now: Date.now() });
  const waitMs = (fault?.retryAfterS ?? 1) * 1000;
  const said = fault?.status === undefined ? null : exchange.desk.limits.said(fault.status, waitMs);
  const { status = 200, body, headers } = fault ? spoiled(own, fault, said) : own;
  exchange.ledger.note(exchange.protocol.id, null, { what: 'rest', path: asked, status });
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return new Response(bodyOf(text, fault), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  });
}
