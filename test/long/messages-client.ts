/**
 * Sends messages as fast as they are acknowledged, and says as JSON lines how far it is and what memory it takes.
 *
 *   messages-client.ts BOOTSTRAP MESSAGES
 */
import { MessageSource } from '../bench/message-source.ts';

const [bootstrap = '', messages = '1000000'] = process.argv.slice(2);
const count = Number(messages);
const PER_TURN = 200;
/** What waits for an acknowledgement at most; while the broker is away it is this much. */
const MOST = 20_000;
const LINES = 20;

const source = new MessageSource(bootstrap);
await source.link.connect(30_000);
for (let told = 0; source.acknowledged < count && source.failed === 0; ) {
  source.send(Math.max(0, Math.min(PER_TURN, MOST - source.waiting, count - source.sent)));
  if (source.waiting >= MOST || source.sent === count) await Bun.sleep(1);
  else await new Promise(setImmediate);
  const done = Math.floor((source.acknowledged / count) * LINES);
  if (done === told) continue;
  told = done;
  Bun.gc(true);
  const mb = Math.round(process.memoryUsage.rss() / 1e5) / 10;
  console.log(JSON.stringify({ acknowledged: source.acknowledged, mb }));
}
await source.end();
process.exit(source.failed > 0 ? 1 : 0);
