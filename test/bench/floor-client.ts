/**
 * The floor: a WebSocket client that receives and parses, and does nothing else. A process of its own.
 *
 *   bun test/bench/floor-client.ts URL SUBSCRIPTION SECONDS WINDOWS WARM_UP_MS
 *
 * Prints one JSON line per window: frames, their bytes, and the CPU time of the process in µs.
 */
const [url = '', subscription = '', seconds = '3', windows = '3', warmUpMs = '1500'] = process.argv.slice(2);

const PING_MS = 30_000;
const utf8 = new TextDecoder();
let frames = 0;
let bytes = 0;
let parsed: unknown;

const ws = new WebSocket(url);
ws.binaryType = 'nodebuffer';
ws.addEventListener('open', () => ws.send(subscription));
ws.addEventListener('message', ({ data }) => {
  frames++;
  bytes += data.length;
  parsed = JSON.parse(typeof data === 'string' ? data : utf8.decode(data));
});
ws.addEventListener('close', ({ code, reason }) => {
  console.error(`the exchange closed the floor client's socket: ${code} ${reason}`);
  process.exit(1);
});
// Upbit ends sockets that say nothing for two minutes.
setInterval(() => ws.ping(), PING_MS);

await Bun.sleep(Number(warmUpMs));
for (let n = 0; n < Number(windows); n++) {
  const before = { frames, bytes };
  const cpu = process.cpuUsage();
  await Bun.sleep(Number(seconds) * 1_000);
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    JSON.stringify({ frames: frames - before.frames, bytes: bytes - before.bytes, cpuUs: user + system }),
  );
}
process.exit(typeof parsed === 'object' ? 0 : 1);

export {};
