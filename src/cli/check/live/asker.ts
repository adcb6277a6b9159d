import type { Clock } from '../../../common/clock.ts';
import { messageOf } from '../../../common/errors.ts';
import { readPem } from '../../../config/pem.ts';
import type { Rest } from '../../../config/rest.ts';
import { exchangeSettings, type Settings } from '../../../config/settings.ts';
import { rewriteAddress } from '../../../core/address.ts';
import { boundedBan } from '../../../core/connection/ban-time.ts';
import { apart } from '../../../core/live-check/clock-apart.ts';
import type { ExchangeWatch } from '../../../core/live-check/exchange-watch.ts';
import type { Micros } from '../../../core/market/market.ts';
import { type Answer, ask } from '../../../infra/rest/ask.ts';
import { retryAfter } from '../../../infra/websocket/refusal.ts';

const MAX_BYTES = 16 * 1024 * 1024;
/** Statuses by which an exchange asks for less, and for how long where the answer does not say, in ms. */
const SLOWER: Readonly<Record<number, number>> = { 403: 300_000, 418: 300_000, 429: 10_000 };
/** Answers that are kept of each exchange, and the longest of them. */
const KEPT = 40;
const MOST_CHARACTERS = 200_000;

/** An answer of REST with HTTP 200, as the report shows it. */
export interface RestReply {
  /** As the plug-in has it: not where settings lead it. */
  readonly url: string;
  readonly asked: Micros;
  readonly answered: Micros;
  readonly text: string;
}

/** Asks one exchange's REST interface, within its limits and until the time is up. */
export class Asker {
  /** The latest answers. */
  readonly replies: RestReply[] = [];
  readonly #watch: ExchangeWatch;
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #rest: Rest;
  readonly #over: Promise<unknown>;

  /** @param over resolves when nothing more is to be asked */
  constructor(watch: ExchangeWatch, settings: Settings, clock: Clock, rest: Rest, over: Promise<unknown>) {
    this.#watch = watch;
    this.#settings = settings;
    this.#clock = clock;
    this.#rest = rest;
    this.#over = over;
  }

  /** Null where its turn did not come in time, or no answer with HTTP 200 did, which the watch is told. */
  async get(url: string, weight = 1): Promise<RestReply | null> {
    const { exchange } = this.#watch;
    const turn = this.#rest.turn(exchange, 'backfill', weight).then(() => true);
    if (!(await Promise.race([turn, this.#over.then(() => false)]))) {
      this.#watch.notes.add('its limits left no time for everything that was to be asked over REST');
      return null;
    }
    try {
      const asked = this.#clock.micros();
      const answer = await this.#ask(url);
      if (answer.status !== 200) return this.#refused(url, answer);
      return this.#keep(url, asked, answer);
    } catch (error) {
      this.#watch.restFailed(`${url} ${messageOf(error)}`);
      return null;
    }
  }

  #ask(url: string): Promise<Answer> {
    const { id } = this.#watch.exchange;
    const { rest_url, proxy, ca_file } = exchangeSettings(this.#settings, id);
    return ask(rewriteAddress(url, rest_url), {
      clock: this.#clock,
      timeoutMs: this.#settings.markets.timeout_ms,
      maxBytes: MAX_BYTES,
      headers: { accept: 'application/json' },
      proxy,
      ca: readPem(`exchanges.${id}.ca_file`, ca_file),
    });
  }

  #keep(url: string, asked: Micros, { headers, answeredAt, text }: Answer): RestReply {
    const reply = { url, asked, answered: answeredAt, text };
    if (text.length <= MOST_CHARACTERS) this.replies.push(reply);
    if (this.replies.length > KEPT) this.replies.shift();
    const date = Date.parse(headers.get('date') ?? '');
    // An answer out of a cache has the date of its first sending.
    if (!Number.isNaN(date) && Number(headers.get('age') ?? 0) === 0)
      this.#watch.clocks.push(apart(date * 1000, asked, answeredAt));
    return reply;
  }

  #refused(url: string, { status, headers, text }: Answer): null {
    const slower = SLOWER[status];
    if (slower === undefined) {
      this.#watch.restFailed(`${url} answered HTTP ${status}: ${text.slice(0, 200)}`);
      return null;
    }
    this.#watch.notes.add(`it answered HTTP ${status}: this address asks for more than it wants to see`);
    const after = retryAfter(headers.get('retry-after'), this.#clock.micros() / 1000);
    this.#rest.block(this.#watch.exchange, boundedBan(after ?? slower));
    return null;
  }
}
