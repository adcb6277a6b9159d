import { SUBJECTS } from './fixtures.ts';
import { marketRules } from './rules/markets.ts';

for (const subject of SUBJECTS) marketRules(subject);
