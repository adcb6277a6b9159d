import type { Heartbeat } from '../exchange.ts';

/** What a client sends to stay connected: a protocol ping or a text. */
export type Beat = 'ping' | { readonly text: string };

/**
 * One socket's signs of life. Any frame counts, protocol pings and pongs too; data is the watchdog's matter.
 * Where the plug-in names nothing to send, the server pings. Either way a socket silent for half of `deadAfterMs` is
 * asked for an answer before it is given up: a beat may be due less often than that.
 */
export class Pulse {
  readonly #rule: Heartbeat;
  #lastFrameMs: number;
  #lastBeatMs: number;
  #heard = false;

  constructor(rule: Heartbeat, nowMs: number) {
    this.#rule = rule;
    this.#lastFrameMs = nowMs;
    this.#lastBeatMs = nowMs;
  }

  /** A frame arrived. Takes no time of its own: it counts from the next `check` on. */
  hear(): void {
    this.#heard = true;
  }

  /** The socket was not read for a while: silence counts from now on. */
  restart(nowMs: number): void {
    this.#lastFrameMs = nowMs;
  }

  /** To be called about once a second: whether the socket is dead, else what is to be sent now. */
  check(nowMs: number): 'dead' | { readonly beat: Beat | null } {
    if (this.#heard) {
      this.#heard = false;
      this.#lastFrameMs = nowMs;
    }
    const silentMs = nowMs - this.#lastFrameMs;
    const { send, everyMs, deadAfterMs } = this.#rule;
    if (silentMs > deadAfterMs) return 'dead';
    const sinceBeatMs = nowMs - this.#lastBeatMs;
    const regular = send !== undefined && sinceBeatMs >= (everyMs ?? deadAfterMs / 2);
    const question = Math.min(silentMs, sinceBeatMs) >= deadAfterMs / 2;
    if (!regular && !question) return { beat: null };
    this.#lastBeatMs = nowMs;
    return { beat: send ?? 'ping' };
  }
}
