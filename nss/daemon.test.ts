import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { before, test } from 'node:test';
import { type DaemonMessage, encodeMessage, GID_MIN, type Message, UID_MIN } from '@xtreemos/module-protocol';
import { build, fakeDaemon, host, physics } from './test/driver.ts';

before(() => build('test-builds', 'sanitize'));

const alice = {
  type: 'passwdEntry',
  name: 'alice@physics',
  uid: UID_MIN + 5,
  gid: UID_MIN + 5,
  gecos: 'Alice',
  home: '/home/physics/alice',
  shell: '/bin/bash',
} as const satisfies DaemonMessage;
const aliceLine = `SUCCESS alice@physics:*:${alice.uid}:${alice.uid}:Alice:/home/physics/alice:/bin/bash`;

function good(question: Message): DaemonMessage {
  switch (question.type) {
    case 'getPasswdByName':
      return question.name === alice.name ? alice : { type: 'notFound' };
    case 'getPasswdByUid':
      return question.uid === alice.uid ? alice : { type: 'notFound' };
    case 'getGroupByName':
    case 'getGroupByGid':
      return {
        type: 'groupEntry',
        name: 'atlas@physics',
        gid: GID_MIN + 1,
        members: ['alice@physics', 'bob@physics'],
      };
    case 'getGroupsOfUser':
      return { type: 'groupList', gids: Array.from({ length: 100 }, (_, i) => GID_MIN + i) };
    default:
      return { type: 'unavailable' };
  }
}

test('without a map the daemon answers everything', async () => {
  using machine = host();
  await using daemon = await fakeDaemon(machine.socket, good);
  await using driver = machine.driver('asan');
  assert.equal(await driver.ask('pwnam alice@physics 512'), aliceLine);
  assert.equal(await driver.ask(`pwuid ${alice.uid} 512`), aliceLine);
  assert.equal(await driver.ask('pwnam alice@physics 20'), 'TRYAGAIN ERANGE');
  assert.equal(await driver.ask('pwnam bob@physics 512'), 'NOTFOUND ENOENT');
  const group = `SUCCESS atlas@physics:*:${GID_MIN + 1}:alice@physics,bob@physics`;
  assert.equal(await driver.ask('grnam atlas@physics 512'), group);
  assert.equal(await driver.ask(`grgid ${GID_MIN + 1} 512`), group);
  assert.equal(await driver.ask('grnam atlas@physics 40'), 'TRYAGAIN ERANGE');
  const groups = await driver.ask(`init alice@physics ${GID_MIN} 0`);
  assert.equal(groups.split(' ').length, 1 + 100);
  assert.deepEqual(daemon.asked[0], { type: 'getPasswdByName', name: 'alice@physics' });
});

test('what the map does not know the daemon may', async () => {
  using machine = host();
  machine.publish(physics(3));
  await using daemon = await fakeDaemon(machine.socket, good);
  await using driver = machine.driver();
  assert.match(await driver.ask('pwnam user1@physics 512'), /^SUCCESS user1/);
  assert.equal(daemon.asked.length, 0);
  assert.equal(await driver.ask('pwnam alice@physics 512'), aliceLine);
});

test('100,000 unknown names ask the daemon a few dozen times and keep nothing', async () => {
  using machine = host();
  machine.publish(physics(3));
  await using daemon = await fakeDaemon(machine.socket, good);
  await using driver = machine.driver();
  const started = performance.now();
  assert.equal(await driver.ask('many nobody 100000'), 'found 0 unknown 100000 unavailable 0 leaked 0');
  const tookSeconds = (performance.now() - started) / 1000;
  assert.ok(
    daemon.asked.length <= 21 + tookSeconds * 10,
    `${daemon.asked.length} questions in ${tookSeconds} s`,
  );
  assert.match(await driver.ask('pwnam user1@physics 512'), /^SUCCESS user1/);
});

const lies: Record<string, DaemonMessage | Buffer> = {
  'an account outside the managed range': { ...alice, uid: 0, gid: 0 },
  'a primary group outside the managed range': { ...alice, gid: 0 },
  'another account than asked for': { ...alice, name: 'bob@physics' },
  'a colon in the home directory': { ...alice, home: '/home:0:0' },
  'a group instead of an account': { type: 'groupList', gids: [1] },
  'a PAM message': { type: 'result', pamCode: 0, message: '', handle: '' },
  'a NUL in the name': Buffer.from(
    encodeMessage(alice).toString('latin1').replace('alice', 'al\0ce'),
    'latin1',
  ),
  'no protocol of ours': Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
  'a frame of 4 GB': Buffer.from([0x01, 0x58, 0x81, 0x01, 0xff, 0xff, 0xff, 0xff]),
  'notFound with bytes behind it': Buffer.from([0x01, 0x58, 0x84, 0x01, 1, 0, 0, 0, 0]),
};

for (const [what, lie] of Object.entries(lies)) {
  test(`${what} is no answer`, async () => {
    using machine = host();
    await using daemon = await fakeDaemon(machine.socket, () => lie);
    await using driver = machine.driver('asan');
    assert.equal(await driver.ask('pwnam alice@physics 512'), 'UNAVAIL EPROTO');
    // The daemon is then left alone for a while.
    assert.equal(await driver.ask('pwnam alice@physics 512'), 'UNAVAIL ETIMEDOUT');
    assert.equal(daemon.asked.length, 1);
  });
}

test('every truncation of a good answer is no answer', async () => {
  using machine = host();
  const frame = encodeMessage(alice);
  for (let length = 8; length < frame.length; length += 3) {
    const cut = Buffer.from(frame.subarray(0, length));
    cut.writeUInt32LE(length - 8, 4);
    await using _daemon = await fakeDaemon(machine.socket, () => cut);
    await using driver = machine.driver('asan');
    assert.equal(await driver.ask('pwnam alice@physics 512'), 'UNAVAIL EPROTO', `${length} bytes`);
  }
});

test('gids outside the managed range never become groups of a user', async () => {
  using machine = host();
  await using _daemon = await fakeDaemon(machine.socket, () => ({
    type: 'groupList',
    gids: [0, 27, GID_MIN],
  }));
  await using driver = machine.driver();
  assert.equal(await driver.ask(`init alice@physics ${alice.uid} 0`), `SUCCESS ${alice.uid} ${GID_MIN}`);
});

test('no daemon is unavailable at once, and found when it starts', async () => {
  using machine = host();
  await using driver = machine.driver();
  const started = performance.now();
  assert.equal(await driver.ask('many nobody 1000'), 'found 0 unknown 0 unavailable 1000 leaked 0');
  assert.ok(performance.now() - started < 1000);
  await using _daemon = await fakeDaemon(machine.socket, good);
  assert.equal(await driver.ask('pwnam alice@physics 512'), aliceLine);
});

for (const state of ['stopped by SIGSTOP', 'killed'] as const) {
  test(`a daemon ${state}: the map answers as ever, all the rest waits a second in all`, async () => {
    using machine = host();
    machine.publish(physics(100));
    const listen = `require('node:net').createServer(() => {}).listen(${JSON.stringify(machine.socket)}, () => console.log(1))`;
    const daemon = spawn(process.execPath, ['-e', listen], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(daemon.stdout, 'data');
      daemon.kill(state === 'killed' ? 'SIGKILL' : 'SIGSTOP');
      if (state === 'killed') await once(daemon, 'exit');
      await using driver = machine.driver();
      const started = performance.now();
      assert.match(await driver.ask('many nobody 500'), /^found 0 unknown \d+ unavailable \d+ leaked 0$/);
      assert.equal(await driver.ask('many user 100'), 'found 100 unknown 0 unavailable 0 leaked 0');
      const took = performance.now() - started;
      assert.ok(took < 1500, `${took} ms`);
    } finally {
      daemon.kill('SIGKILL');
    }
  });
}

test('a daemon that sends a byte now and then is cut off after a second', async () => {
  using machine = host();
  const frame = encodeMessage(alice);
  await using daemon = await fakeDaemon(machine.socket, () => frame.subarray(0, 12));
  await using driver = machine.driver();
  const started = performance.now();
  assert.equal(await driver.ask('pwnam alice@physics 512'), 'UNAVAIL ETIMEDOUT');
  const took = performance.now() - started;
  assert.ok(took > 900 && took < 1400, `${took} ms`);
  assert.equal(daemon.asked.length, 1);
});
