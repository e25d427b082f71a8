import { directoryCalls, type RpcConnection, ServiceType } from '@xtreemos/rpc';
import { Failure } from './call-failure.ts';

/** @returns the UUID of the MRC that has a volume, as the DIR knows it. @throws Failure ENOENT */
export async function volumeServer(directory: RpcConnection, name: string): Promise<string> {
  const { response } = await directory.call(directoryCalls.serviceGetByName, { name }, { timeoutMs: 10_000 });
  const volume = response.services.find(
    (service) => service.type === ServiceType.VOLUME && service.name === name,
  );
  const mrc = volume?.data?.data.find(({ key }) => key === 'mrc')?.value;
  if (mrc === undefined) throw new Failure('ENOENT', `the DIR knows of no volume ${name}`);
  return mrc;
}
