import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { bindDatagram, receiveDatagram, sendDatagram } from '@xtreemos/native-sys';
import fc from 'fast-check';
import { encodeJournalEntry, journalTransport, stderrIsJournal } from './journal-transport.ts';
import { createLogger, type LogEntry, type Logger } from './log.ts';
import { defineEvent } from './log-event.ts';
import { namesSecret } from './log-field.ts';
import { personLine, plainLine, stderrTransport } from './stderr-transport.ts';
import { XosError } from './xos-error.ts';

const event = defineEvent('test.happened');

function recorder(): { readonly logger: Logger; readonly entries: LogEntry[] } {
  const entries: LogEntry[] = [];
  return { entries, logger: createLogger({ transport: (entry) => void entries.push(entry) }) };
}

/** The journal's own reading of an entry: names to the values in order. */
function decode(bytes: Buffer): ReadonlyMap<string, Buffer> {
  const fields = new Map<string, Buffer>();
  let at = 0;
  while (at < bytes.length) {
    const lineEnd = bytes.indexOf(0x0a, at);
    const line = bytes.subarray(at, lineEnd);
    const equals = line.indexOf(0x3d);
    if (equals >= 0) {
      fields.set(line.toString('latin1', 0, equals), line.subarray(equals + 1));
      at = lineEnd + 1;
    } else {
      const length = Number(bytes.readBigUInt64LE(lineEnd + 1));
      fields.set(line.toString('latin1'), bytes.subarray(lineEnd + 9, lineEnd + 9 + length));
      assert.equal(bytes[lineEnd + 9 + length], 0x0a);
      at = lineEnd + 10 + length;
    }
  }
  return fields;
}

describe('the journal protocol', () => {
  it('carries message, event, priority and fields to a datagram socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'xos-journal-'));
    const path = join(directory, 'socket');
    const descriptor = bindDatagram(path);
    try {
      const logger = createLogger({
        transport: journalTransport({ identifier: 'xos-test', send: sendDatagram, path }),
      });
      logger
        .child({ loginName: 'alice@physics' })
        .warning(event, 'two\nlines', { count: 3, absent: undefined });
      const { bytes } = await receiveDatagram(descriptor);
      const fields = Object.fromEntries([...decode(bytes)].map(([name, value]) => [name, value.toString()]));
      assert.deepEqual(fields, {
        MESSAGE: 'two\nlines',
        MESSAGE_ID: event.messageId,
        PRIORITY: '4',
        SYSLOG_IDENTIFIER: 'xos-test',
        XOS_EVENT: 'test.happened',
        XOS_LOGIN_NAME: 'alice@physics',
        XOS_COUNT: '3',
      });
    } finally {
      closeSync(descriptor);
      rmSync(directory, { recursive: true });
    }
  });

  it('survives any value, and no value can forge a field', () => {
    const { logger, entries } = recorder();
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.uint8Array(),
      fc.constant('a\nPRIORITY=0\n'),
      fc.bigInt(),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.dictionary(fc.string(), value), (message, fields) => {
        entries.length = 0;
        logger.info(event, message, fields);
        const [entry] = entries;
        assert.ok(entry);
        const decoded = decode(encodeJournalEntry(entry, 'x'));
        assert.equal(decoded.get('PRIORITY')?.toString(), '6');
        for (const name of decoded.keys()) assert.match(name, /^[A-Z_][A-Z0-9_]{0,63}$/);
      }),
    );
  });

  it('is used only where stderr is the stream that the service manager opened', () => {
    assert.equal(stderrIsJournal({ JOURNAL_STREAM: '1:2' }), false);
    assert.equal(stderrIsJournal({}), false);
    assert.equal(stderrIsJournal({ JOURNAL_STREAM: 'x' }), false);
  });
});

describe('a logger', () => {
  it('withholds what is named like a secret, and only that', () => {
    const secrets = [
      'passphrase',
      'userPassword',
      'clientSecret',
      'joinToken',
      'privateKey',
      'pin',
      'sessionKey',
      'PASSWD',
    ];
    const harmless = ['keyId', 'tokenSerial', 'login', 'monkey', 'publicKeyFingerprint', 'compass'];
    assert.deepEqual(
      secrets.filter((name) => !namesSecret(name)),
      [],
    );
    assert.deepEqual(harmless.filter(namesSecret), []);
    const { logger, entries } = recorder();
    const error = new XosError('XOS_NOT_FOUND', { what: 'x', name: 'y', token: 'hunter2' });
    logger.info(event, 'm', { passphrase: 'hunter2', error });
    assert.doesNotMatch(JSON.stringify(entries), /hunter2/);
  });

  it('tells an error with its code, details and causes', () => {
    const { logger, entries } = recorder();
    const cause = new Error('disk on fire');
    logger.error(event, 'm', { error: new XosError('XOS_NOT_FOUND', { what: 'VO', name: 'x' }, { cause }) });
    const fields = new Map(entries[0]?.fields.map(({ name, value }) => [name, String(value)]));
    assert.equal(fields.get('error'), 'There is no VO x');
    assert.equal(fields.get('errorCode'), 'XOS_NOT_FOUND');
    assert.equal(fields.get('errorDetails'), '{"what":"VO","name":"x"}');
    assert.match(fields.get('errorStack') ?? '', /caused by Error: disk on fire/);
  });

  it('cuts huge values and too many of them', () => {
    const { logger, entries } = recorder();
    const many = Object.fromEntries(
      Array.from({ length: 1000 }, (_, index) => [`f${index}`, 'x'.repeat(1_000_000)]),
    );
    logger.info(event, 'y'.repeat(1_000_000), many);
    assert.ok(entries[0]);
    assert.ok(encodeJournalEntry(entries[0], 'x').length < 8 * 1024 * 1024);
  });

  it('never throws; what could not be written is counted', () => {
    let lost = 0;
    const transport = () => {
      throw new Error('EAGAIN');
    };
    const logger = createLogger({ transport, onLost: () => (lost += 1) });
    logger.info(event, 'm', { evil: { toString: () => assert.fail() } as unknown as string });
    logger.info(event, 'm');
    assert.equal(lost, 2);
  });

  it('leaves out what is below the threshold of the moment', () => {
    const entries: LogEntry[] = [];
    let threshold: 'warning' | 'debug' = 'warning';
    const logger = createLogger({
      transport: (entry) => void entries.push(entry),
      threshold: () => threshold,
    });
    logger.info(event, 'no');
    threshold = 'debug';
    logger.debug(event, 'yes');
    assert.deepEqual(
      entries.map(({ message }) => message),
      ['yes'],
    );
  });
});

describe('an entry on stderr', () => {
  const entry: LogEntry = {
    severity: 'notice',
    event,
    message: 'a\u001b[31m\nb',
    fields: [
      { name: 'user', value: 'x y\u001b' },
      { name: 'data', value: Buffer.from([1]) },
    ],
  };

  it('is one line without control characters, with the priority for programs and the time for people', () => {
    assert.equal(
      plainLine(entry, 'xos-t'),
      '<5>xos-t: a\\x1b[31m\\x0ab user="x y\\u001b" data=<1 bytes> [test.happened]',
    );
    assert.match(personLine(entry, new Date()), /^\d\d:\d\d:\d\d notice {3}a\\x1b/);
  });

  it('never waits for a reader that stopped', () => {
    const directory = mkdtempSync(join(tmpdir(), 'xos-stderr-'));
    const path = join(directory, 'fifo');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    try {
      let lost = 0;
      const transport = stderrTransport({ identifier: 'x', descriptor: writer });
      const logger = createLogger({ transport, onLost: () => (lost += 1) });
      for (let index = 0; index < 2000; index += 1) logger.info(event, 'x'.repeat(100));
      assert.ok(lost > 0);
      const bytes = Buffer.alloc(200);
      readSync(reader, bytes);
      assert.match(bytes.toString('latin1'), /^<6>x: xxx/);
    } finally {
      closeSync(reader);
      closeSync(writer);
      rmSync(directory, { recursive: true });
    }
  });
});

describe('events', () => {
  it('have stable ids and unique names', () => {
    assert.equal(event.messageId.length, 32);
    assert.match(event.messageId, /^[0-9a-f]{12}8[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
    assert.throws(() => defineEvent('test.happened'), /defined twice/);
    assert.throws(() => defineEvent('Bad'), TypeError);
  });
});
