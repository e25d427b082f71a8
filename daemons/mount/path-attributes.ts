/** Node calls about attributes, of XtreemFS's calls by paths. */
import { create } from '@bufbuild/protobuf';
import { type FileCredentials, FileCredentialsSchema, metadataCalls, nodeCalls } from '@xtreemos/rpc';
import { aclNames } from './acl-xattr.ts';
import { Failure } from './call-failure.ts';
import { nameText } from './node-paths.ts';
import { type Asking, flag, type PathCallParts } from './path-call.ts';
import type { PathFiles } from './path-files.ts';
import { changesOf } from './path-messages.ts';

/** The kernel asks for it before each write. */
const capabilityName = 'security.capability';
/** What servers say of a file in this form, and change when it is set, is no content to be copied with it. */
const policyPrefix = 'xtreemfs.';

export function servePathAttributes(
  { serve, volumeName, paths, nowNs }: PathCallParts,
  files: PathFiles,
): void {
  serve(nodeCalls.getattr, async ({ node }, asking) => ({
    attributes: await files.attributes(node, asking),
  }));

  serve(nodeCalls.setattr, async (request, asking) => {
    const { node, size, handle } = request;
    const changes = changesOf(request, nowNs());
    if (changes.toSet !== 0)
      await paths.onNode(node, (path) => asking.ask(metadataCalls.setattr, { volumeName, path, ...changes }));
    const attributes = await files.attributes(node, asking);
    if (size === undefined) return { attributes };
    const fileCredentials = await cuttingCredentials(node, handle, asking);
    const truncateEpoch = fileCredentials.xcap?.truncateEpoch ?? 0;
    // What it is once the objects are cut, and the MRC is told.
    const cut = { size, truncateEpoch, mtimeNs: nowNs(), ctimeNs: nowNs() };
    return { attributes: { ...attributes, ...cut }, fileCredentials };
  });

  /** @param handle of a file that is open for writing, 0: who asks has to have the right */
  async function cuttingCredentials(node: bigint, handle: bigint, { ask }: Asking): Promise<FileCredentials> {
    if (handle !== 0n) {
      const { xcap, xlocs } = files.credentialsOf(handle);
      return create(FileCredentialsSchema, {
        ...(xlocs === undefined ? {} : { xlocs }),
        xcap: await ask(metadataCalls.ftruncate, xcap),
      });
    }
    const flags = flag.writeOnly | flag.truncate;
    const { creds } = await paths.onNode(node, (path) =>
      ask(metadataCalls.open, { volumeName, path, flags, mode: 0, attributes: 0 }),
    );
    if (creds === undefined) throw new Failure('EIO', 'the MRC gave no capability');
    return creds;
  }

  serve(nodeCalls.access, async ({ node, mask }, { ask }) => {
    await paths.onNode(node, (path) => ask(metadataCalls.access, { volumeName, path, flags: mask }));
    return {};
  });

  serve(nodeCalls.statfs, async (_request, { ask }) => {
    const { bsize, blocks, bfree, bavail, namemax } = await ask(metadataCalls.statvfs, {
      volumeName,
      knownEtag: 0n,
    });
    const bytes = (count: bigint) => count * BigInt(bsize);
    return {
      totalBytes: bytes(blocks),
      freeBytes: bytes(bfree),
      availableBytes: bytes(bavail),
      nameMax: namemax,
    };
  });

  /** @throws Failure EOPNOTSUPP for access control lists: they are the server's own, in no form of the interface */
  function attributeName(name: Uint8Array): string {
    const text = nameText(Buffer.from(name));
    if (aclNames.has(text)) throw new Failure('EOPNOTSUPP', 'XtreemFS has no such access control lists');
    return text;
  }

  serve(nodeCalls.getxattr, async ({ node, name: bytes }, { ask }) => {
    const name = attributeName(bytes);
    if (name === capabilityName) throw new Failure('ENODATA', 'XtreemFS keeps no capabilities of programs');
    const { value, valueBytesString } = await paths.onNode(node, (path) =>
      ask(metadataCalls.getxattr, { volumeName, path, name }),
    );
    return { value: valueBytesString.length > 0 ? valueBytesString : Buffer.from(value, 'utf8') };
  });

  serve(nodeCalls.setxattr, async ({ node, name: bytes, value, flags }, { ask }) => {
    const name = attributeName(bytes);
    if (name === capabilityName)
      throw new Failure('EOPNOTSUPP', 'XtreemFS keeps no capabilities of programs');
    const text = Buffer.from(value).toString('utf8');
    await paths.onNode(node, (path) =>
      ask(metadataCalls.setxattr, { volumeName, path, name, value: text, valueBytesString: value, flags }),
    );
    return {};
  });

  serve(nodeCalls.listxattr, async ({ node }, { ask }) => {
    const { xattrs } = await paths.onNode(node, (path) =>
      ask(metadataCalls.listxattr, { volumeName, path, namesOnly: true }),
    );
    const names = xattrs.map(({ name }) => name).filter((name) => !name.startsWith(policyPrefix));
    return { names: names.map((name) => Buffer.from(name, 'utf8')) };
  });

  serve(nodeCalls.removexattr, async ({ node, name: bytes }, { ask }) => {
    const name = attributeName(bytes);
    await paths.onNode(node, (path) => ask(metadataCalls.removexattr, { volumeName, path, name }));
    return {};
  });
}
