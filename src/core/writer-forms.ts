import type { Writer } from './ports.ts';

/** A writer's `write` by way of its `send`. */
export function writeBy(send: Writer['send']): Writer['write'] {
  return (batch) =>
    new Promise((resolve, reject) => {
      send(batch, {
        acknowledged: (_batch, ack) => resolve(ack),
        failed: (_batch, why) => reject(why),
      });
    });
}

/** Both, for one that is not fast enough for a promise a batch to matter. */
export function bothBy(write: Writer['write']): Pick<Writer, 'send' | 'write'> {
  return {
    write,
    send(batch, outcome) {
      write(batch).then(
        (ack) => outcome.acknowledged(batch, ack),
        (why: unknown) => outcome.failed(batch, why),
      );
    },
  };
}
