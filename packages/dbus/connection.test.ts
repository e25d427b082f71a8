import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { isXosError, XosError } from '@xtreemos/base';
import { type ConnectionOptions, connectBus, type DbusConnection } from './connection.ts';
import type { Caller, InterfaceDefinition } from './interface-definition.ts';
import { type PrivateBus, startPrivateBus } from './private-bus.ts';

const run = promisify(execFile);
const name = 'org.xtreemos.Test1';
const path = '/org/xtreemos/Test1';

function testInterface(seen: { caller?: Caller } = {}): InterfaceDefinition {
  let volume = 3;
  return {
    name,
    methods: {
      Add: {
        input: { a: 'i', b: 'i' },
        output: { sum: 'i' },
        handle: ([a, b], caller) => {
          seen.caller = caller;
          return [Number(a) + Number(b)];
        },
      },
      Echo: {
        input: { everything: '(ybnqiuxtdsoga{sv}asay)' },
        output: { everything: '(ybnqiuxtdsoga{sv}asay)' },
        handle: (args) => args,
      },
      Refuse: {
        handle: () => {
          throw new XosError('XOS_MEMBER_SUSPENDED', { user: 'bob', vo: 'physics' });
        },
      },
      Break: {
        handle: () => {
          throw new TypeError('inner workings');
        },
      },
      Lie: { output: { number: 'u' }, handle: () => ['no number'] },
      Hang: { handle: () => new Promise(() => undefined) },
      Guarded: { polkitAction: 'org.xtreemos.test', output: { ok: 'b' }, handle: () => [true] },
    },
    properties: {
      Version: { signature: 's', get: () => '1.0', emitsChange: 'const' },
      Volume: {
        signature: 'u',
        get: () => volume,
        set: {
          handle: (value) => {
            volume = Number(value);
          },
        },
      },
    },
    signals: { Changed: { what: 's', count: 'u' } },
  };
}

describe('a D-Bus connection', { timeout: 60_000 }, () => {
  let bus: PrivateBus;
  const connections: DbusConnection[] = [];
  const connected = async (options: ConnectionOptions = {}) => {
    const connection = await connectBus({ address: bus.address, backoffMs: () => 20, ...options });
    connections.push(connection);
    return connection;
  };
  const busctl = (...args: string[]) => run('busctl', [`--address=${bus.address}`, ...args]);

  before(async () => {
    bus = await startPrivateBus();
  });
  after(async () => {
    for (const connection of connections) await connection.close();
    await bus.remove();
  });

  it('serves methods, properties and introspection to busctl and dbus-send', async () => {
    const seen: { caller?: Caller } = {};
    const server = await connected();
    server.exportInterface(path, testInterface(seen));
    await server.ownName(name);

    assert.equal((await busctl('call', name, path, name, 'Add', 'ii', '40', '2')).stdout, 'i 42\n');
    assert.equal(seen.caller?.uid, process.getuid?.());
    assert.ok((seen.caller?.pid ?? 0) > 0);
    assert.equal((await busctl('get-property', name, path, name, 'Version')).stdout, 's "1.0"\n');
    await busctl('set-property', name, path, name, 'Volume', 'u', '7');
    assert.equal((await busctl('get-property', name, path, name, 'Volume')).stdout, 'u 7\n');

    const { stdout: members } = await busctl('introspect', name, path, name);
    for (const member of ['.Add', '.Echo', '.Version', '.Volume', '.Changed'])
      assert.match(members, new RegExp(`\\${member} `));
    assert.match((await busctl('tree', name)).stdout, /\/org\/xtreemos\/Test1/);
    const { stdout: xml } = await run('dbus-send', [
      `--bus=${bus.address}`,
      '--print-reply=literal',
      `--dest=${name}`,
      path,
      'org.freedesktop.DBus.Introspectable.Introspect',
    ]);
    assert.match(xml, /<method name="Add">\s*<arg name="a" type="i" direction="in"\/>/);
  });

  it('carries every type there and back', async () => {
    const server = await connected();
    const client = await connected();
    server.exportInterface(path, testInterface());
    const everything = [
      255,
      true,
      -32768,
      65535,
      -2147483648,
      4294967295,
      -(2n ** 63n),
      2n ** 64n - 1n,
      Math.PI,
      'süß \u{1f600}',
      '/a/b_1',
      'a{sv}',
      {
        __proto__x: { signature: 'v', value: { signature: 'ai', value: [1, -1] } },
        empty: { signature: 's', value: '' },
      },
      [],
      Buffer.from([0, 1, 255]),
    ];
    const [answer] = await client.call({
      destination: server.uniqueName ?? '',
      path,
      interface: name,
      member: 'Echo',
      signature: '(ybnqiuxtdsoga{sv}asay)',
      body: [everything],
    });
    assert.deepEqual(answer, everything);
  });

  it('hands errors of the registry over with code and details, to busctl as a sentence', async () => {
    const server = await connected();
    const client = await connected();
    server.exportInterface(path, testInterface());
    const destination = server.uniqueName ?? '';
    await assert.rejects(client.call({ destination, path, interface: name, member: 'Refuse' }), (error) => {
      assert.ok(isXosError(error, 'XOS_MEMBER_SUSPENDED'));
      assert.deepEqual(error.details, { user: 'bob', vo: 'physics' });
      return true;
    });
    await assert.rejects(
      busctl('call', destination, path, name, 'Refuse'),
      /The membership of bob in VO physics is suspended/,
    );
  });

  it('tells a caller nothing about a defect, and its owner everything', async () => {
    const defects: string[] = [];
    const server = await connected({ onDefect: (error, what) => defects.push(`${what}: ${error}`) });
    const client = await connected();
    server.exportInterface(path, testInterface());
    const target = { destination: server.uniqueName ?? '', path, interface: name };
    await assert.rejects(client.call({ ...target, member: 'Break' }), (error) => {
      assert.ok(isXosError(error, 'XOS_INTERNAL'));
      assert.doesNotMatch(error.message, /inner workings/);
      return true;
    });
    await assert.rejects(client.call({ ...target, member: 'Lie' }), (error) =>
      isXosError(error, 'XOS_INTERNAL'),
    );
    assert.match(
      defects.join('\n'),
      /Break: TypeError: inner workings\n.*Lie: .*argument 0: expected a number/,
    );
  });

  it('refuses wrong arguments, members, objects and properties by name', async () => {
    const server = await connected();
    const client = await connected();
    server.exportInterface(path, testInterface());
    const target = { destination: server.uniqueName ?? '', path, interface: name };
    const dbusNameOf = async (promise: Promise<unknown>) => {
      const error = await promise.then(
        () => assert.fail('accepted'),
        (reason: unknown) => reason,
      );
      assert.ok(isXosError(error));
      return error.details['dbusName'] ?? error.code;
    };
    const prefix = 'org.freedesktop.DBus.Error.';
    assert.equal(
      await dbusNameOf(client.call({ ...target, member: 'Add', signature: 's', body: ['x'] })),
      'XOS_INPUT_BAD',
    );
    assert.equal(await dbusNameOf(client.call({ ...target, member: 'Nope' })), `${prefix}UnknownMethod`);
    assert.equal(
      await dbusNameOf(client.call({ ...target, member: 'constructor' })),
      `${prefix}UnknownMethod`,
    );
    assert.equal(
      await dbusNameOf(client.call({ ...target, path: '/nowhere', member: 'Add' })),
      `${prefix}UnknownObject`,
    );
    assert.equal(
      await dbusNameOf(client.getProperty({ ...target, name: 'toString' })),
      `${prefix}UnknownProperty`,
    );
    assert.equal(
      await dbusNameOf(client.call({ ...target, member: 'Add', signature: 'ii', body: [1, 2 ** 31] })),
      'XOS_INPUT_BAD',
    );
    assert.equal(
      await dbusNameOf(client.call({ ...target, destination: 'org.nobody.Here', member: 'Add' })),
      'XOS_UNREACHABLE',
    );
  });

  it('gives up a call at its time limit', async () => {
    const server = await connected();
    const client = await connected();
    server.exportInterface(path, testInterface());
    await assert.rejects(
      client.call({
        destination: server.uniqueName ?? '',
        path,
        interface: name,
        member: 'Hang',
        timeoutMs: 50,
      }),
      (error) => isXosError(error, 'XOS_TIMEOUT'),
    );
  });

  it('bounds the calls of one sender that wait at the same time', async () => {
    const server = await connected();
    const client = await connected();
    server.exportInterface(path, testInterface());
    const call = {
      destination: server.uniqueName ?? '',
      path,
      interface: name,
      member: 'Hang',
      timeoutMs: 2000,
    };
    const results = await Promise.allSettled(Array.from({ length: 70 }, () => client.call(call)));
    const codes = results.map((result) => (result.status === 'rejected' ? result.reason.code : 'answered'));
    assert.equal(codes.filter((code) => code === 'XOS_RESOURCE_EXHAUSTED').length, 6);
  });

  it('delivers signals only of the wanted sender', async () => {
    const server = await connected();
    const forger = await connected();
    const client = await connected();
    const signalName = 'org.xtreemos.Signals1';
    const real = server.exportInterface('/signals', { ...testInterface(), name: signalName });
    const forged = forger.exportInterface('/signals', { ...testInterface(), name: signalName });
    await server.ownName(signalName);
    const fromOwner: unknown[] = [];
    let anyCount = 0;
    const bothSeen = new Promise<void>((resolve) => {
      void client.subscribe({ interface: signalName, member: 'Changed' }, () => {
        anyCount += 1;
        if (anyCount === 2) resolve();
      });
    });
    await client.subscribe({ sender: signalName, interface: signalName, member: 'Changed' }, ({ body }) => {
      fromOwner.push(body);
    });
    forged.emit('Changed', ['forged', 1]);
    real.emit('Changed', ['real', 2]);
    await bothSeen;
    assert.deepEqual(fromOwner, [['real', 2]]);
  });

  it('announces changed properties', async () => {
    const server = await connected();
    const client = await connected();
    const exported = server.exportInterface(path, testInterface());
    const changed = new Promise((resolve) => {
      void client
        .subscribe(
          {
            sender: server.uniqueName ?? '',
            interface: 'org.freedesktop.DBus.Properties',
            member: 'PropertiesChanged',
          },
          ({ body }) => resolve(body),
        )
        .then(() => exported.propertiesChanged(['Volume']));
    });
    assert.deepEqual(await changed, [name, { Volume: { signature: 'u', value: 3 } }, []]);
  });

  it('refuses a name that another process owns', async () => {
    const first = await connected();
    const second = await connected();
    await first.ownName('org.xtreemos.Once1');
    await assert.rejects(second.ownName('org.xtreemos.Once1'), (error) => isXosError(error, 'XOS_EXISTS'));
  });

  it('lets uid 0 and nobody else pass where there is no polkit', async () => {
    const client = await connected();
    assert.equal(await client.isAuthorized({ uniqueName: ':1.1', uid: 0 }, 'org.xtreemos.test'), true);
    assert.equal(await client.isAuthorized({ uniqueName: ':1.1', uid: 1000 }, 'org.xtreemos.test'), false);
  });

  it('asks polkit where it is, and does what it says', async () => {
    const polkit = await connected();
    const client = await connected();
    const asked: unknown[] = [];
    polkit.exportInterface('/org/freedesktop/PolicyKit1/Authority', {
      name: 'org.freedesktop.PolicyKit1.Authority',
      methods: {
        CheckAuthorization: {
          input: { subject: '(sa{sv})', action: 's', details: 'a{ss}', flags: 'u', cancellation: 's' },
          output: { result: '(bba{ss})' },
          handle: (args) => {
            asked.push(args[0]);
            return [[args[1] === 'org.xtreemos.allowed', false, {}]];
          },
        },
      },
    });
    await polkit.ownName('org.freedesktop.PolicyKit1');
    assert.equal(await client.isAuthorized({ uniqueName: ':1.7', uid: 1000 }, 'org.xtreemos.allowed'), true);
    assert.equal(await client.isAuthorized({ uniqueName: ':1.7', uid: 1000 }, 'org.xtreemos.other'), false);
    assert.deepEqual(asked[0], ['system-bus-name', { name: { signature: 's', value: ':1.7' } }]);
    await polkit.close();
  });

  it('comes back after the bus was lost, with names, objects and subscriptions', async () => {
    const own = await startPrivateBus();
    try {
      const states: string[] = [];
      let back: () => void = () => undefined;
      const connectedAgain = new Promise<void>((resolve) => {
        back = resolve;
      });
      const address = own.address;
      const server = await connectBus({
        address,
        backoffMs: () => 20,
        onState: (state) => {
          states.push(state);
          if (state === 'connected') back();
        },
      });
      const exported = server.exportInterface(path, testInterface());
      await server.ownName(name);
      const hanging = server.call({
        destination: server.uniqueName ?? '',
        path,
        interface: name,
        member: 'Hang',
      });
      let heard: () => void = () => undefined;
      const signal = new Promise<void>((resolve) => {
        heard = resolve;
      });
      await server.subscribe({ sender: name, interface: name, member: 'Changed' }, () => heard());
      const rejected = assert.rejects(hanging, (error) => isXosError(error, 'XOS_UNREACHABLE'));
      await own.kill();
      await rejected;
      await assert.rejects(server.ownName('org.x.Y'), (error) => isXosError(error, 'XOS_UNREACHABLE'));
      exported.emit('Changed', ['lost', 0]);
      await own.start();
      await connectedAgain;
      const { stdout } = await run('busctl', [
        `--address=${address}`,
        'call',
        name,
        path,
        name,
        'Add',
        'ii',
        '1',
        '1',
      ]);
      assert.equal(stdout, 'i 2\n');
      exported.emit('Changed', ['again', 1]);
      await signal;
      assert.deepEqual(states, ['lost', 'connected']);
      await server.close();
    } finally {
      await own.remove();
    }
  });

  it('survives a bus that talks nonsense or dies in the middle of a message', async () => {
    for (const speech of [
      'REJECTED EXTERNAL\r\n',
      'x'.repeat(20_000),
      'OK 1234\r\nnonsense that is no message',
      'OK 1234\r\nl\x02\x00\x01\xff\xff\xff\x00\x01\x00\x00\x00\x08\x00\x00\x00\x00',
    ]) {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => socket.end(Buffer.from(speech, 'latin1')));
      });
      const socketPath = `${bus.directory}/nonsense.sock`;
      server.listen(socketPath);
      await once(server, 'listening');
      await assert.rejects(connectBus({ address: `unix:path=${socketPath}` }), (error) =>
        isXosError(error, 'XOS_UNREACHABLE'),
      );
      server.close();
      await once(server, 'close');
    }
  });

  it('says where a bus is not', async () => {
    await assert.rejects(
      connectBus({ address: 'unix:path=/nonexistent/bus' }),
      /message bus at \/nonexistent\/bus/,
    );
    await assert.rejects(connectBus({ address: 'tcp:host=localhost' }), (error) =>
      isXosError(error, 'XOS_INPUT_BAD'),
    );
  });
});
