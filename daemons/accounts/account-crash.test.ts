import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { AccountDatabase } from './account-database.ts';
import { temporaryDirectory, VO } from './account-fixtures.ts';
import { AccountStore } from './account-store.ts';

/** What the child has been told is durable, in order: `uid USER UID`, `lease USER ID`, `ended USER`. */
type Acknowledged = readonly string[];

/** Runs the workload until it ends or kills itself with SIGKILL before statement `fault`; 0 lets it finish. */
function runWorkload(
  file: string,
  seed: number,
  fault: number,
): Promise<{ acknowledged: Acknowledged; killed: boolean }> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'account-crash-workload.ts'), file, `${seed}`, `${fault}`],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code !== 0 && signal !== 'SIGKILL') reject(new Error(`workload failed (${code}): ${errors}`));
      // A line cut off by the kill was not acknowledged.
      else resolve({ acknowledged: output.split('\n').slice(0, -1), killed: signal === 'SIGKILL' });
    });
  });
}

function checkInvariants(file: string, acknowledged: Acknowledged, at: string): void {
  const database = new AccountDatabase(file);
  try {
    const store = new AccountStore(database);
    assert.equal(database.get('PRAGMA integrity_check')?.['integrity_check'], 'ok', at);
    const assignments = store.assignments();
    const uids = assignments.map(({ uid }) => uid);
    assert.equal(new Set(uids).size, uids.length, `${at}: a uid was given twice`);
    const resting = database
      .all("SELECT value FROM tombstone WHERE kind = 'uid'")
      .map((row) => Number(row['value']));
    assert.deepEqual(
      resting.filter((uid) => uids.includes(uid)),
      [],
      `${at}: a resting uid is assigned`,
    );
    for (const lease of store.leases()) {
      const assignment = store.byIdentity(lease.vo, lease.user);
      assert.ok(
        lease.state === 'ending' || assignment?.uid === lease.uid,
        `${at}: a lease without its account`,
      );
    }
    const everGiven = new Map<string, string>();
    const leased = new Map<string, string>();
    for (const line of acknowledged) {
      const [what, user = '', value = ''] = line.split(' ');
      if (what === 'uid') {
        assert.equal(everGiven.get(value) ?? user, user, `${at}: uid ${value} went to two people`);
        everGiven.set(value, user);
        const now = store.byIdentity(VO, user);
        if (now !== undefined) assert.equal(String(now.uid), value, `${at}: ${user} changed uid`);
      }
      if (what === 'lease') leased.set(user, value);
      if (what === 'ending') leased.delete(user);
    }
    for (const [user, leaseId] of leased) {
      // An end that was begun but not yet acknowledged may have happened; a lease may never just be missing.
      assert.equal(
        store.leaseOf(VO, user)?.leaseId,
        leaseId,
        `${at}: an acknowledged lease of ${user} is lost`,
      );
    }
  } finally {
    database.close();
  }
}

test('killed before any statement, the store comes back whole and keeps what it acknowledged', {
  timeout: 500_000,
}, async (context) => {
  const directory = temporaryDirectory(context);
  const whole = await runWorkload(join(directory, 'whole.db'), 1, 0);
  assert.equal(whole.killed, false);
  const statements = Number(whole.acknowledged.at(-1)?.split(' ')[1]);
  assert.ok(statements > 300, `the workload has ${statements} statements`);
  // Every statement of the beginning, then samples: BEGIN, inserts, savepoints and COMMIT of every kind are hit.
  const faults = [1, 3, 8];
  for (let fault = 20; fault < statements; fault += Math.ceil(statements / 12)) faults.push(fault);
  for (const fault of faults) {
    const file = join(directory, `fault-${fault}.db`);
    const run = await runWorkload(file, 1, fault);
    assert.equal(run.killed, true, `statement ${fault} was reached`);
    checkInvariants(file, run.acknowledged, `killed before statement ${fault}`);
    // What a restarted daemon would do: go on with the same file, and be killed once more.
    const again = await runWorkload(file, 2, fault + 7);
    checkInvariants(
      file,
      [...run.acknowledged, ...again.acknowledged],
      `killed again before statement ${fault + 7}`,
    );
  }
});
