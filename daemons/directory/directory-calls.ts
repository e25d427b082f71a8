import { directoryCalls as calls, type RpcServer, type ServerPeer } from '@xtreemos/rpc';
import type { DirectoryEntries } from './directory-entries.ts';
import { ownerFor } from './directory-peer.ts';

/** Answers the calls of the DIR from its entries. `onChange` is told of each change. */
export function serveDirectory(
  server: RpcServer<ServerPeer>,
  entries: DirectoryEntries,
  onChange: () => void,
): void {
  const changed = async <Value>(change: Promise<Value>): Promise<Value> => {
    const value = await change;
    onChange();
    return value;
  };
  const done = { response: {} };

  server.serve(calls.addressMappingsGet, ({ uuid }) => ({
    response: { mappings: [...entries.addresses(uuid)] },
  }));
  server.serve(calls.addressMappingsSet, async ({ mappings }, { peer }) => ({
    response: { newVersion: await changed(entries.setAddresses(mappings, ownerFor(peer))) },
  }));
  server.serve(calls.addressMappingsRemove, async ({ uuid }, { peer }) => {
    await changed(entries.removeAddresses(uuid, ownerFor(peer)));
    return done;
  });
  server.serve(calls.globalTimeGet, () => ({ response: { timeInSeconds: entries.nowS() } }));
  server.serve(calls.serviceRegister, async ({ service }, { peer }) => ({
    response: {
      newVersion:
        service === undefined ? 0n : await changed(entries.register(service, ownerFor(peer, service.type))),
    },
  }));
  server.serve(calls.serviceDeregister, async ({ uuid }, { peer }) => {
    await changed(entries.deregister(uuid, ownerFor(peer)));
    return done;
  });
  server.serve(calls.serviceOffline, async ({ name }, { peer }) => {
    await changed(entries.setOffline(name, ownerFor(peer)));
    return done;
  });
  // XtreemFS calls the UUID "name" here.
  server.serve(calls.serviceGetByUuid, ({ name }) => ({
    response: { services: [...entries.service(name)] },
  }));
  server.serve(calls.serviceGetByName, ({ name }) => ({
    response: { services: [...entries.servicesNamed(name)] },
  }));
  server.serve(calls.serviceGetByType, ({ type }) => ({
    response: { services: [...entries.servicesOf(type)] },
  }));
  server.serve(calls.configurationGet, ({ uuid }) => ({ response: entries.configuration(uuid) }));
  server.serve(calls.configurationSet, async (configuration, { peer }) => ({
    response: { newVersion: await changed(entries.setConfiguration(configuration, ownerFor(peer))) },
  }));
}
