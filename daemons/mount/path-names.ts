/** Node calls about names, of XtreemFS's calls by paths. */
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { type Call, metadataCalls, nodeCalls } from '@xtreemos/rpc';
import { Failure } from './call-failure.ts';
import type { KnownName } from './known-nodes.ts';
import { nameText } from './node-paths.ts';
import { type Asking, flag, type PathCallParts, removeObjects, rename } from './path-call.ts';
import type { PathFiles } from './path-files.ts';
import { attributesOf, nextChange } from './path-messages.ts';

const typeMask = 0o170000;
const regularType = 0o100000;

interface Place {
  readonly parent: bigint;
  readonly name: Uint8Array;
}

function known({ parent, name }: Place): KnownName {
  return { parent: Number(parent), name: Buffer.from(name) };
}

export function servePathNames(parts: PathCallParts, files: PathFiles): void {
  const { serve, volumeName, paths, servers } = parts;

  async function entry({ parent, name }: Place, { ask }: Asking) {
    const change = nextChange();
    const { stbuf } = await paths.onPlace(parent, name, (path) =>
      ask(metadataCalls.getattr, { volumeName, path, knownEtag: 0n }),
    );
    return { attributes: attributesOf(stbuf, change) };
  }

  /** Makes a name, and says what it is then. */
  async function make<Request extends DescMessage, Response extends DescMessage>(
    place: Place,
    asking: Asking,
    call: Call<Request, Response>,
    requestFor: (path: string) => MessageInitShape<Request>,
  ) {
    await paths.onPlace(place.parent, place.name, (path) => asking.ask(call, requestFor(path)));
    return entry(place, asking);
  }

  serve(nodeCalls.lookup, entry);

  serve(nodeCalls.mkdir, (request, asking) =>
    make(request, asking, metadataCalls.mkdir, (path) => ({
      volumeName,
      path,
      mode: request.mode & 0o7777 & ~request.umask,
    })),
  );

  serve(nodeCalls.symlink, (request, asking) => {
    const targetPath = nameText(Buffer.from(request.target));
    return make(request, asking, metadataCalls.symlink, (linkPath) => ({ volumeName, targetPath, linkPath }));
  });

  serve(nodeCalls.mknod, (request, asking) => {
    const type = request.mode & typeMask;
    if (type !== 0 && type !== regularType) throw new Failure('EPERM', 'XtreemFS has no special files');
    return make(request, asking, metadataCalls.open, (path) => ({
      volumeName,
      path,
      flags: flag.create | flag.exclusive | flag.writeOnly,
      mode: request.mode & 0o7777 & ~request.umask,
      attributes: 0,
    }));
  });

  serve(nodeCalls.link, ({ node, newParent, newName }, asking) =>
    paths.onNode(node, (targetPath) =>
      make({ parent: newParent, name: newName }, asking, metadataCalls.link, (linkPath) => ({
        volumeName,
        targetPath,
        linkPath,
      })),
    ),
  );

  serve(nodeCalls.unlink, async (request, asking) => {
    if ((await files.hide(known(request), asking)) !== undefined) return {};
    const { creds } = await paths.onPlace(request.parent, request.name, (path) =>
      asking.ask(metadataCalls.unlink, { volumeName, path }),
    );
    paths.removed(known(request));
    await removeObjects(servers, creds);
    return {};
  });

  serve(nodeCalls.rmdir, async (request, { ask }) => {
    await paths.onPlace(request.parent, request.name, (path) =>
      ask(metadataCalls.rmdir, { volumeName, path }),
    );
    paths.removed(known(request));
    return {};
  });

  serve(nodeCalls.rename, async ({ parent, name, newParent, newName, flags }, asking) => {
    // As renameat2(2) has it for file systems that cannot.
    if (flags !== 0) throw new Failure('EINVAL', 'XtreemFS renames in one way alone');
    const [from, to] = [known({ parent, name }), known({ parent: newParent, name: newName })];
    const replaced = paths.nodeAt(to);
    const isSame = replaced !== undefined && replaced === paths.nodeAt(from);
    const hidden = isSame ? undefined : await files.hide(to, asking);
    const { creds } = await rename(parts, from, to, asking.ask).catch(async (error: unknown) => {
      if (hidden !== undefined && replaced !== undefined) {
        await rename(parts, hidden, to, asking.ask);
        files.shown(replaced);
      }
      throw error;
    });
    await removeObjects(servers, creds);
    return {};
  });

  serve(nodeCalls.readlink, ({ node }, { ask }) =>
    paths.onNode(node, async (path) => {
      const { linkTargetPath } = await ask(metadataCalls.readlink, { volumeName, path });
      return { target: Buffer.from(linkTargetPath[0] ?? '', 'utf8') };
    }),
  );
}
