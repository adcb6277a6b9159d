import type { BookView } from './books/channel.ts';
import type { Ledger } from './ledger.ts';
import type { Conversation, DataType, Ending, Protocol, Reply, Tick } from './protocol.ts';
import { type LagWatch, RateWindow } from './rate-window.ts';

/** What a socket needs from the exchange it belongs to. */
export interface Host {
  readonly protocol: Protocol;
  readonly ledger: Ledger;
  readonly lag: LagWatch;
  subscribe(socket: SimSocket, type: DataType, symbol: string, snapshot: boolean, channel?: string): void;
  unsubscribe(socket: SimSocket, type: DataType, symbol: string, channel?: string): void;
  /** The whole book as the channel has told it so far. */
  book(symbol: string, channel: string): BookView;
  gone(socket: SimSocket): void;
}

/** The connection below a socket; Bun's ServerWebSocket is one. */
export interface Wire {
  /** A string is a text frame, bytes are a binary one. @returns 0 where the connection is gone */
  send(frame: string | Uint8Array): number;
  ping(payload: string): number;
  close(code: number, reason: string): void;
  /** Cuts without a close frame. */
  terminate(): void;
  /** What `fn` sends goes out together. */
  cork?(fn: () => void): void;
}

/** How often age, silence and missing pongs are looked at, at most, in milliseconds. */
const WATCH_MS = 1000;

/** The exchange's end of one socket: it carries out a conversation and enforces the rules. */
export class SimSocket {
  readonly subscriptions = new Set<string>();
  /** Keeps the socket open and sends nothing. */
  stalled = false;
  readonly #openedAt = performance.now();
  readonly #windows: readonly RateWindow[];
  readonly #timers: Timer[] = [];
  #ws: Wire | null = null;
  #ended: Ending | null = null;
  #subscribedOnce = false;
  #lastActive = performance.now();
  #lastPong = performance.now();

  constructor(
    readonly id: number,
    readonly address: string,
    readonly conversation: Conversation,
    readonly host: Host,
  ) {
    this.#windows = host.protocol.rules.messages.map((rate) => new RateWindow(rate));
  }

  get isOpen(): boolean {
    return this.#ws !== null && this.#ended === null;
  }

  opened(ws: Wire): void {
    this.#ws = ws;
    const { ping, beatMs, idle, lifetime, subscribeWithin } = this.host.protocol.rules;
    this.perform(this.conversation.open());
    if (ping) {
      this.#every(ping.everyMs, () => {
        if (!this.stalled) this.#ws?.ping(ping.payload);
      });
    }
    if (beatMs) {
      this.#every(beatMs, () => {
        if (!this.stalled) this.perform(this.conversation.beat?.() ?? []);
      });
    }
    const shortest = [ping?.deadMs, idle?.ms, lifetime?.ms, subscribeWithin?.ms].filter(
      (ms) => ms !== undefined,
    );
    if (shortest.length > 0) this.#every(Math.min(WATCH_MS, Math.min(...shortest) / 10), () => this.#watch());
  }

  text(text: string): void {
    this.host.ledger.note(this.host.protocol.id, this.id, { what: 'received', text });
    this.#active('text');
    if (!this.#within('text', text.slice(0, 80))) return;
    const { frameChars } = this.host.protocol.rules;
    if (frameChars && text.length > frameChars.count) {
      this.#violation('characters per frame', `${text.length} of ${frameChars.count}`);
      return this.end(frameChars.ending);
    }
    this.perform(this.conversation.receive(text));
  }

  pinged(): void {
    this.#active('ping');
    this.#within('ping', 'ping');
  }

  ponged(): void {
    this.#lastPong = performance.now();
    this.#active('pong');
    this.#within('pong', 'pong');
  }

  closed(code: number): void {
    const by = this.#ended ? 'server' : 'client';
    const abrupt = this.#ended ? this.#ended === 'abrupt' : code === 1006;
    this.#ended ??= 'abrupt';
    this.#ws = null;
    this.#release();
    this.host.ledger.note(this.host.protocol.id, this.id, { what: 'close', by, code, abrupt });
  }

  /** Ends the socket now. Nothing counts as sent on it from here on. */
  end(ending: Ending): void {
    const ws = this.#ws;
    if (!ws || this.#ended) return;
    this.#ended = ending;
    this.#release();
    if (ending === 'abrupt') ws.terminate();
    else ws.close(ending.code, ending.reason);
  }

  perform(replies: readonly Reply[]): void {
    for (const reply of replies) {
      if (!this.isOpen) return;
      this.#do(reply);
    }
  }

  /** Sends the frames of one event; their bytes, or null where nothing went out. */
  event(type: DataType, tick: Tick): { frames: number; bytes: number } | null {
    if (!this.isOpen || this.stalled) return null;
    let bytes = 0;
    const texts = this.conversation.data(type, tick);
    for (const text of texts) bytes += this.send(text);
    return bytes > 0 ? { frames: texts.length, bytes } : null;
  }

  /** Sends text as the protocol encodes it. @returns bytes of the payload, 0 where the socket took nothing */
  send(text: string): number {
    return this.raw(this.host.protocol.encode(text));
  }

  /** What `fn` sends on this socket goes to the connection in one piece. */
  corked(fn: () => void): void {
    if (this.#ws?.cork) this.#ws.cork(fn);
    else fn();
  }

  /** Sends a frame as it is: a string is a text frame. */
  raw(frame: string | Uint8Array): number {
    if (!this.#ws || this.#ended || this.stalled) return 0;
    if (this.#ws.send(frame) === 0) return 0;
    this.#active('sent');
    const bytes = typeof frame === 'string' ? Buffer.byteLength(frame) : frame.byteLength;
    this.host.ledger.frame(this.host.protocol.id, this.id, bytes);
    return bytes;
  }

  #do(reply: Reply): void {
    const { id, rules } = this.host.protocol;
    switch (reply.do) {
      case 'send':
        this.send(reply.text);
        return;
      case 'subscribe':
        this.#subscribedOnce = true;
        if (this.subscriptions.size >= (rules.subscriptions ?? Number.POSITIVE_INFINITY)) {
          this.#violation('subscriptions per socket', `${reply.symbol} is beyond ${rules.subscriptions}`);
          return;
        }
        this.host.subscribe(this, reply.type, reply.symbol, reply.snapshot === true, reply.channel);
        return;
      case 'unsubscribe':
        this.host.unsubscribe(this, reply.type, reply.symbol, reply.channel);
        return;
      case 'book':
        this.send(reply.text(this.host.book(reply.symbol, reply.channel)));
        return;
      case 'unsubscribe-all':
        this.#unsubscribeAll();
        return;
      case 'violation':
        this.#violation(reply.limit, reply.detail);
        return;
      case 'refused':
        // Asking for something is what counts, also where it is refused.
        if (rules.subscribeWithin) this.#subscribedOnce = true;
        this.host.ledger.note(id, this.id, { what: 'refused', detail: reply.detail });
        return;
      case 'end':
        if (!reply.afterMs) this.end(reply.ending);
        else this.#timers.push(setTimeout(() => this.end(reply.ending), reply.afterMs));
    }
  }

  #unsubscribeAll(): void {
    for (const key of [...this.subscriptions]) {
      const [type, symbol, channel] = splitKey(key);
      this.host.unsubscribe(this, type, symbol, channel);
    }
  }

  #within(kind: 'text' | 'ping' | 'pong', detail: string): boolean {
    const { messagesCount, messagesBeyond } = this.host.protocol.rules;
    if (!messagesCount.includes(kind)) return true;
    const now = performance.now();
    const lag = this.host.lag.ms;
    const broken = this.#windows.filter((window) => window.hit(now, lag));
    for (const { rate } of broken) {
      this.#violation(`messages per socket: ${rate.count} in ${rate.perMs} ms`, detail);
    }
    if (broken.length === 0) return true;
    if ('frame' in messagesBeyond) this.send(messagesBeyond.frame);
    else this.end(messagesBeyond.ending);
    return false;
  }

  #watch(): void {
    const { ping, idle, lifetime, subscribeWithin } = this.host.protocol.rules;
    // Time in which this process itself slept does not count against the client.
    const now = performance.now() - this.host.lag.ms;
    const age = now - this.#openedAt;
    if (subscribeWithin && !this.#subscribedOnce && age > subscribeWithin.ms) {
      this.#violation('first subscription', `none within ${subscribeWithin.ms} ms`);
      this.end(subscribeWithin.ending);
    } else if (ping && now - this.#lastPong > ping.deadMs) {
      this.#violation('pong', `none for ${ping.deadMs} ms`);
      this.end('abrupt');
    } else if (idle && now - this.#lastActive > idle.ms) {
      this.#violation('idle', `nothing for ${idle.ms} ms of ${idle.resetBy.join(', ')}`);
      this.end(idle.ending);
    } else if (lifetime && age > lifetime.ms) {
      this.end(lifetime.ending);
    }
  }

  #active(kind: 'text' | 'ping' | 'pong' | 'sent'): void {
    if (this.host.protocol.rules.idle?.resetBy.includes(kind)) this.#lastActive = performance.now();
  }

  #violation(limit: string, detail: string): void {
    this.host.ledger.note(this.host.protocol.id, this.id, { what: 'violation', limit, detail });
  }

  #every(ms: number, fn: () => void): void {
    this.#timers.push(setInterval(fn, ms));
  }

  #release(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers.length = 0;
    this.#unsubscribeAll();
    this.host.gone(this);
  }
}

/** Key of a subscription within a socket and of its subscribers within an exchange. Only books have a channel. */
export function subscriptionKey(type: DataType, symbol: string, channel?: string): string {
  return channel === undefined ? `${type} ${symbol}` : `${type} ${symbol} ${channel}`;
}

/** Symbols hold no blank, channels may. */
export function splitKey(
  key: string,
): readonly [type: DataType, symbol: string, channel: string | undefined] {
  const [, type = '', symbol = '', channel] = /^(\S+) (\S+)(?: (.+))?$/.exec(key) ?? [];
  return [type as DataType, symbol, channel];
}
