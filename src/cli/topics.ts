import { EXCHANGES } from '../../exchanges/index.ts';
import { EXIT } from '../common/errors.ts';
import { enabledExchanges } from '../config/exchange-parts.ts';
import { REGIONS } from '../core/market/market.ts';
import { aclCommands, topicCommands } from '../infra/kafka/topics/topic-commands.ts';
import { readArgs } from './args.ts';
import type { Command } from './command.ts';
import { SETTINGS_FLAGS, SETTINGS_USAGE, settingsOf } from './settings-flags.ts';

/** `topics` */
export const topics: Command = {
  name: 'topics',
  summary: 'the commands that create topics and ACLs on a locked broker',
  usage: `kor-coin-stream topics [--principal User:NAME] [--config DIR] [--set PATH=VALUE]…

Prints one shell command a line: every topic of the enabled exchanges' regions, then the ACLs of the collectors.

--principal P      Kafka principal of the collectors (User:kor-coin-stream)
${SETTINGS_USAGE}`,
  async run(args) {
    const read = readArgs('topics', args, { ...SETTINGS_FLAGS, principal: 'string' });
    const settings = settingsOf(read);
    const { kafka } = settings;
    const exchanges = enabledExchanges(EXCHANGES, settings);
    const options = {
      bootstrapServers: kafka.bootstrap_servers ?? 'localhost:9092',
      regions: REGIONS.filter((region) => exchanges.some((exchange) => exchange.region === region)),
      principal: read.value('principal') ?? 'User:kor-coin-stream',
      groupId: kafka.group_id,
      partitions: kafka.partitions,
      replication: kafka.replication_factor,
    };
    console.log([...topicCommands(options), ...aclCommands(options)].join('\n'));
    return EXIT.ok;
  },
};
