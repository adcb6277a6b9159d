import type { StreamState } from '../../core/events.ts';

/** From the state that matters most to the one that matters least. */
const ORDER: readonly StreamState[] = ['blocked', 'backoff', 'stale', 'connecting', 'live', 'stopped'];

/** The state of a stream out of those of its connections: the worst one, so that a part that is down shows. */
export function streamStateOf(states: readonly StreamState[]): StreamState {
  return ORDER.find((state) => states.includes(state)) ?? 'stopped';
}
