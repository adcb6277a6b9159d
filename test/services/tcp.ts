import { connect } from 'node:net';

const ANSWER_WITHIN_MS = 2_000;

/** Sends bytes to a port on a host and returns the answer once `complete` accepts it; undefined where none comes. */
export function exchange(
  port: number,
  bytes: Buffer,
  complete: (got: Buffer) => boolean,
  host = '127.0.0.1',
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    let got: Buffer = Buffer.alloc(0);
    const socket = connect(port, host, () => socket.write(bytes));
    const finish = (answer: Buffer | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(undefined), ANSWER_WITHIN_MS);
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, Buffer.from(chunk)]);
      if (complete(got)) finish(got);
    });
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
  });
}
