/** What a command may ask for. */
export const ACTIONS = [
  'connect_and_subscribe',
  'unsubscribe',
  'disconnect',
  'status',
  'breaker_open',
  'breaker_close',
] as const;
export type Action = (typeof ACTIONS)[number];

/** A command, well-formed. Whether it makes sense is for the reducer to say. */
export interface Command {
  /** `pin` comes from the configuration only, never from a record. */
  readonly action: Action | 'pin';
  readonly target: { readonly exchange: string; readonly region: string; readonly request_type: string };
  /** As asked, trimmed; `*` stands alone. */
  readonly symbols: readonly string[];
  readonly correlationId: string | null;
  /** When it was issued, epoch ms: `ts_issue`, else the record's time. */
  readonly issuedAtMs: number;
  readonly ttlMs: number | null;
  /** `connection.url`. */
  readonly url: string | null;
  /** Whether it brought `connection.socket_params`, which are accepted and not used. */
  readonly socketParams: boolean;
}

/** What is wrong with a field: its path with dots (`target.exchange`, `symbols.3`), empty for the whole. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** Every reason of a refusal or a noop. Stable: senders match them. */
export const REASONS = {
  tombstone: 'The record has no value.',
  not_utf8: 'The value is not UTF-8.',
  not_json: 'The value is not JSON.',
  invalid_command: 'The value does not have the shape of a command; see errors.',
  unsupported_exchange: 'No plug-in has this exchange.',
  exchange_disabled: 'The settings switch this exchange off.',
  region_mismatch: 'The exchange is counted in another region.',
  unsupported_request_type: 'The exchange does not offer this type.',
  url_not_allowed: 'connection.url names a host that neither the plug-in nor the settings allow.',
  stale: 'The command is older than its ttl_ms.',
  empty_symbols: 'No symbol is named.',
  unknown_symbols: 'The exchange has no such market.',
  market_list_unavailable: 'The market list is not there, and without it the symbols cannot be resolved.',
  too_many_codes: 'More codes than the limits of the exchange allow.',
  pinned_by_config: 'The configuration asks for this; commands cannot remove it.',
  already_subscribed: 'Nothing to do: all of it is subscribed.',
  not_subscribed: 'Nothing to do: none of it is subscribed.',
  not_running: 'Nothing to do: the stream does not run.',
  already_so: 'Nothing to do: it is so already.',
  internal_error: 'The command met a fault of the program.',
} as const;
export type Reason = keyof typeof REASONS;
