import type { Outgoing } from './outgoing.ts';

/** A message to be handed to the client, and what that said to it. */
export interface Handed {
  readonly message: Outgoing;
  /** Comes back in the report; 0 to 2^30. */
  readonly id: number;
  /** librdkafka's; 0 where a report will follow, `NOT_TRIED` where one of its topic before it was not taken. */
  code: number;
}

/** No code of librdkafka's: handed over, the message would have overtaken one of its topic. */
export const NOT_TRIED = 2 ** 30;

/** Hands a message to the client: returns librdkafka's code; 0 where a report with this id will follow. */
export type Produce = (message: Outgoing, id: number) => number;

/** A client that takes many messages at once, in order, and tells each one's code. */
export interface BatchClient {
  /** Tells the reports that have come: what came back has to be known before more is handed over. */
  takeReports(): void;
  /** Of a topic none is tried behind one that is not taken. */
  produceAll(messages: readonly Handed[]): void;
}

/** A client that takes them one by one, as one that takes many. */
export function oneByOne(produce: Produce): BatchClient {
  return {
    takeReports() {},
    produceAll(messages) {
      const stopped = new Set<string>();
      for (const one of messages) {
        const { message, id } = one;
        one.code = stopped.has(message.topic) ? NOT_TRIED : produce(message, id);
        if (one.code !== 0) stopped.add(message.topic);
      }
    },
  };
}
