const listeners: Bun.Subprocess[] = [];

/** Ends every listener. */
export function stopListening(): void {
  for (const listener of listeners.splice(0)) listener.kill();
}

/** A datagram socket as systemd has it; prints each message as a line. Python, since Bun has no such socket. */
export async function listen(address: string): Promise<AsyncIterator<string>> {
  const script = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0', 1) if sys.argv[1].startswith('@') else sys.argv[1])
print('bound', flush=True)
while True: print(s.recv(4096).decode(), flush=True)`;
  const listener = Bun.spawn(['python3', '-c', script, address], { stdout: 'pipe' });
  listeners.push(listener);
  const lines = linesOf(listener.stdout);
  await lines.next();
  return lines;
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream.pipeThrough(
    new TextDecoderStream() as never,
  ) as never as AsyncIterable<string>) {
    rest += chunk;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      yield rest.slice(0, end);
      rest = rest.slice(end + 1);
    }
  }
}
