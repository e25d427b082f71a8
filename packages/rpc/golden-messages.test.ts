/**
 * Messages that protoc encoded: those of XtreemFS 1.6 from its own interface, which every name, number and type of ours has to fit; our
 * own (`xtreemos.fs.*`) from our schema as it was, which later versions have to read.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import {
  createRegistry,
  type DescMessage,
  fromBinary,
  isFieldSet,
  type Message,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { file_common } from './generated/common_pb.js';
import { file_directory } from './generated/directory_pb.js';
import { file_metadata } from './generated/metadata_pb.js';
import { file_node } from './generated/node_pb.js';
import { file_object_io } from './generated/object-io_pb.js';
import { file_objects } from './generated/objects_pb.js';
import { file_rpc } from './generated/rpc_pb.js';
import { file_session } from './generated/session_pb.js';

const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'golden-messages.json'), 'utf8')) as {
  readonly [name: string]: { readonly text: string; readonly hex: string };
};
const files = [file_rpc, file_common, file_directory, file_metadata, file_objects];
const own = [file_node, file_object_io, file_session];
const registry = createRegistry(...files, ...own);
const theirs = 'xtreemfs.pbrpc.';
const typeOf = (name: string) => (name.includes('.fs.') ? name : `${theirs}${name}`);

/** As protobuf's text format writes it, in one line. */
function textOf(message: Message, schema: DescMessage): string {
  const fields = message as unknown as { readonly [name: string]: unknown };
  // Fields from 100 on are our own, of which their interface has no example.
  return schema.fields
    .filter((field) => field.number < 100 && isFieldSet(message, field))
    .flatMap((field) => {
      const value = fields[field.localName];
      const values = field.fieldKind === 'list' ? (value as readonly unknown[]) : [value];
      return values.map((one) => {
        if (field.message !== undefined) return `${field.name} { ${textOf(one as Message, field.message)} }`;
        if (field.enum !== undefined) return `${field.name}: ${field.enum.value[one as number]?.name}`;
        if (field.scalar === ScalarType.BYTES) return `${field.name}: "${Buffer.from(one as Uint8Array)}"`;
        return `${field.name}: ${typeof one === 'string' ? JSON.stringify(one) : one}`;
      });
    })
    .join(' ');
}

test('every message of the interface is read as its authors wrote it, and written the same', () => {
  const names = Object.keys(golden);
  assert.ok(names.length >= 141 + 50);
  for (const name of names) {
    const schema = registry.getMessage(typeOf(name));
    assert.ok(schema !== undefined, `there is no message ${name}`);
    const { text = '', hex = '' } = golden[name] ?? {};
    const bytes = Buffer.from(hex, 'hex');
    const message = fromBinary(schema, bytes);
    assert.equal(message.$unknown, undefined, `${name}: unknown fields`);
    assert.equal(textOf(message, schema), text, name);
    assert.equal(Buffer.from(toBinary(schema, message)).toString('hex'), hex, name);
  }
});

test('no message is without an example', () => {
  const known = [...files, ...own].flatMap(({ messages }) =>
    messages.flatMap((message) => [message, ...message.nestedMessages]),
  );
  for (const { typeName } of known) assert.ok(Object.hasOwn(golden, typeName.replace(theirs, '')), typeName);
});

test('the generated code is that of the schema', () => {
  const folder = mkdtempSync(join(tmpdir(), 'xos-schema-'));
  try {
    const { status, stderr } = spawnSync(join(import.meta.dirname, 'generate'), [folder], {
      encoding: 'utf8',
      env: {
        ...process.env,
        PATH: `${join(import.meta.dirname, '../../node_modules/.bin')}:${process.env['PATH']}`,
      },
    });
    assert.equal(status, 0, stderr);
    const generated = join(import.meta.dirname, 'generated');
    assert.deepEqual(readdirSync(folder), readdirSync(generated));
    for (const file of readdirSync(folder))
      assert.equal(
        readFileSync(join(folder, file), 'utf8'),
        readFileSync(join(generated, file), 'utf8'),
        file,
      );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
