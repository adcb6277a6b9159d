import type { RequestType } from '../market/market.ts';

/** Names one stream within the program: `upbit|ticker`. */
export interface StreamKey {
  readonly exchange: string;
  readonly request_type: RequestType;
}

/** What the configuration of one collector asks for in a stream. */
export interface Pin {
  readonly collector: string;
  /** Where its configuration lies: a collector that starts there takes the place of one that has ended. */
  readonly place: string;
  /** Symbols, or `*` alone. */
  readonly symbols: readonly string[];
}

/**
 * What shall run of one stream. Symbols are the exchange's own ids. A stream runs while it has a selector or codes;
 * a stopped one is kept, so that its version goes on rising.
 */
export interface DesiredStream extends StreamKey {
  /** Rises by one with every change; 0 for a stream that was never asked for. */
  readonly version: number;
  /** `*`: every tradable market but `exceptions`, read again with every market list; null: `codes` as asked. */
  readonly selector: '*' | null;
  /** Symbols that the selector leaves out. */
  readonly exceptions: readonly string[];
  /** What shall be subscribed now, in the order it joined. */
  readonly codes: readonly string[];
  /** Symbols that commands cannot remove: all that the pins of living collectors name; `*` pins the selector. */
  readonly pinned: readonly string[];
  /** What the configurations ask for, by collector. Those of a collector that died stay until another takes its place. */
  readonly pins: readonly Pin[];
  /** What runs because a configuration asks for it and for no other reason; `*` is the selector. It leaves with the last pin. */
  readonly configured: readonly string[];
  /**
   * `codes` by connection; the index is the shard's number. A symbol stays in its shard as long as it is wanted, a
   * freed place is taken by the next one to join. A shard in the middle may be empty.
   */
  readonly shards: readonly (readonly string[])[];
  /** Scheme, host, port and what comes before the plug-in's path, which a command named in place of its own; else null. */
  readonly origin: string | null;
  /** Of the last command that changed the stream. */
  readonly correlation_id: string | null;
}

/** `upbit|ticker`: the key of a stream in maps and in the state store. */
export function streamKey({ exchange, request_type }: StreamKey): string {
  return `${exchange}|${request_type}`;
}

/** A stream that nobody asked for yet. */
export function emptyStream({ exchange, request_type }: StreamKey): DesiredStream {
  return {
    exchange,
    request_type,
    version: 0,
    selector: null,
    exceptions: [],
    codes: [],
    pinned: [],
    pins: [],
    configured: [],
    shards: [],
    origin: null,
    correlation_id: null,
  };
}

/** True where something shall be subscribed, now or with a later market list. */
export function isRunning(stream: DesiredStream): boolean {
  return stream.selector !== null || stream.codes.length > 0;
}
