import { writeSync } from 'node:fs';
import { AccountDatabase } from './account-database.ts';
import { aMember, aMembership, nothingForeign, siteRules, VO } from './account-fixtures.ts';
import { AccountStore } from './account-store.ts';
import { applyMembership } from './membership-application.ts';

/**
 * Run by account-crash.test.ts as a process of its own: `FILE SEED FAULT`. Applies lists, makes and ends leases, says on
 * standard output what was acknowledged, and kills itself before statement number FAULT.
 */
const [file = '', seedText = '1', faultText = '0'] = process.argv.slice(2);
let statements = 0;
let state = Number(seedText);

/** Numerical Recipes' linear congruential generator: the same run for the same seed. */
function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state % below;
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

const database = new AccountDatabase(file, {
  beforeStatement: () => {
    statements += 1;
    if (statements === Number(faultText)) process.kill(process.pid, 'SIGKILL');
  },
});
const store = new AccountStore(database);
// So narrow a range that names collide all the time.
const rules = siteRules({ userRange: { first: 2030043136, last: 2030043136 + 63 } });
const users = Array.from({ length: 30 }, (_, index) => `user${index}`);
let version = store.vos()[0]?.version ?? 0;

for (let round = 0; round < 6; round++) {
  const members = users.filter(() => random(3) > 0).map((user) => aMember(user));
  version += 1;
  await applyMembership(database, aMembership(members, { version }), rules, nothingForeign);
  for (const lease of store.endingLeases()) say(`ending ${lease.user}`);
  for (const assignment of store.assignments()) say(`uid ${assignment.user} ${assignment.uid}`);
  await Promise.all(
    members.slice(0, 12).map(async ({ user }) => {
      const present = store.leaseOf(VO, user);
      if (present?.state === 'leased' && random(3) === 0) {
        say(`ending ${user}`);
        await store.beginEnd(present.leaseId, 'test');
      } else if (present === undefined) {
        const { lease } = await store.lease(VO, user, rules.nowMs, rules.nowMs + 1000);
        say(`lease ${user} ${lease.leaseId}`);
      }
    }),
  );
  for (const lease of store.endingLeases()) await store.finishEnd(lease);
}
say(`statements ${statements}`);
database.close();
