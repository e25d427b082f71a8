import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VoState } from '@xtreemos/accounts-client';
import { statusLine } from './status-line.ts';

const nowMs = Date.UTC(2026, 10, 25, 14, 3, 20);
const hour = 3_600_000;

function vo(alias: string, changes: Partial<VoState> = {}): VoState {
  return {
    vo: `${alias}.example`,
    alias,
    serviceUrl: `https://${alias}.example:7443`,
    connected: true,
    membershipVersion: 1,
    members: 1,
    ...changes,
  };
}

const line = (vos: readonly VoState[], changes: Partial<Parameters<typeof statusLine>[0]> = {}) =>
  statusLine({
    vos,
    counts: { members: 1280, leases: 5, sessions: 1 },
    crlsGoodUntilMs: nowMs + 24 * hour,
    mapProblem: undefined,
    nowMs,
    ...changes,
  });

describe('the status line of xos-accounts', () => {
  it('counts what is connected and in use, and says how long logins hold without news', () => {
    assert.equal(
      line([vo('physics'), vo('chem')]),
      '2 VOs connected; 1,280 members, 5 leases, 1 session; CRLs good until 2026-11-26 14:03 UTC',
    );
  });

  it('names a VO that it cannot reach, since when and why', () => {
    const lost = { connected: false, unreachableSinceMs: nowMs - 200_000, problem: 'connect ECONNREFUSED' };
    assert.match(
      line([vo('physics'), vo('chem', lost)]),
      /^1 VO connected, chem unreachable since 2026-11-25 14:00 UTC \(connect ECONNREFUSED\); /,
    );
    assert.match(line([vo('chem', lost)]), /^chem unreachable since /);
    assert.match(line([vo('chem', { connected: false })]), /^connecting to chem; /);
  });

  it('says when nobody can log in any more, and when look-ups are behind', () => {
    assert.match(
      line([vo('physics')], { crlsGoodUntilMs: nowMs - hour }),
      /; a CRL ended at 2026-11-25 13:03 UTC, its people cannot log in$/,
    );
    assert.match(
      line([vo('physics')], { mapProblem: 'the helper is away', crlsGoodUntilMs: undefined }),
      /sessions?; look-ups are behind: the helper is away$/,
    );
  });

  it('says what to do on a host that joined nothing', () => {
    assert.equal(line([]), 'No VO joined: xos node join');
  });
});
