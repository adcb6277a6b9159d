import { version as number } from '../../package.json';
import { commit } from '../common/build-info.ts';
import { EXIT, messageOf } from '../common/errors.ts';
import { LEAST_GLIBC, librdkafkaVersion } from '../infra/kafka/addon/load.ts';
import { readArgs } from './args.ts';
import type { Command } from './command.ts';

/** `version` */
export const version: Command = {
  name: 'version',
  summary: 'version, commit, Bun, librdkafka, least glibc',
  usage: 'kor-coin-stream version',
  async run(args) {
    readArgs('version', args, {});
    console.log(
      [
        `kor-coin-stream ${number}`,
        `commit ${commit()}`,
        `bun ${Bun.version}`,
        `librdkafka ${librdkafka()}`,
        `glibc ${LEAST_GLIBC} or newer`,
      ].join('\n'),
    );
    return EXIT.ok;
  },
};

function librdkafka(): string {
  try {
    return librdkafkaVersion();
  } catch (error) {
    return `not available: ${messageOf(error)}`;
  }
}
