import { describe, expect, test } from 'bun:test';
import { aclCommands, topicCommands } from '../../src/infra/kafka/topics/topic-commands.ts';
import { avroFamilies, subjectOf, topicName, topicsFor } from '../../src/infra/kafka/topics/topics.ts';

describe('topics', () => {
  test('names, formats and keys are those that others rely on', () => {
    const table = topicsFor(['korea', 'na']).map(({ topic, policy }) => [topic, policy.format, policy.key]);
    const stream = '{exchange}|{region}|{request_type}';
    const metric = '{region}|{exchange}|{request_type}';
    const regional = (family: string, key: string) =>
      ['korea', 'na'].map((region) => [`${family}.${region}`, 'avro', key]);
    expect(table).toEqual([
      ...regional('ticker-data', '{exchange}|{code}'),
      ...regional('trade-data', '{exchange}|{code}'),
      ...regional('orderbook-data', '{exchange}|{code}'),
      ...regional('ws.connect_success', `${stream}|{code}`),
      ...regional('ws.metrics.reception', metric),
      ...regional('ws.metrics.processing', metric),
      ...regional('ws.metrics.quality', metric),
      ['ws.command', 'json', metric],
      ['ws.event', 'json', stream],
      ['ws.error', 'json', 'none'],
      ['ws.dlq', 'json', `key of the command, else ${stream}`],
      ['ws.backpressure.events', 'json', '{producer_name}'],
      ['monitoring.batch.performance', 'json', '{region}:{exchange}:{request_type}'],
    ]);
  });

  test('subjects of the Avro families', () => {
    expect(avroFamilies().map(({ family }) => subjectOf(family))).toEqual([
      'ticker-data-value',
      'trade-data-value',
      'orderbook-data-value',
      'ws.connect_success-value',
      'ws.metrics.reception-value',
      'ws.metrics.processing-value',
      'ws.metrics.quality-value',
    ]);
    expect([topicName('ws.event', 'asia'), topicName('trade-data', 'asia')]).toEqual([
      'ws.event',
      'trade-data.asia',
    ]);
  });

  test('commands are ordered in one partition; data is spread as the setting says', () => {
    const partitions = new Map(topicsFor(['eu']).map(({ topic, policy }) => [topic, policy.partitions]));
    expect([partitions.get('ws.command'), partitions.get('trade-data.eu')]).toEqual([1, 'setting']);
  });

  test('commands for a locked broker: create every topic, then exactly the rights that are needed', () => {
    const options = {
      bootstrapServers: 'b:9092',
      regions: ['korea'] as const,
      partitions: 6,
      replication: 3,
      principal: 'User:collector',
      groupId: 'coin-stream',
    };
    const create = topicCommands(options);
    expect(create[0]).toBe(
      'kafka-topics.sh --bootstrap-server b:9092 --create --if-not-exists --topic ticker-data.korea --partitions 6' +
        ' --replication-factor 3 --config retention.ms=604800000 --config cleanup.policy=delete',
    );
    expect(create.length).toBe(13);
    expect(topicCommands({ ...options, replication: -1 })[0]).not.toContain('replication');
    const acls = aclCommands(options);
    expect(acls.filter((line) => line.includes('--operation Read'))).toEqual([
      "kafka-acls.sh --bootstrap-server b:9092 --add --allow-principal 'User:collector' --operation Read --operation Describe --topic ws.command",
      "kafka-acls.sh --bootstrap-server b:9092 --add --allow-principal 'User:collector' --operation Read --group coin-stream",
    ]);
    expect(acls.length).toBe(14);
  });
});
