import { EXIT, type ExitCode, Fault, messageOf } from '../common/errors.ts';
import { systemDisk } from '../infra/outbox/disk.ts';
import { type Inspection, inspect, messagesIn } from '../infra/outbox/inspect.ts';
import type { Damage, Kept } from '../infra/outbox/store.ts';
import { readArgs, usage } from './args.ts';
import type { Command } from './command.ts';
import { SETTINGS_FLAGS, SETTINGS_USAGE, settingsOf } from './settings-flags.ts';
import { writeOut } from './stdout.ts';

/** `outbox` */
export const outbox: Command = {
  name: 'outbox',
  summary: 'what is in the outbox of a folder',
  usage: `kor-coin-stream outbox inspect [DIR] [--messages] [--json]

Prints the segments of an outbox that hold messages which Kafka has not acknowledged, the offsets from which a start looks for them
in the topics, and what is damaged. Changes nothing, and may run while a collector uses the folder; what that did within the
last second is not seen then. DIR is the setting outbox.dir where it is left out. Exit code 1 where something is damaged.

--messages         the messages instead, one a line, in order
--json             one object; of messages one a line
${SETTINGS_USAGE}`,
  async run(args) {
    const flags = { ...SETTINGS_FLAGS, messages: 'boolean', json: 'boolean' } as const;
    const read = readArgs('outbox', args, flags, 2);
    const [action, named] = read.positionals;
    if (action !== 'inspect') throw usage('outbox', 'say what to do: inspect.');
    const folder = named ?? settingsOf(read).outbox.dir;
    if (folder === null) throw usage('outbox', 'name the folder: outbox.dir is not set.');
    try {
      return read.has('messages')
        ? await printMessages(folder, read.has('json'))
        : await printFolder(folder, read.has('json'));
    } catch (error) {
      const remedy = 'Name the folder of an outbox, as somebody who may read it.';
      throw new Fault('input_unreadable', folder, messageOf(error), remedy, error);
    }
  },
};

async function printFolder(folder: string, json: boolean): Promise<ExitCode> {
  const inspection = await inspect(systemDisk, folder);
  await writeOut(`${json ? JSON.stringify(inspection) : told(inspection)}\n`);
  return inspection.damages.length === 0 ? EXIT.ok : EXIT.found;
}

async function printMessages(folder: string, json: boolean): Promise<ExitCode> {
  const damages: Damage[] = [];
  for await (const { place, message } of messagesIn(systemDisk, folder, (damage) => damages.push(damage))) {
    const { value, ...rest } = message;
    const line = json ? JSON.stringify({ place, ...rest, bytes: value.length }) : messageLine(place, message);
    if (!(await writeOut(`${line}\n`))) return EXIT.ok;
  }
  for (const damage of damages) console.error(damageLine(damage));
  return damages.length === 0 ? EXIT.ok : EXIT.found;
}

function messageLine(place: number, message: Kept['message']): string {
  const { at, topic, key, rows, ticketId, value } = message;
  return `${place}  ${time(at)}  ${topic}  ${key ?? '-'}  ${rows} rows  ${value.length} bytes  ${ticketId || '-'}`;
}

/** The folder for people. */
function told(inspection: Inspection): string {
  const { folder, store, used_by, unreleased, bytes, segments, offsets, damages } = inspection;
  const lines = [
    `${folder}: outbox ${store}, ${used_by === null ? 'not in use' : `in use by ${used_by}`}`,
    `${unreleased} messages are not acknowledged; ${segments.length} segments hold them, ${bytes} bytes`,
  ];
  for (const one of segments) {
    const times = one.from === null || one.to === null ? '' : `, ${time(one.from)} to ${time(one.to)}`;
    const kind = one.compacted ? ', compacted' : '';
    lines.push(
      `${one.segment}  ${one.unreleased} of ${one.messages} messages, numbers ${one.first} to ${one.last}, ${one.bytes} bytes${times}${kind}, of ${one.collector ?? '?'}`,
    );
  }
  for (const [topic, partitions] of Object.entries(offsets)) {
    const shown = Object.entries(partitions).map(([partition, offset]) => `${partition}:${offset}`);
    lines.push(`acknowledged up to  ${topic}  ${shown.join(' ')}`);
  }
  return [...lines, ...damages.map(damageLine)].join('\n');
}

function damageLine({ segment, reason, messages, rows, from, to }: Damage): string {
  const count = messages === null ? 'nobody can know how many messages' : `${messages} messages`;
  const inRows = rows === null ? '' : `, not more than ${rows} rows`;
  const when = from === null ? '' : `, ${time(from)} to ${to === null ? 'its end' : time(to)}`;
  return `damaged  ${segment}: ${reason}; lost: ${count}${inRows}${when}`;
}

function time(micros: number): string {
  return new Date(micros / 1000).toISOString();
}
