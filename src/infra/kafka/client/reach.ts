import { createConnection } from 'node:net';
import type { Clock } from '../../../common/clock.ts';
import { Fault, messageOf } from '../../../common/errors.ts';
import type { Broker } from './producer.ts';

/** A handshake over half the world takes a third of a second. */
const REACH_MS = 3_000;

/**
 * Every broker takes connections at the address that the cluster names for it (`advertised.listeners`), which is the one
 * that is written to: the bootstrap address only leads there.
 * @throws {Fault} broker_unavailable with the first address that does not
 */
export async function demandReached(
  brokers: readonly Broker[],
  bootstrap: string,
  clock: Clock,
): Promise<void> {
  const reasons = await Promise.all(brokers.map((broker) => refusalOf(broker, clock)));
  const at = reasons.findIndex((reason) => reason !== null);
  const broker = brokers[at];
  if (!broker) return;
  const others = reasons.filter((reason) => reason !== null).length - 1;
  throw new Fault(
    'broker_unavailable',
    `${broker.host}:${broker.port}`,
    `The cluster answers at ${bootstrap} and names this address for broker ${broker.id}, which cannot be reached from here: ` +
      `${reasons[at]}${others > 0 ? ` (and ${others} more)` : ''}.`,
    "Correct the broker's advertised.listeners, or this machine's DNS and firewall.",
  );
}

/** What to say of a cluster that answered and then failed with one of the client's own errors. */
export async function silenceFault(
  error: unknown,
  brokers: readonly Broker[],
  bootstrap: string,
  clock: Clock,
): Promise<Fault> {
  if (error instanceof Fault) return error;
  try {
    await demandReached(brokers, bootstrap, clock);
  } catch (unreached) {
    if (unreached instanceof Fault) return unreached;
  }
  return new Fault(
    'broker_unavailable',
    bootstrap,
    `The cluster answered first and then no more (${messageOf(error)}).`,
    'Look after the brokers and the network, then try again.',
    error,
  );
}

/** Why a broker's address takes no connection; null where it does. */
function refusalOf({ host, port }: Broker, clock: Clock): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const end = (reason: string | null): void => {
      cancel();
      socket.destroy();
      resolve(reason);
    };
    const cancel = clock.after(REACH_MS, () => end(`no answer within ${REACH_MS} ms`));
    socket.once('connect', () => end(null));
    socket.once('error', (error) => end(messageOf(error)));
  });
}
