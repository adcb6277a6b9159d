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

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
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
  const { status: own, body, headers } = exchange.weights.spend(path, query) ?? plain(exchange, path, query);
  const status = active?.status ?? own;
  exchange.ledger.note(exchange.protocol.id, null, { what: 'rest', path: `${path}?${query}`, status });
  return new Response(active?.body ?? JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...exchange.weights.used(), ...headers },
  });
}

function plain(exchange: SimExchange, path: string, query: URLSearchParams): Answer {
  const asked = exchange.protocol.books?.rest?.(path, query);
  if (asked) {
    const { books } = exchange;
    if (books.refusals > 0) {
      books.refusals--;
      return {
        status: 429,
        body: { code: -1003, msg: 'Too many requests.' },
        headers: { 'Retry-After': '1' },
      };
    }
    const { symbol, channel, depth } = asked;
    if (!exchange.lists(symbol)) return asked.unknown;
    return { status: 200, body: asked.answer(books.asked(symbol, channel, depth, true)) };
  }
  const body = exchange.protocol.rest(path, query, exchange.listings);
  return body === undefined ? { status: 404, body: { error: 'not found' } } : { status: 200, body };
}
