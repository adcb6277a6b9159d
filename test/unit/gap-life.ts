import { seeded } from './connection-parts.ts';
import { GapModel, SHARDS, SYMBOLS } from './gap-model.ts';
import type { ModelSocket } from './gap-socket.ts';
import { ManualClock } from './manual-clock.ts';

const STEPS = 8;

type Step = readonly [name: string, weight: number, act: (world: World) => void | Promise<void>];

interface World {
  readonly model: GapModel;
  readonly random: () => number;
  readonly pick: <One>(from: readonly One[]) => One | undefined;
}

/** What the first seeds were found with. */
export const FIRST_STEPS: readonly Step[] = [
  ['cut', 4, (world) => socketOf(world)?.end()],
  ['mute', 1, (world) => socketOf(world)?.mute()],
  ['rotate', 2, (world) => socketOf(world)?.say({ restart: 'soon' })],
  ['resync', 2, (world) => socketOf(world)?.say({ resync: world.pick(SYMBOLS) })],
  ['refuse', 2, ({ model, pick }) => void model.refused.add(pick(SYMBOLS) ?? 'A')],
  ['serve', 3, ({ model }) => model.refused.clear()],
  [
    'freeze',
    4,
    async ({ model, random, pick }) => {
      const member = pick(model.alive);
      member?.freeze();
      await model.clock.advance(1000 + random() * (random() < 0.3 ? 80_000 : 8000));
      member?.thaw();
    },
  ],
  [
    'kill',
    4,
    async ({ model, random, pick }) => {
      const member = pick(model.alive);
      member?.crash();
      await model.clock.advance(random() * 3000);
      if (member) model.join(member.id);
    },
  ],
  [
    'stop',
    2,
    async ({ model, random, pick }) => {
      const member = pick(model.alive);
      void member?.stop();
      await model.clock.advance(6000);
      if (member) member.gone = true;
      await model.clock.advance(random() * 3000);
      if (member) model.join(member.id);
    },
  ],
  ['second', 1, ({ model }) => void (model.alive.some(({ id }) => id === 'b') || model.join('b'))],
  [
    'kafka away',
    2,
    async ({ model, random }) => {
      model.kafkaAway = true;
      await model.clock.advance(random() * 15_000);
      model.kafkaAway = false;
    },
  ],
  ['less wanted', 1, (world) => without(world, 'B')],
  ['more wanted', 2, withAll],
  ['clock set', 1, ({ model, random, pick }) => void pick(model.alive)?.step(Math.round(random() * 40e6))],
  ['nothing', 2, () => {}],
];

export const ALL_STEPS: readonly Step[] = [
  ...FIRST_STEPS,
  ['one less wanted', 2, (world) => without(world, world.pick(SYMBOLS))],
  ['none wanted', 1, ({ model }) => model.desire([])],
  ['all wanted', 2, withAll],
  [
    'move',
    3,
    async (world) => {
      const { model, random, pick } = world;
      const symbol = pick(SYMBOLS) ?? 'A';
      const from = model.shards.findIndex((shard) => shard.includes(symbol));
      await without(world, symbol);
      if (random() < 0.7) await model.clock.advance(random() * random() * 5000);
      const to = from === 0 ? 1 : 0;
      const shards = SHARDS.map((_, shard) => model.shards[shard] ?? []);
      await model.desire(shards.map((shard, at) => (at === to ? [...shard, symbol] : shard)));
    },
  ],
  [
    'cut off',
    3,
    async ({ model, random, pick }) => {
      const member = pick(model.alive);
      if (member) member.cutOff = true;
      await model.clock.advance(random() * 20_000);
      if (member) member.cutOff = false;
    },
  ],
];

/** The store is away from one collector, from whatever moment on, while all the rest happens. */
const AWAY: Step = [
  'away',
  6,
  ({ model, random, pick }) => {
    const member = pick(model.alive);
    if (!member) return;
    member.cutOff = true;
    model.clock.after(random() * random() * 30_000, () => {
      member.cutOff = false;
    });
  },
];

/** What its first seeds were found with: no code moves. */
export const FIRST_AWAY_STEPS: readonly Step[] = [...ALL_STEPS.filter(([name]) => name !== 'move'), AWAY];

/**
 * Not on record yet (seeds 15_029, 405_073 and 527_081): a collector that is cut off goes on to receive a code under a lease that ran
 * out, the code is removed and wanted anew, and the exchange refuses it to whoever has it since. Readers have its rows until
 * the first one hears of it, and nobody else knows that there were any.
 */
export const AWAY_STEPS: readonly Step[] = [...ALL_STEPS, AWAY];

/** Whoever has a place keeps it. */
function withAll({ model }: World): Promise<void> {
  const here = model.shards.flat();
  const missing = (shard: readonly string[]) => shard.filter((symbol) => !here.includes(symbol));
  return model.desire(SHARDS.map((shard, at) => [...(model.shards[at] ?? []), ...missing(shard)]));
}

function without({ model }: World, symbol: string | undefined): Promise<void> {
  return model.desire(model.shards.map((shard) => shard.filter((one) => one !== symbol)));
}

function socketOf({ model, pick }: World): ModelSocket | undefined {
  return pick(model.alive.flatMap(({ sockets }) => sockets.filter(({ ended }) => !ended)));
}

/** One life of everything. @returns what was done */
export async function live(
  seed: number,
  steps = ALL_STEPS,
  far = false,
): Promise<{ model: GapModel; done: string[] }> {
  const random = seeded(seed);
  const clock = new ManualClock(undefined, random, 5);
  const model = new GapModel(clock, random);
  model.far = far;
  model.leavesOut = random() < 0.3;
  const pick = <One>(from: readonly One[]) => from[Math.floor(random() * from.length)];
  const all = steps.flatMap((step) => Array.from({ length: step[1] }, () => step));
  const world: World = { model, random, pick };
  const done: string[] = [];
  await model.desire(SHARDS);
  model.join('a');
  if (random() < 0.2) model.join('b');
  for (let at = 0; at < STEPS; at++) {
    await clock.advance(random() < 0.4 ? random() * 200 : random() * 8000);
    const [name, , act] = pick(all) ?? (steps[0] as Step);
    done.push(`${Math.round(clock.now())} ${name}`);
    await act(world);
  }
  model.refused.clear();
  // A mute socket shows when it has not answered for its time, and the shards of the dead are taken when their leases end.
  await clock.advance(Math.max(0, model.mutedUntilMs - clock.now()) + 12_000 + random() * 8000);
  await model.end();
  return { model, done };
}
