import { CONNECTION_DEFAULTS, type ConnectionSettings } from '../core/connection/settings.ts';
import type { Settings } from './settings.ts';

/** Times of a connection's life out of the settings. */
export function connectionSettings({ connection, orderbook }: Settings): ConnectionSettings {
  return {
    ...CONNECTION_DEFAULTS,
    openTimeoutMs: connection.open_timeout_ms,
    goodAfterMs: connection.good_after_ms,
    confirmAfterMs: connection.confirm_timeout_ms,
    staleAfterMs: connection.idle_timeout_ms,
    keyframeMs: orderbook.keyframe_ms,
  };
}
