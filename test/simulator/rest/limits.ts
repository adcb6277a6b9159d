import type { Ledger } from '../ledger.ts';
import type { RestAnswer, RestLimit, RestLimits, RestRequest } from './service.ts';

/** What arrives bunched on the way must not look like a burst of the client. */
const SLACK_MS = 30;

interface Hit {
  readonly at: number;
  readonly weight: number;
}

/** What one address used of one limit. */
class Use {
  readonly #hits: Hit[] = [];

  constructor(readonly limit: RestLimit) {}

  /** Counts a request. @returns all that counts now, and when the first of it no longer does */
  add(now: number, weight: number, lagMs: number): { used: number; freeAt: number } {
    const { aligned, perMs } = this.limit;
    const since = aligned ? Math.floor(now / perMs) * perMs : now - perMs + SLACK_MS + lagMs + 1;
    while (this.#hits[0] && this.#hits[0].at < since) this.#hits.shift();
    this.#hits.push({ at: now, weight });
    const used = this.#hits.reduce((sum, hit) => sum + hit.weight, 0);
    const freeAt = aligned ? since + perMs : (this.#hits[0]?.at ?? now) + perMs;
    return { used, freeAt };
  }
}

interface Client {
  readonly uses: readonly Use[];
  /** Since the last answer. */
  refusals: number;
  blocks: number;
  blockedUntil: number;
}

/** Enforces what an exchange publishes of its REST limits, by source address, and records each breach. */
export class LimitKeeper {
  readonly #clients = new Map<string, Client>();

  constructor(
    readonly exchange: string,
    readonly limits: RestLimits | undefined,
    readonly ledger: Ledger,
    readonly lagMs: () => number,
  ) {}

  /** Counts a request. @returns the refusal, or the headers of its answer */
  spend(request: RestRequest): { refusal: RestAnswer } | { headers: Record<string, string> } {
    const { limits } = this;
    if (!limits) return { headers: {} };
    const { now } = request;
    const client = this.#client(request.address, limits);
    if (now < client.blockedUntil && limits.block) {
      this.#violation('asked while shut out');
      return { refusal: limits.block.answer(client.blockedUntil - now) };
    }
    const weight = limits.weight?.(request) ?? 1;
    const counted = client.uses
      .filter(({ limit }) => limit.of?.(request) ?? true)
      .map((use) => ({ limit: use.limit, ...use.add(now, weight, this.lagMs()) }));
    const [first] = counted;
    const headers = first ? (limits.headers?.(first.used, first.limit) ?? {}) : {};
    const broken = counted.find(({ used, limit }) => used > limit.count);
    if (!broken) {
      client.refusals = 0;
      return { headers };
    }
    const detail = `${broken.used} of ${broken.limit.count} in ${broken.limit.perMs} ms`;
    this.#violation(detail);
    this.#refused(client, limits, now);
    const refusal = limits.refusal(broken.freeAt - now, detail);
    return { refusal: { ...refusal, headers: { ...headers, ...refusal.headers } } };
  }

  /** The exchange's own words for a refusal or a ban that a test asks for. */
  said(status: number, waitMs: number): RestAnswer | null {
    const { block, refusal } = this.limits ?? {};
    const answers = [refusal?.(waitMs, 'too many requests'), block?.answer(waitMs)];
    return answers.find((answer) => answer && (answer.status ?? 200) === status) ?? null;
  }

  #refused(client: Client, { block }: RestLimits, now: number): void {
    client.refusals++;
    if (!block || client.refusals < block.after) return;
    client.blockedUntil = now + Math.min(block.mostMs, block.forMs * block.growth ** client.blocks);
    client.blocks++;
    client.refusals = 0;
  }

  #client(address: string, limits: RestLimits): Client {
    const known = this.#clients.get(address);
    if (known) return known;
    const uses = limits.each.map((limit) => new Use(limit));
    const client: Client = { uses, refusals: 0, blocks: 0, blockedUntil: 0 };
    this.#clients.set(address, client);
    return client;
  }

  #violation(detail: string): void {
    const limit = this.limits?.weight ? 'REST weight' : 'REST requests';
    this.ledger.note(this.exchange, null, { what: 'violation', limit, detail });
  }
}
