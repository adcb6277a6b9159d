import { SUBJECTS } from './fixtures.ts';
import { fixtureRules } from './rules/fixtures.ts';

for (const subject of SUBJECTS) fixtureRules(subject);
