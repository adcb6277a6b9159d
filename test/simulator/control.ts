import type { Command } from './commands.ts';
import type { Ledger } from './ledger.ts';
import type { Between } from './rest/tape.ts';

export interface Control {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * The simulator's remote control on loopback: POST /control with a command as JSON answers `{"touched":n}` or 400 with
 * `{"error":…}`, to `book` also the book; GET /control/summary and /control/violations answer JSON, GET /control/ledger
 * the whole as NDJSON, GET /control/entries all of it but the rows, for whoever asks often. GET
 * /control/past?exchange=…&symbol=… with `fromMs`, `toMs`, `fromId`, `toId` answers `Ledger.past` as JSON.
 */
export function serveControl(
  port: number,
  ledger: Ledger,
  run: (command: Command) => Promise<number>,
): Control {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port,
    routes: {
      '/control': {
        async POST(request) {
          try {
            const command = (await request.json()) as Command;
            const touched = await run(command);
            const book = command.do === 'book' ? ledger.of('book').at(-1)?.state : undefined;
            return Response.json({ touched, book });
          } catch (error) {
            return Response.json({ error: String(error) }, { status: 400 });
          }
        },
      },
      '/control/summary': () => Response.json(ledger.summary()),
      '/control/violations': () => Response.json(ledger.violations()),
      '/control/past': (request) => {
        const {
          exchange = '',
          symbol = '',
          ...between
        } = Object.fromEntries(new URL(request.url).searchParams);
        return Response.json(ledger.past(exchange, symbol, betweenOf(between)));
      },
      '/control/ledger': () => new Response([...ledger.ndjson()].join('')),
      '/control/entries': () => new Response([...ledger.ndjson(false)].join('')),
    },
    fetch: () => new Response('not found', { status: 404 }),
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    stop: () => server.stop(true),
  };
}

function betweenOf({ fromMs, toMs, fromId, toId }: Readonly<Record<string, string>>): Between {
  return {
    ...(fromMs !== undefined && { fromMs: Number(fromMs) }),
    ...(toMs !== undefined && { toMs: Number(toMs) }),
    ...(fromId !== undefined && { fromId }),
    ...(toId !== undefined && { toId }),
  };
}
