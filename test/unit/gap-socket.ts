import type { Socket, SocketHandlers } from '../../src/core/ports.ts';
import type { GapModel, ModelMember } from './gap-model.ts';

/** What an exchange keeps of frames that nobody reads before it ends the socket. */
const KEPT_FRAMES = 9;
/** What the machines between it and the collector keep, before it has to leave out what comes: no less than a TCP window. */
const KEPT_BYTES = 65_536;
const LARGE = 'x'.repeat(9000);

/** Both ends of a socket, and what lies between them. */
export class ModelSocket implements Socket {
  readonly #member: ModelMember;
  readonly #model: GapModel;
  readonly #handlers: SocketHandlers;
  readonly #served = new Set<string>();
  /** Arrived and not read. */
  #unread: (() => void)[] = [];
  #unreadBytes = 0;
  #paused = false;
  /** The exchange sends no more. */
  ended = false;
  #over = false;
  #muted = false;
  /** From one end to the other, in ms. */
  readonly #wayMs: number;

  constructor(member: ModelMember, model: GapModel, handlers: SocketHandlers) {
    this.#member = member;
    this.#model = model;
    this.#handlers = handlers;
    this.#wayMs = model.wayMs();
    model.clock.after(this.#wayMs, () => this.#arrive(() => handlers.opened()));
  }

  serves(symbol: string): boolean {
    return !this.ended && this.#served.has(symbol);
  }

  /** The exchange says something. */
  say(frame: object): void {
    if (this.ended) return;
    const { leavesOut, clock } = this.#model;
    if (leavesOut && this.#unreadBytes >= KEPT_BYTES) return;
    if (!leavesOut && this.#unread.length >= KEPT_FRAMES) return this.end();
    const large = leavesOut && this.#unread.length > 0;
    const text = JSON.stringify(large ? { ...frame, large: LARGE } : frame);
    clock.after(this.#wayMs, () => {
      this.#unreadBytes += text.length;
      this.#arrive(() => {
        this.#unreadBytes -= text.length;
        this.#handlers.frame(text);
      });
    });
  }

  /** The exchange, or the network, ends it: what is on its way is lost. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.#arrive(() => this.#end(1006));
  }

  /** Nothing comes any more, not even an end. */
  mute(): void {
    this.ended = true;
    this.#muted = true;
    this.#model.mutedUntilMs = this.#model.clock.now() + 45_000;
  }

  vanish(): void {
    this.ended = true;
    this.#over = true;
  }

  send(text: string): void {
    this.#model.clock.after(this.#wayMs, () => this.#heard(text));
  }

  ping(): void {
    this.#model.clock.after(2 * this.#wayMs, () => {
      if (!this.ended) this.#arrive(() => this.#handlers.alive());
    });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.drain();
  }

  /** Goodbye: what the exchange had sent before it heard that still arrives. */
  close(): void {
    this.#paused = false;
    this.drain();
    if (this.#muted) {
      this.#model.clock.after(3000, () => this.#member.run(() => this.#end(1006)));
      return;
    }
    this.#model.clock.after(this.#wayMs, () => {
      this.ended = true;
      this.#model.clock.after(this.#wayMs, () => this.#arrive(() => this.#end(1000)));
    });
  }

  terminate(): void {
    this.ended = true;
    this.#model.clock.after(0, () => this.#member.run(() => this.#end(1006)));
  }

  /** The process reads what has arrived. */
  drain(): void {
    while (this.#unread.length > 0 && !this.#paused && !this.#member.frozen) this.#unread.shift()?.();
  }

  #arrive(read: () => void): void {
    if (this.#member.gone || this.#over) return;
    this.#unread.push(read);
    this.drain();
  }

  #end(code: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#handlers.ended({ code, reason: '', status: null, retryAfterMs: null });
  }

  #heard(text: string): void {
    if (this.ended) return;
    const { sub = [], unsub = [] } = JSON.parse(text) as { sub?: string[]; unsub?: string[] };
    for (const symbol of unsub) this.#served.delete(symbol);
    const refused = sub.filter((symbol) => this.#model.refused.has(symbol));
    const served = sub.filter((symbol) => !this.#model.refused.has(symbol));
    for (const symbol of served) this.#served.add(symbol);
    if (served.length > 0) this.say({ ack: served });
    if (refused.length > 0) this.say({ refused, reason: 'maintenance' });
  }
}
