import { SUBJECTS } from './fixtures.ts';
import { pastTradeRules } from './rules/past-trades.ts';

for (const subject of SUBJECTS) pastTradeRules(subject);
