import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';

// The addons themselves, without the typed face in front: what JavaScript passes by mistake or on purpose.
const load = createRequire(import.meta.url);
type Callable = (...parameters: unknown[]) => unknown;
const sys = load('./sys/build/sys.node') as Record<string, Callable>;
const keyring = load('./keyring/build/keyring.node') as Record<string, Callable>;
const nss = load('./nss/build/nss.node') as Record<string, Callable>;
const fuse = load('./fuse/build/fuse.node') as Record<string, Callable>;
const pam = load('./pam/build/pam.node') as {
  Transaction: new (...parameters: unknown[]) => Record<string, Callable>;
};

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'xos-arguments-'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

/** A value that would do without harm (no such descriptor, no such key), and values that must be refused. */
interface Kind {
  readonly valid: () => unknown;
  readonly wrong: fc.Arbitrary<unknown>;
}

const anything = fc.oneof(
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withTypedArray: true,
    withNullPrototype: true,
  }),
  fc.constantFrom<unknown>(
    Symbol('x'),
    Symbol.iterator,
    () => 0,
    new Proxy({}, {}),
    new Proxy([], {}),
    1n,
    new Date(),
  ),
);

const otherThan = (...types: readonly string[]) =>
  anything.filter((value) => !types.includes(value === null ? 'null' : typeof value));

function integer(least: number, most: number): Kind {
  return {
    valid: () => least,
    wrong: fc.oneof(
      otherThan('number'),
      fc.double().filter((value) => !(Number.isInteger(value) && value >= least && value <= most)),
      fc.constantFrom(
        least - 1,
        most + 1,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        least + 0.5,
        -(2 ** 63),
        2 ** 53,
      ),
    ),
  };
}

function text(valid: string, mostBytes: number, ...otherTypes: readonly string[]): Kind {
  return {
    valid: () => valid,
    wrong: fc.oneof(
      otherThan('string', ...otherTypes),
      fc.string({ minLength: 0, maxLength: 20 }).map((start) => `${start}\0x`),
      fc.constantFrom('x'.repeat(mostBytes + 1), '\u{1f600}'.repeat(Math.ceil((mostBytes + 1) / 4))),
    ),
  };
}

const descriptor: Kind = { ...integer(0, 2 ** 31 - 1), valid: () => 1_000_000 };
const serial: Kind = { ...integer(-(2 ** 31), 2 ** 31 - 1), valid: () => 0 };
const bytes: Kind = {
  valid: () => Buffer.from('x'),
  wrong: fc.oneof(
    anything.filter((value) => !(value instanceof Uint8Array)),
    fc.constantFrom<unknown>(
      new Uint16Array(2),
      new Uint8ClampedArray(2),
      new DataView(new ArrayBuffer(2)),
      [1, 2],
    ),
  ),
};
const boolean: Kind = { valid: () => false, wrong: otherThan('boolean') };
const descriptors: Kind = {
  valid: () => [],
  wrong: fc.oneof(
    anything.filter((value) => !Array.isArray(value)),
    fc.array(descriptor.wrong, { minLength: 1, maxLength: 5 }),
    fc.constantFrom(new Array(254).fill(0), new Array(2 ** 32 - 1)),
  ),
};
/** A path or a descriptor. */
const target: Kind = {
  valid: () => '/xos-no-such-file',
  wrong: fc.oneof(
    otherThan('string', 'number'),
    integer(0, 2 ** 31 - 1).wrong.filter((value) => typeof value !== 'string'),
  ),
};
const address = text('@xos-nobody-listens-here', 4096);
const callback: Kind = { valid: () => () => undefined, wrong: otherThan('function') };
/** No bytes, the bytes of one part or those of several. */
const replyData: Kind = {
  valid: () => null,
  wrong: fc.oneof(
    anything.filter((value) => value !== null && !(value instanceof Uint8Array) && !Array.isArray(value)),
    fc.array(bytes.wrong, { minLength: 1, maxLength: 5 }),
    fc.constantFrom(new Array(1024).fill(new Uint8Array(1)), new Array(2 ** 32 - 1)),
  ),
};
const thread = (fuse['startThread']?.(-1) as { thread: number } | undefined)?.thread;
after(() => fuse['endThread']?.(thread));
const runningThread: Kind = { ...integer(1, Number.MAX_SAFE_INTEGER), valid: () => thread };
const token: Kind = integer(0, Number.MAX_SAFE_INTEGER);
const key = { type: text('user', 31), description: text('xos:none', 4095), payload: bytes };
const name = text('xos-nobody', 4096);
const timeout = integer(1, 600_000);

const functions: Readonly<Record<string, readonly [Callable | undefined, readonly Kind[]]>> = {
  peerCredentials: [sys['peerCredentials'], [descriptor]],
  sendWithDescriptor: [
    sys['sendWithDescriptor'],
    [descriptor, bytes, integer(-1, 2 ** 31 - 1), integer(0, 10_000)],
  ],
  request: [sys['request'], [address, bytes, descriptors, timeout, integer(0, 64 << 20), integer(0, 1024)]],
  receiveMessage: [sys['receiveMessage'], [descriptor, timeout, integer(0, 64 << 20), integer(0, 1024)]],
  sendDatagram: [sys['sendDatagram'], [address, bytes, descriptors, boolean, integer(0, 10_000)]],
  bindDatagram: [sys['bindDatagram'], [address]],
  receiveDatagram: [sys['receiveDatagram'], [descriptor, timeout, integer(0, 64 << 20)]],
  openBeneath: [sys['openBeneath'], [target, text('x', 4095), integer(0, 2 ** 31 - 1), integer(0, 0o7777)]],
  setCloseOnExec: [sys['setCloseOnExec'], [descriptor]],
  memfd: [sys['memfd'], [text('x', 249)]],
  addSeals: [sys['addSeals'], [descriptor, integer(0, 2 ** 31 - 1)]],
  getSeals: [sys['getSeals'], [descriptor]],
  getXattr: [sys['getXattr'], [target, text('user.x', 255)]],
  setXattr: [sys['setXattr'], [target, text('user.x', 255), bytes, integer(0, 3)]],
  listXattr: [sys['listXattr'], [target]],
  removeXattr: [sys['removeXattr'], [target, text('user.x', 255)]],
  pidfdOpen: [sys['pidfdOpen'], [integer(1, 2 ** 31 - 1)]],
  pidfdSendSignal: [sys['pidfdSendSignal'], [descriptor, integer(0, 64)]],
  rehash: [
    sys['rehash'],
    [text('sha256', 16), { ...bytes, valid: () => Buffer.alloc(32) }, integer(0, 100_000_000)],
  ],
  crc32c: [sys['crc32c'], [bytes, integer(0, 2 ** 32 - 1)]],
  crc32cBlocks: [
    sys['crc32cBlocks'],
    [
      { ...bytes, valid: () => Buffer.alloc(9) },
      integer(8, 1 << 20),
      {
        valid: () => new Uint32Array(2),
        wrong: fc.oneof(
          anything.filter((value) => !(value instanceof Uint32Array)),
          // One element less than there are blocks.
          fc.constantFrom(new Uint32Array(0), new Uint32Array(1)),
        ),
      },
    ],
  ],
  readCached: [sys['readCached'], [descriptor, bytes, integer(0, Number.MAX_SAFE_INTEGER)]],
  fallocate: [
    sys['fallocate'],
    [
      descriptor,
      text('reserve', 16),
      integer(0, Number.MAX_SAFE_INTEGER),
      integer(1, Number.MAX_SAFE_INTEGER),
    ],
  ],
  allocatedExtents: [sys['allocatedExtents'], [descriptor, integer(0, Number.MAX_SAFE_INTEGER)]],
  addKey: [keyring['addKey'], [key.type, key.description, key.payload, serial]],
  updateKey: [keyring['updateKey'], [serial, key.payload]],
  readKey: [keyring['readKey'], [serial]],
  searchKeyring: [keyring['searchKeyring'], [serial, key.type, key.description, serial]],
  describeKey: [keyring['describeKey'], [serial]],
  linkKey: [keyring['linkKey'], [serial, serial]],
  unlinkKey: [keyring['unlinkKey'], [serial, serial]],
  joinSession: [keyring['joinSession'], [text('xos', 4095, 'null')]],
  setPermissions: [keyring['setPermissions'], [serial, integer(0, 0x3f3f3f3f)]],
  setOwner: [keyring['setOwner'], [serial, integer(-1, 2 ** 32 - 2), integer(-1, 2 ** 32 - 2)]],
  setTimeout: [keyring['setTimeout'], [serial, integer(0, 2 ** 32 - 1)]],
  revokeKey: [keyring['revokeKey'], [serial]],
  invalidateKey: [keyring['invalidateKey'], [serial]],
  clearKeyring: [keyring['clearKeyring'], [serial]],
  getKeyringId: [keyring['getKeyringId'], [serial, boolean]],
  requestKey: [keyring['requestKey'], [key.type, key.description, serial]],
  requestKeyByUpcall: [keyring['requestKeyByUpcall'], [key.type, key.description, text('', 4095), serial]],
  getpwnam: [nss['getpwnam'], [name]],
  getpwuid: [nss['getpwuid'], [integer(0, 2 ** 32 - 1)]],
  getgrnam: [nss['getgrnam'], [name]],
  getgrgid: [nss['getgrgid'], [integer(0, 2 ** 32 - 1)]],
  getgrouplist: [nss['getgrouplist'], [name, integer(0, 2 ** 32 - 1)]],
  openDevice: [fuse['openDevice'], [text('/xos-no-such-device', 4095)]],
  readRequest: [fuse['readRequest'], [descriptor, bytes]],
  writeReply: [fuse['writeReply'], [descriptor, bytes, integer(0, 1), replyData]],
  mount: [
    fuse['mount'],
    [
      name,
      text('/xos-no-such-directory', 4095),
      text('fuse.xos', 64),
      integer(0, 2 ** 31 - 1),
      text('', 4000),
    ],
  ],
  startWatch: [fuse['startWatch'], [descriptor, callback]],
  stopWatch: [fuse['stopWatch'], [descriptor]],
  startThread: [fuse['startThread'], [{ ...integer(-1, 2 ** 31 - 1), valid: () => 1_000_000 }]],
  submitWrite: [fuse['submitWrite'], [runningThread, token, bytes, bytes]],
  submitUnmount: [
    fuse['submitUnmount'],
    [runningThread, token, text('/xos-no-such-mount', 4095), integer(0, 2 ** 31 - 1)],
  ],
  takeResults: [fuse['takeResults'], [runningThread]],
  endThread: [fuse['endThread'], [runningThread]],
  Transaction: [
    (...parameters) => new pam.Transaction(...parameters),
    [text('xos', 4096), text('alice', 65_536, 'null'), text('/', 4096, 'null'), callback],
  ],
};

test('every function of every addon is in the table', () => {
  const exported = [sys, keyring, nss, fuse, pam].flatMap((addon) =>
    Object.entries(addon).flatMap(([name, value]) => (typeof value === 'function' ? [name] : [])),
  );
  assert.deepEqual(exported.sort(), Object.keys(functions).sort());
});

for (const [name, [call, kinds]] of Object.entries(functions)) {
  test(`${name} refuses a wrong argument in any place before it does anything`, () => {
    assert.ok(call !== undefined);
    const open = readdirSync('/proc/self/fd').length;
    const place = fc.integer({ min: 0, max: kinds.length - 1 });
    const wrongCall = place.chain((index) =>
      (kinds[index]?.wrong ?? fc.constant(undefined)).map((wrong) =>
        kinds.map((kind, other) => (other === index ? wrong : kind.valid())),
      ),
    );
    fc.assert(
      fc.property(wrongCall, (parameters) => {
        assert.throws(
          () => call(...parameters),
          (error) => error instanceof TypeError || error instanceof RangeError,
        );
      }),
      { numRuns: 300 },
    );
    // None at all, too.
    assert.throws(() => call(), TypeError);
    assert.equal(readdirSync('/proc/self/fd').length, open);
  });
}

test('methods of a transaction called on something else do no harm', () => {
  const { prototype } = pam.Transaction as unknown as { prototype: Record<string, Callable> };
  for (const method of Object.getOwnPropertyNames(prototype)) {
    if (method === 'constructor') continue;
    for (const receiver of [{}, undefined, 7, Object.create(prototype), new Proxy({}, {})])
      assert.throws(() => Reflect.apply(prototype[method] as Callable, receiver, [0, 0]), method);
  }
  assert.throws(() => (pam.Transaction as unknown as Callable)('x', null, null, () => undefined), TypeError);
});

test('bytes that another argument takes away while it is read are not touched', async () => {
  const stolen = new Uint8Array(1 << 20);
  const thief = new Proxy([0], {
    get(array, property, receiver) {
      structuredClone(stolen, { transfer: [stolen.buffer] });
      return Reflect.get(array, property, receiver);
    },
  });
  // A proxy is no array to Node-API, an array with a getter is.
  const getter = Object.defineProperty([0], '0', {
    get() {
      if (stolen.length > 0) structuredClone(stolen, { transfer: [stolen.buffer] });
      return 0;
    },
  });
  assert.throws(() => sys['sendDatagram']?.('@xos-nobody-listens-here', stolen, thief, false, 0));
  assert.throws(() => sys['sendDatagram']?.('@xos-nobody-listens-here', stolen, getter, false, 0), {
    code: 'ECONNREFUSED',
  });
  assert.equal(stolen.length, 0);
  const failing = Object.defineProperty([0], '0', {
    get() {
      throw new SyntaxError('mine');
    },
  });
  assert.throws(() => sys['request']?.('@xos', stolen, failing, 1, 0, 0), SyntaxError);
});
