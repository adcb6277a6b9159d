/**
 * What a Kafka message costs: the line to the cluster alone, without sockets and rows. A process of its own.
 *
 *   bun test/bench/message-client.ts BOOTSTRAP RATE WARM_UP_S SECONDS [WINDOWS]
 *
 * `RATE` is messages a second, 0 for as many as it takes. The topics have to be there. Prints one JSON line for each
 * window (1): messages that were acknowledged, and the CPU time of the process in µs.
 */
import { MessageSource, TOPICS } from './message-source.ts';

const [bootstrap = '', rate = '1600', warmUpS = '10', seconds = '10', windows = '1'] = process.argv.slice(2);
/** As the grid does at a window of 100 ms, whose ticks take turns with the topics. */
const TICK_MS = 50;
/** Where there is no rate: messages that wait for their acknowledgement at most, and those given in one turn. */
const MOST = 20_000;
const PER_TURN = 500;

const source = new MessageSource(bootstrap);
await source.link.connect(30_000);

let running = true;
if (Number(rate) > 0) {
  const startedAt = performance.now();
  let turn = 0;
  setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * Number(rate));
    if (running) source.send(due - source.sent, turn++ % TOPICS.length);
  }, TICK_MS);
} else {
  const fill = (): void => {
    if (!running) return;
    const room = Math.min(PER_TURN, MOST - source.waiting);
    source.send(room);
    // Where the broker is the slower one, waiting for it shall cost nothing.
    if (room === PER_TURN) setImmediate(fill);
    else setTimeout(fill, 2);
  };
  fill();
}

await Bun.sleep(Number(warmUpS) * 1_000);
for (let n = 0; n < Number(windows); n++) {
  const before = source.acknowledged;
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  await Bun.sleep(Number(seconds) * 1_000);
  const { user, system } = process.cpuUsage(cpu);
  const took = (performance.now() - startedAt) / 1_000;
  console.log(
    JSON.stringify({ messages: source.acknowledged - before, cpuUs: user + system, seconds: took }),
  );
}
running = false;
await source.end();
process.exit(source.failed > 0 ? 1 : 0);
