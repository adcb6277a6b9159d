import { audit } from './audit/audit.ts';
import { check } from './check/check.ts';
import type { Command } from './command.ts';
import { exchanges } from './exchanges.ts';
import { help } from './help.ts';
import { outbox } from './outbox.ts';
import { record } from './record.ts';
import { replay } from './replay.ts';
import { run } from './run.ts';
import { schemas } from './schemas.ts';
import { send } from './send.ts';
import { service } from './service/service.ts';
import { tail } from './tail.ts';
import { topics } from './topics.ts';
import { version } from './version.ts';

/** Every command, in the order of the overview. `help` reads this list, so it gets it handed in. */
export const COMMANDS: readonly Command[] = [
  run,
  replay,
  record,
  send,
  tail,
  audit,
  exchanges,
  topics,
  schemas,
  check,
  outbox,
  service,
  version,
  help(() => COMMANDS),
];
