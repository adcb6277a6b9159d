import { setDefaultTimeout } from 'bun:test';
import { SUBJECTS } from './fixtures.ts';
import { pastTradeRules } from './rules/past-trades.ts';
import { pastWalkRules } from './rules/past-walks.ts';

setDefaultTimeout(60_000);

for (const subject of SUBJECTS) {
  pastTradeRules(subject);
  pastWalkRules(subject);
}
