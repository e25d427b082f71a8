import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { createAccountIds } from './account-ids.ts';
import { formatAcl, parseAcl } from './acl-xattr.ts';
import { Failure } from './call-failure.ts';
import { type IdentityMap, identityTables, nobodyId } from './identity-map.ts';
import { createVolumeIds } from './volume-ids.ts';

const alice = 2_030_043_200;
const atlas = 2_013_265_950;
const tables = identityTables({
  passwd: [
    {
      name: 'alice@physics',
      uid: alice,
      gid: alice,
      gecos: 'alice@physics.example.org',
      home: '/home/physics/alice',
      shell: '/bin/bash',
      groups: [atlas],
    },
  ],
  groups: [
    { name: 'atlas.muon@physics', gid: atlas, members: [] },
    { name: 'members@physics', gid: atlas + 1, members: [] },
  ],
});
const map: IdentityMap = {
  userOf: (uid) => tables.userByUid.get(uid),
  groupOf: (gid) => tables.groupByGid.get(gid),
  uidOf: (user) => tables.uidByUser.get(user),
  gidOf: (group) => tables.gidByGroup.get(group),
  groupsOf: (uid) => (tables.gidsByUid.get(uid) ?? []).flatMap((gid) => tables.groupByGid.get(gid) ?? []),
};

function idsOf(takesForeignIds: boolean) {
  return createVolumeIds({
    map,
    takesForeignIds: () => takesForeignIds,
    monotonicMs: () => 0,
    statusOf: () => 'Name:\tsh\nGroups:\t4 27 1000 \n',
  });
}

test('users and groups of the grid are the same persons on every host', () => {
  const ids = idsOf(false);
  assert.deepEqual(ids.callerOf({ uid: alice, gid: alice, pid: 1 }), {
    name: 'alice@physics.example.org',
    groups: ['alice@physics.example.org', '/physics.example.org/atlas/muon'],
  });
  assert.equal(ids.uidOf('alice@physics.example.org'), alice);
  assert.equal(ids.gidOf('/physics.example.org/atlas/muon'), atlas);
  assert.equal(ids.gidOf('/physics.example.org'), atlas + 1);
  assert.equal(ids.ownerOf(alice), 'alice@physics.example.org');
});

test('who is not known here is nobody; ids are passed on only where the volume takes them', () => {
  assert.equal(idsOf(false).uidOf('bob@chemistry.example.org'), nobodyId);
  assert.equal(idsOf(false).uidOf('1000'), nobodyId);
  assert.throws(() => idsOf(false).ownerOf(1000), Failure);
  assert.equal(idsOf(true).uidOf('1000'), 1000);
  assert.equal(idsOf(true).ownerOf(1000), '1000');
  assert.deepEqual(idsOf(true).callerOf({ uid: 1000, gid: 1000, pid: 5 }), {
    name: '1000',
    groups: ['1000', '4', '27'],
  });
});

test('access control lists travel by names, and come back as they were', () => {
  const ids = idsOf(true);
  const value = Buffer.from(
    '0200000001000600ffffffff020007000000007904000400ffffffff10000700ffffffff20000000ffffffff',
    'hex',
  );
  value.writeUInt32LE(alice, 16);
  const acl = parseAcl(value, ids);
  assert.equal(acl.entries[1]?.name, 'alice@physics.example.org');
  assert.deepEqual(formatAcl(acl, ids), value);
  assert.throws(() => parseAcl(value.subarray(0, 11), ids), Failure);
  assert.throws(() => parseAcl(Buffer.from('01000000', 'hex'), ids), Failure);
});

test('at servers of XtreemFS accounts of the host have their names, everybody else has a number', (context) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'xos-accounts-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const files = { passwd: path.join(folder, 'passwd'), group: path.join(folder, 'group') };
  writeFileSync(files.passwd, 'root:x:0:0::/root:/bin/sh\ntoor:x:0:0:::\nbob:x:1000:1000:::\n# no account\n');
  writeFileSync(files.group, 'root:x:0:\nstaff:x:27:bob\n');
  const ids = createAccountIds(idsOf(true), { ...files, monotonicMs: () => 0 });
  const asBob = { uid: 1000, gid: 27, pid: 7 };
  assert.deepEqual(ids.callerOf(asBob), { name: 'bob', groups: ['staff', '4', '1000'] });
  assert.equal(ids.callerOf(asBob), ids.callerOf(asBob));
  assert.equal(ids.callerOf({ uid: 1001, gid: 1001, pid: 0 }).name, '1001');
  assert.equal(ids.callerOf({ uid: alice, gid: alice, pid: 0 }).name, 'alice@physics.example.org');
  assert.deepEqual([ids.ownerOf(0), ids.ownerOf(1001), ids.groupOf(27)], ['root', '1001', 'staff']);
  assert.deepEqual(
    [ids.uidOf('toor'), ids.uidOf('bob'), ids.uidOf('0'), ids.uidOf('carol')],
    [0, 1000, 0, nobodyId],
  );
  assert.equal(ids.gidOf('staff'), 27);
});
