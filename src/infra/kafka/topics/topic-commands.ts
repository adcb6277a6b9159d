import type { Region } from '../../../core/market/market.ts';
import type { TopicOptions } from './admin.ts';
import { topicsFor } from './topics.ts';

export interface CommandOptions extends Omit<TopicOptions, 'create'> {
  readonly bootstrapServers: string;
  readonly regions: readonly Region[];
  /** Kafka principal of the collectors, e.g. `User:collector`. */
  readonly principal: string;
  /** Consumer group of the command intake. */
  readonly groupId: string;
}

/** The shell commands that create the topics on a broker where the collector may not. */
export function topicCommands(options: CommandOptions): string[] {
  return topicsFor(options.regions).map(({ topic, policy }) => {
    const partitions = policy.partitions === 'setting' ? options.partitions : policy.partitions;
    const replication = options.replication > 0 ? ` --replication-factor ${options.replication}` : '';
    return (
      `kafka-topics.sh --bootstrap-server ${options.bootstrapServers} --create --if-not-exists --topic ${topic}` +
      ` --partitions ${partitions}${replication} --config retention.ms=${policy.retentionMs}` +
      ' --config cleanup.policy=delete'
    );
  });
}

/** The shell commands that give the collectors exactly what they need. */
export function aclCommands(options: CommandOptions): string[] {
  const add = `kafka-acls.sh --bootstrap-server ${options.bootstrapServers} --add --allow-principal '${options.principal}'`;
  const topics = topicsFor(options.regions).map(({ topic, policy }) => {
    const operation = policy.access === 'write' ? 'Write' : 'Read';
    return `${add} --operation ${operation} --operation Describe --topic ${topic}`;
  });
  return [...topics, `${add} --operation Read --group ${options.groupId}`];
}
