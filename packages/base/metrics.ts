import type { Clock } from './clock.ts';

export type Labels<Name extends string> = { readonly [Key in Name]: string };

export interface Counter<Name extends string> {
  /** Adds `amount` (default 1, never negative). */
  increment(labels: Labels<Name>, amount?: number): void;
}

export interface Gauge<Name extends string> {
  set(labels: Labels<Name>, value: number): void;
}

export interface Histogram<Name extends string> {
  /** Seconds, bytes: whatever the metric's name says. */
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

/** The metrics of one process. */
export interface Metrics {
  counter<const Name extends string = never>(options: MetricOptions<Name>): Counter<Name>;
  /** With `collect`, the value is asked for at each scrape. */
  gauge<const Name extends string = never>(
    options: MetricOptions<Name> & { readonly collect?: () => number },
  ): Gauge<Name>;
  /** Buckets default to 0.5 ms ... 10 s. */
  histogram<const Name extends string = never>(
    options: MetricOptions<Name> & { readonly buckets?: readonly number[] },
  ): Histogram<Name>;
  /** OpenMetrics text, ending in `# EOF`. */
  render(): Promise<string>;
}

export type CreateMetrics = (options?: {
  readonly clock?: Clock;
  /** Adds the process's and V8's own figures. Default false. */
  readonly process?: boolean;
}) => Metrics;
