import type { Counter, Histogram, Metrics } from '@xtreemos/base';
import type { ChangeHub } from './change-hub.ts';

/** What the service counts, as OpenMetrics at [Service] MetricsSocket=. */
export interface ServiceMetrics {
  readonly certificates: Counter<'kind'>;
  /** Seconds from the request's head to its answer. */
  readonly requests: Histogram<'operation' | 'status'>;
  /** Jobs that shared one transaction. */
  readonly commitBatch: Histogram<never>;
}

export function defineMetrics(metrics: Metrics, hub: ChangeHub): ServiceMetrics {
  metrics.gauge({
    name: 'xos_vo_connected_nodes',
    help: 'Nodes that hold an event connection',
    collect: () => hub.everyone().length,
  });
  return {
    certificates: metrics.counter({
      name: 'xos_vo_certificates_issued',
      help: 'Certificates issued and durable',
      labels: ['kind'],
    }),
    requests: metrics.histogram({
      name: 'xos_vo_request_seconds',
      help: 'Time to answer a request',
      labels: ['operation', 'status'],
    }),
    commitBatch: metrics.histogram({
      name: 'xos_vo_commit_batch',
      help: 'Writes that shared one durable transaction',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    }),
  };
}
