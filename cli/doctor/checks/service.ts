import { isXosError, reasonOf } from '@xtreemos/base';
import type { VoRecord } from '../../vo-record.ts';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, noVoJoined, ok, warning } from '../finding.ts';

const slowMs = 1_000;

/** The VO services: their port, TLS, the root above their certificate, and how long they take. */
export const service: Check = {
  name: 'service',
  about: 'that each VO service answers on its port, with a certificate below the right root, and how fast',
  examine: async (host) => {
    if (host.vos.length === 0) return [noVoJoined()];
    return Promise.all(host.vos.map((record) => ask(host, record)));
  },
};

async function ask(host: ExaminedHost, record: VoRecord): Promise<Finding> {
  const { vo, serviceUrl } = record;
  if (serviceUrl === undefined) {
    return failure(`${vo}: its record names no service`, `set ServiceUrl= in ${record.file}`);
  }
  try {
    const { tookMs, version } = await host.askService(record);
    const text = `${vo}: ${serviceUrl} answers in ${tookMs} ms (xos-vo ${version})`;
    return tookMs > slowMs
      ? warning(text, `ping ${new URL(serviceUrl).hostname}; uptime on that host`)
      : ok(text);
  } catch (error) {
    return failure(`${vo}: ${reasonOf(error)}`, remedy(error, record, serviceUrl));
  }
}

function remedy(error: unknown, record: VoRecord, serviceUrl: string): string {
  const { hostname, port } = new URL(serviceUrl);
  if (isXosError(error) && /^XOS_(?:CHAIN|CREDENTIAL|CRL)_/.test(error.code)) {
    return (
      `compare with the head node: xos vo root list; if its root is new, get a new token there ` +
      `(xos node token ${record.vo}) and join again`
    );
  }
  return `on ${hostname}: systemctl status xos-vo; between the hosts, TCP port ${port || 7443} has to be open`;
}
