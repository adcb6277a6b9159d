import type { RequestType } from '../market/market.ts';

/** Names one stream within the program: `upbit|ticker`. */
export interface StreamKey {
  readonly exchange: string;
  readonly request_type: RequestType;
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
  /** Symbols that the configuration asks for, which commands cannot remove; `*` pins the selector. */
  readonly pinned: readonly string[];
  /**
   * `codes` by connection; the index is the shard's number. A symbol stays in its shard as long as it is wanted, a
   * freed place is taken by the next one to join. A shard in the middle may be empty.
   */
  readonly shards: readonly (readonly string[])[];
  /** Scheme, host and port that a command named in place of the plug-in's own, the path stays the plug-in's; else null. */
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
    shards: [],
    origin: null,
    correlation_id: null,
  };
}

/** True where something shall be subscribed, now or with a later market list. */
export function isRunning(stream: DesiredStream): boolean {
  return stream.selector !== null || stream.codes.length > 0;
}
