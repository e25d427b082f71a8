import assert from 'node:assert/strict';
import { chownSync, rmSync, symlinkSync, truncateSync } from 'node:fs';
import { before, test } from 'node:test';
import { GID_MIN, UID_MAX, UID_MIN, writeNssMap } from '@xtreemos/module-protocol';
import { build, fakeDaemon, host, physics } from './test/driver.ts';

before(() => build('test-builds', 'sanitize'));

for (const variant of ['test', 'asan', 'tsan'] as const) {
  test(`accounts and groups are found by name and id (${variant} build)`, async () => {
    using machine = host();
    machine.publish(physics(1000));
    await using driver = machine.driver(variant);
    const uid = UID_MIN + 7 * 999;
    const line = `SUCCESS user999@physics:*:${uid}:${uid}:Person 999:/home/physics/user999:/bin/bash`;
    assert.equal(await driver.ask('pwnam user999@physics 512'), line);
    assert.equal(await driver.ask(`pwuid ${uid} 512`), line);
    assert.equal(await driver.ask('grnam atlas@physics 512'), `SUCCESS atlas@physics:*:${GID_MIN + 1}:`);
    const members = `SUCCESS members@physics:*:${GID_MIN}:user0@physics,user1@physics`;
    assert.equal(await driver.ask(`grgid ${GID_MIN} 512`), members);
    const own = `SUCCESS user999@physics:*:${uid}:`;
    assert.equal(await driver.ask('grnam user999@physics 512'), own, 'the private group by name');
    assert.equal(await driver.ask(`grgid ${uid} 512`), own, 'the private group by id');
    assert.equal(
      await driver.ask(`init user999@physics ${uid} 0`),
      `SUCCESS ${uid} ${GID_MIN} ${GID_MIN + 1}`,
    );
    assert.equal(await driver.ask(`init user999@physics ${GID_MIN} 0`), `SUCCESS ${GID_MIN} ${GID_MIN + 1}`);
    assert.equal(
      await driver.ask(`init user999@physics ${uid} 2`),
      `SUCCESS ${uid} ${GID_MIN}`,
      'limit of 2',
    );
  });
}

test('a buffer too small is ERANGE at every size, the right one is enough', async () => {
  using machine = host();
  machine.publish(physics(2));
  await using driver = machine.driver('asan');
  for (const command of [
    'pwnam user1@physics',
    `pwuid ${UID_MIN}`,
    'grnam members@physics',
    `grgid ${UID_MIN}`,
  ]) {
    let enough = 0;
    for (let size = 0; size < 160; size++) {
      const answer = await driver.ask(`${command} ${size}`);
      if (answer.startsWith('SUCCESS')) enough++;
      else assert.equal(answer, 'TRYAGAIN ERANGE', `${command} ${size}`);
      if (enough > 0) assert.ok(answer.startsWith('SUCCESS'), `${command} ${size}`);
    }
    assert.ok(enough > 0, command);
  }
});

test('local names and foreign ids are unknown without looking anywhere', async () => {
  using machine = host();
  await using daemon = await fakeDaemon(machine.socket, () => undefined);
  await using driver = machine.driver();
  const names = [
    'root',
    'alice',
    '@physics',
    'alice@',
    'a@b@c',
    '../x@physics',
    'Alice@physics',
    'a@-b',
    '.a@physics',
  ];
  for (const name of [...names, `${'a'.repeat(300)}@physics`, `a@${'b'.repeat(17)}`, 'üser@physics']) {
    assert.equal(await driver.ask(`pwnam ${name} 512`), 'NOTFOUND ENOENT', name);
    assert.equal(await driver.ask(`init ${name} 1 0`), 'NOTFOUND ENOENT', name);
  }
  for (const id of [0, 1000, 65534, GID_MIN - 1, UID_MAX + 1, 4294967295]) {
    assert.equal(await driver.ask(`pwuid ${id} 512`), 'NOTFOUND ENOENT', `${id}`);
    assert.equal(await driver.ask(`grgid ${id} 512`), 'NOTFOUND ENOENT', `${id}`);
  }
  assert.equal(await driver.ask(`pwuid ${GID_MIN} 512`), 'NOTFOUND ENOENT', 'a gid is no uid');
  assert.deepEqual(daemon.asked, []);
});

test('XTREEMOS_NSS=off answers nothing', async () => {
  using machine = host();
  machine.publish(physics(2));
  await using driver = machine.driver('test', { XTREEMOS_NSS: 'off' });
  assert.equal(await driver.ask('pwnam user1@physics 512'), 'NOTFOUND ENOENT');
  assert.equal(await driver.ask(`grgid ${GID_MIN} 512`), 'NOTFOUND ENOENT');
});

test('a replaced map is taken up at once where something is missing, and soon everywhere', async () => {
  using machine = host();
  machine.publish(physics(2));
  await using _daemon = await fakeDaemon(machine.socket, () => ({ type: 'notFound' }));
  await using driver = machine.driver();
  assert.match(await driver.ask('pwnam user1@physics 512'), /^SUCCESS/);
  machine.publish(physics(5));
  assert.match(await driver.ask('pwnam user4@physics 512'), /^SUCCESS/);
  machine.publish(physics(1));
  const gone = async () => (await driver.ask('pwnam user4@physics 512')) === 'NOTFOUND ENOENT';
  const deadline = performance.now() + 2000;
  while (!(await gone())) assert.ok(performance.now() < deadline, 'the old map is still used after 2 s');
  rmSync(machine.map);
  assert.equal(await driver.ask('pwnam user3@physics 512'), 'NOTFOUND ENOENT', 'no map: the daemon is asked');
});

test('a forked child and its child find accounts, before and after the map was replaced', async () => {
  using machine = host();
  machine.publish(physics(3));
  await using driver = machine.driver('asan');
  assert.match(await driver.ask('fork pwnam user1@physics 512'), /^SUCCESS/);
  assert.match(await driver.ask('pwnam user1@physics 512'), /^SUCCESS/);
  assert.match(await driver.ask('fork fork pwnam user2@physics 512'), /^SUCCESS/);
  machine.publish(physics(9));
  assert.match(await driver.ask('fork pwnam user8@physics 512'), /^SUCCESS/);
});

for (const variant of ['test', 'tsan'] as const) {
  test(`four threads and forked children look up while the map is replaced (${variant} build)`, async () => {
    using machine = host();
    machine.publish(physics(200));
    await using driver = machine.driver(variant);
    let replaced = 0;
    const replacing = setInterval(() => {
      machine.publish(physics(200 + (replaced++ % 5)));
    }, 10);
    try {
      assert.equal(await driver.ask('threads 4 2000 200'), 'right 1 wrong 0 children 1 bad 0');
    } finally {
      clearInterval(replacing);
    }
    assert.ok(replaced > 10, `${replaced} replacements`);
  });
}

test('a map damaged in any bit or cut anywhere gives the right answer or none (ASan)', {
  timeout: 120_000,
}, async () => {
  using machine = host();
  machine.publish(physics(9));
  await using driver = machine.driver('asan');
  assert.equal(
    await driver.ask(`corrupt ${machine.map}`),
    'whole: right 22 none 0 wrong 0; damaged: right 1 none 1 wrong 0',
  );
});

test('a damaged map sends the question to the daemon', async () => {
  using machine = host();
  const bytes = writeNssMap(physics(1));
  bytes.writeUInt8(0x55, bytes.readUInt32LE(80) + 40); // in the first account's record
  machine.publish(bytes);
  await using daemon = await fakeDaemon(machine.socket, () => ({ type: 'notFound' }));
  await using driver = machine.driver();
  assert.match(await driver.ask('pwnam user0@physics 512'), /^NOTFOUND/);
  assert.equal(daemon.asked.length, 1);
});

test('a map that others could have written is not used', async () => {
  using machine = host();
  await using driver = machine.driver();
  machine.publish(physics(1), 0o666);
  assert.equal(await driver.ask('pwnam user0@physics 512'), 'UNAVAIL ENOENT', 'writable by others');
  machine.publish(physics(1));
  assert.match(await driver.ask('pwnam user0@physics 512'), /^SUCCESS/);
  machine.publish(physics(1));
  chownSync(machine.map, 1000, 1000);
  await using fresh = machine.driver();
  assert.equal(await fresh.ask('pwnam user0@physics 512'), 'UNAVAIL ENOENT', 'owned by somebody else');
  machine.publish(Buffer.alloc(0));
  assert.equal(await fresh.ask('pwnam user0@physics 512'), 'UNAVAIL ENOENT', 'empty');
  rmSync(machine.map);
  symlinkSync('/proc/self/maps', machine.map);
  assert.equal(await fresh.ask('pwnam user0@physics 512'), 'UNAVAIL ENOENT', 'a link');
  machine.publish(writeNssMap(physics(50)));
  truncateSync(machine.map, 5000);
  assert.equal(await fresh.ask('pwnam user0@physics 512'), 'UNAVAIL ENOENT', 'shorter than its header says');
});

test('enumeration lists nothing unless the map says so', async () => {
  using machine = host();
  machine.publish(physics(2));
  await using quiet = machine.driver();
  assert.equal(await quiet.ask('setpw'), 'SUCCESS');
  assert.equal(await quiet.ask('getpw'), 'NOTFOUND ENOENT');
  assert.equal(await quiet.ask('getgr'), 'NOTFOUND ENOENT');
  machine.publish({ ...physics(2), enumerate: true });
  await using driver = machine.driver('asan');
  for (const round of [1, 2]) {
    await driver.ask('setpw');
    await driver.ask('setgr');
    const names: string[] = [];
    for (const command of ['getpw', 'getgr']) {
      for (
        let line = await driver.ask(command);
        line.startsWith('SUCCESS');
        line = await driver.ask(command)
      ) {
        names.push(line.split(/[ :]/)[1] ?? '');
      }
    }
    const users = ['user0@physics', 'user1@physics'];
    assert.deepEqual(names, [...users, ...users, 'members@physics', 'atlas@physics'], `round ${round}`);
  }
});
