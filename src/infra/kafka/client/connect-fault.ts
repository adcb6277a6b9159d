import { Fault, messageOf } from '../../../common/errors.ts';

/** librdkafka's codes for options that do not go together, told before any broker was tried. */
const NOT_MADE = new Set([-172, -1]);
/** What librdkafka says after a connection was lost, and not of why. */
const CONSEQUENCE = /Failed to acquire idempotence PID/;

/** librdkafka's log line without the name of the thread that speaks. */
export function spoken(line: string): string {
  return line.replace(/^\[thrd:.*?\]: /, '');
}

/** The line that tells more of why there is no connection: the later one, unless it speaks of what follows from that. */
export function moreTelling(last: string | null, line: string): string {
  return last !== null && CONSEQUENCE.test(line) ? last : line;
}

/** Whether waiting cannot help: the client could not be made of its options. */
export function isHopeless(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NOT_MADE.has(Number(error.code));
}

/**
 * Why a client did not connect.
 * @param last what it said last about its trouble, which is the real reason: the error itself names none
 */
export function connectFault(
  error: unknown,
  bootstrapServers: string,
  waitedMs: number,
  last: string | null,
): Fault {
  const words = messageOf(error);
  if (isHopeless(error)) {
    return new Fault(
      'config_invalid',
      'kafka.options',
      words,
      'See CONFIGURATION.md of librdkafka for the names and values.',
      error,
    );
  }
  const reason = last === null ? words : `${words}; ${spoken(last)}`;
  return new Fault(
    'broker_unavailable',
    bootstrapServers,
    `No Kafka broker answered within ${waitedMs} ms (${reason}).`,
    'Check kafka.bootstrap_servers, the network, and the security settings in kafka.options.',
    error,
  );
}
