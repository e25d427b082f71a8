import * as prometheus from 'prom-client';
import { type Clock, systemClock } from './clock.ts';

export type Labels<Name extends string> = { readonly [Key in Name]: string };

export interface Counter<Name extends string> {
  /** Adds `amount` (default 1, never negative). */
  increment(labels: Labels<Name>, amount?: number): void;
}

export interface Gauge<Name extends string> {
  set(labels: Labels<Name>, value: number): void;
}

export interface Histogram<Name extends string> {
  /** In the unit that the metric's name ends in: seconds, bytes. */
  observe(labels: Labels<Name>, value: number): void;
  /** Starts a measurement in seconds; call the result when it ends, with the labels known by then. */
  startTimer(): (labels: Labels<Name>) => void;
}

export interface MetricOptions<Name extends string> {
  /** `xos_accounts_logins` (snake case; counters without `_total`, which the exposition adds). */
  readonly name: string;
  readonly help: string;
  /** Label names; values must come from a small set, never from a stranger's input. */
  readonly labels?: readonly Name[];
}

export interface GaugeOptions<Name extends string> extends MetricOptions<Name> {
  /** Asked for the value at each scrape. */
  readonly collect?: () => number;
}

export interface HistogramOptions<Name extends string> extends MetricOptions<Name> {
  /** Upper bounds; default 0.5 ms to 10 s. */
  readonly buckets?: readonly number[];
}

/** The metrics of one process. */
export interface Metrics {
  counter<const Name extends string = never>(options: MetricOptions<Name>): Counter<Name>;
  gauge<const Name extends string = never>(options: GaugeOptions<Name>): Gauge<Name>;
  histogram<const Name extends string = never>(options: HistogramOptions<Name>): Histogram<Name>;
  /** OpenMetrics text, ending in `# EOF`. */
  render(): Promise<string>;
}

export const openMetricsContentType = prometheus.Registry.OPENMETRICS_CONTENT_TYPE;

const defaultBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface CreateMetricsOptions {
  readonly clock?: Clock;
  /** Adds the process's and V8's own figures. Default false. */
  readonly process?: boolean;
}

export function createMetrics(options: CreateMetricsOptions = {}): Metrics {
  const { clock = systemClock } = options;
  const registry = new prometheus.Registry<prometheus.OpenMetricsContentType>();
  registry.setContentType(openMetricsContentType);
  if (options.process === true)
    prometheus.collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });
  const common = <Name extends string>({ name, help, labels = [] }: MetricOptions<Name>) => ({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  return {
    counter: (wanted) => {
      const counter = new prometheus.Counter(common(wanted));
      return { increment: (labels, amount = 1) => counter.inc({ ...labels }, amount) };
    },
    gauge: (wanted) => {
      const { collect } = wanted;
      const gauge: prometheus.Gauge = new prometheus.Gauge({
        ...common(wanted),
        ...(collect === undefined ? {} : { collect: () => gauge.set(collect()) }),
      });
      return { set: (labels, value) => gauge.set({ ...labels }, value) };
    },
    histogram: (wanted) => {
      const histogram = new prometheus.Histogram({
        ...common(wanted),
        buckets: [...(wanted.buckets ?? defaultBuckets)],
      });
      return {
        observe: (labels, value) => histogram.observe({ ...labels }, value),
        startTimer: () => {
          const startMs = clock.monotonicMs();
          return (labels) => histogram.observe({ ...labels }, (clock.monotonicMs() - startMs) / 1000);
        },
      };
    },
    render: () => registry.metrics(),
  };
}
