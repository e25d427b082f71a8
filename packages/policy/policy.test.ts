import assert from 'node:assert/strict';
import test from 'node:test';
import { type AccessRequest, activeMembersPolicy, decide, parseDenyEntry, siteDenyList } from './index.ts';

function request(changes: Partial<AccessRequest['principal']> = {}): AccessRequest {
  return {
    principal: {
      globalUserId: 'alice@physics.example',
      vo: 'physics.example',
      user: 'alice',
      login: 'alice@physics',
      guid: 'g-1',
      fqans: ['/physics.example', '/physics.example/atlas/Role=admin'],
      activeMember: true,
      ...changes,
    },
    action: 'login',
    service: 'login',
    remoteHost: '',
    atMs: 0,
  };
}

const members = activeMembersPolicy('physics.example');
const denying = (...words: string[]) => siteDenyList(words.map(parseDenyEntry));

test('an active member whom the site does not name may log in', () => {
  const decision = decide(members, denying(), request());
  assert.equal(decision.allowed, true);
  assert.match(decision.reason, /active member; site:/);
});

test('either side alone refuses, and the decision says which and why', () => {
  const byVo = decide(members, denying(), request({ activeMember: false }));
  assert.deepEqual([byVo.allowed, byVo.refusedBy], [false, 'vo']);
  assert.match(byVo.reason, /not an active member/);
  const bySite = decide(members, denying('alice@physics.example'), request());
  assert.deepEqual([bySite.allowed, bySite.refusedBy], [false, 'site']);
  assert.match(bySite.reason, /alice@physics\.example/);
});

test("a VO's policy never speaks for another VO's member", () => {
  assert.equal(decide(members, denying(), request({ vo: 'other.example' })).allowed, false);
});

test('a denied group covers subgroups and roles but not names that merely begin alike', () => {
  assert.equal(denying('/physics.example/atlas').evaluate(request()).allowed, false);
  assert.equal(denying('/physics.example/atl').evaluate(request()).allowed, true);
  assert.equal(denying('/physics.example/atlas/Role=user').evaluate(request()).allowed, true);
  assert.equal(denying('@physics.example').evaluate(request()).allowed, false);
});

test('a policy that throws, or answers something that is not true, refuses', () => {
  const broken = { name: 'broken', evaluate: () => assert.fail('no such rule') };
  assert.equal(decide(members, broken, request()).refusedBy, 'site');
  const vague = { name: 'vague', evaluate: () => ({ allowed: 'yes' as unknown as boolean, reason: '' }) };
  assert.equal(decide(vague, denying(), request()).allowed, false);
});

test('words of the deny list that name nobody are refused', () => {
  for (const word of ['alice', '', '@', 'Alice@physics', '/..//', 'a@b@c', '/vo/Role=']) {
    assert.throws(() => parseDenyEntry(word), /neither/, word);
  }
});
