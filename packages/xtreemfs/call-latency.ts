import type { Metrics } from '@xtreemos/base';
import type { AnyCall } from '@xtreemos/rpc';

/** Measures all calls that ended: `xos_<server>_call_seconds`. */
export function measureCalls(metrics: Metrics, server: string) {
  const latency = metrics.histogram({
    name: `xos_${server}_call_seconds`,
    help: 'Calls, from the request to the answer',
    labels: ['call', 'outcome'],
  });
  return ({ name }: AnyCall, outcome: string, milliseconds: number) =>
    latency.observe({ call: name, outcome }, milliseconds / 1000);
}
