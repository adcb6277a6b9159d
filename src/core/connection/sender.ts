import type { Cancel, Clock } from '../../common/clock.ts';
import type { Rate } from '../exchange.ts';
import type { Socket } from '../ports.ts';
import type { Beat } from './heartbeat.ts';
import { RateBudget } from './rate-budget.ts';
import { SendQueue } from './send-queue.ts';

export interface SenderParts {
  readonly clock: Clock;
  readonly rates: readonly Rate[];
  /** Null while nothing may be sent. */
  socket(): Pick<Socket, 'send' | 'ping'> | null;
  /** Whether `frames` has something. */
  pending(): boolean;
  /** The next subscription frames; they count as sent. */
  frames(nowMs: number): string[];
  /** Called for each answer that is dropped. */
  onDrop(): void;
}

/** Sends over one socket as fast as the exchange allows: answers and heartbeats first, no two of them before a subscription. */
export class Sender {
  readonly #parts: SenderParts;
  readonly #budget: RateBudget;
  readonly #urgent: SendQueue;
  #frames: string[] = [];
  /** The last one sent was urgent: a subscription that waits is next. */
  #yields = false;
  #cancel: Cancel = () => {};

  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.#budget = new RateBudget(parts.rates, { reserve: 1 });
    this.#urgent = new SendQueue(() => parts.onDrop());
  }

  /** Something to be sent at once; `instead` as in the event `send`. */
  answer(text: string, instead?: string): void {
    this.#urgent.push(text, instead);
  }

  beat(beat: Beat): void {
    this.#urgent.beat(beat);
  }

  /** Sends what is due, now and as soon as the limits allow. */
  pump(): void {
    this.#cancel();
    for (let socket = this.#parts.socket(); socket && this.#hasWork(); socket = this.#parts.socket()) {
      const nowMs = this.#parts.clock.now();
      const wait = this.#budget.delay(nowMs);
      if (wait > 0) {
        this.#cancel = this.#parts.clock.after(wait, () => this.pump());
        return;
      }
      const next = this.#next(nowMs);
      if (next === undefined) continue;
      this.#budget.take(nowMs);
      if (next === 'ping') socket.ping();
      else socket.send(next.text);
    }
  }

  stop(): void {
    this.#cancel();
  }

  #hasWork(): boolean {
    return this.#urgent.length > 0 || this.#frames.length > 0 || this.#parts.pending();
  }

  #next(nowMs: number): Beat | undefined {
    const turn = this.#yields ? this.#frame(nowMs) : undefined;
    const urgent = turn === undefined ? this.#urgent.shift() : undefined;
    this.#yields = urgent !== undefined;
    return turn ?? urgent ?? this.#frame(nowMs);
  }

  #frame(nowMs: number): Beat | undefined {
    if (this.#frames.length === 0) this.#frames = this.#parts.frames(nowMs);
    const text = this.#frames.shift();
    return text === undefined ? undefined : { text };
  }
}
