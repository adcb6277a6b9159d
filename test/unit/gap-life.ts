import { seeded } from './connection-parts.ts';
import { GapModel, type ModelSocket, SYMBOLS } from './gap-model.ts';
import { ManualClock } from './manual-clock.ts';

const STEPS = 8;

type Step = readonly [name: string, weight: number, act: (world: World) => void | Promise<void>];

interface World {
  readonly model: GapModel;
  readonly random: () => number;
  readonly pick: <One>(from: readonly One[]) => One | undefined;
}

const STEPS_OF: readonly Step[] = [
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
  [
    'less wanted',
    1,
    ({ model }) => (model.clock.now() < model.mutedUntilMs ? undefined : model.desire(['A', 'C'])),
  ],
  ['more wanted', 2, ({ model }) => model.desire(SYMBOLS)],
  ['clock set', 1, ({ model, random, pick }) => void pick(model.alive)?.step(Math.round(random() * 40e6))],
  ['nothing', 2, () => {}],
];

function socketOf({ model, pick }: World): ModelSocket | undefined {
  return pick(model.alive.flatMap(({ sockets }) => sockets.filter(({ ended }) => !ended)));
}

/** One life of everything. @returns what was done */
export async function live(seed: number): Promise<{ model: GapModel; done: string[] }> {
  const random = seeded(seed);
  const clock = new ManualClock(undefined, random, 5);
  const model = new GapModel(clock, random);
  model.leavesOut = random() < 0.3;
  const pick = <One>(from: readonly One[]) => from[Math.floor(random() * from.length)];
  const all = STEPS_OF.flatMap((step) => Array.from({ length: step[1] }, () => step));
  const world: World = { model, random, pick };
  const done: string[] = [];
  await model.desire(SYMBOLS);
  model.join('a');
  if (random() < 0.2) model.join('b');
  for (let at = 0; at < STEPS; at++) {
    await clock.advance(random() < 0.4 ? random() * 200 : random() * 8000);
    const [name, , act] = pick(all) ?? (STEPS_OF[0] as Step);
    done.push(`${Math.round(clock.now())} ${name}`);
    await act(world);
  }
  model.refused.clear();
  // A mute socket shows when it has not answered for its time, and the shards of the dead are taken when their leases end.
  await clock.advance(Math.max(0, model.mutedUntilMs - clock.now()) + 12_000 + random() * 8000);
  await model.end();
  return { model, done };
}
