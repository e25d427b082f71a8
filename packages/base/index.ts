export { type AtomicFileOptions, syncDirectory, writeFileAtomically } from './atomic-file.ts';
export { formatByteSize, humanByteSize, parseByteSize } from './byte-size.ts';
export { type Clock, type ManualClock, manualClock, systemClock } from './clock.ts';
export {
  type ConfigurationOf,
  type ConfigurationSchema,
  type ConfigurationSource,
  configurationFiles,
  configurationRoots,
  defineConfiguration,
  formatFinding,
  type LoadedConfiguration,
  loadConfiguration,
  parseConfiguration,
} from './configuration.ts';
export type { Kind, ListenAddress, Range } from './configuration-kind.ts';
export * as kind from './configuration-kind.ts';
export {
  type DetailsOf,
  dbusErrorName,
  type ErrorCode,
  type ErrorDetail,
  type ErrorDetails,
  type ErrorRow,
  type ExitCode,
  errorCodeOfDbusName,
  errorRegistry,
  errorRow,
  isErrorCode,
} from './error-registry.ts';
export {
  type Finding,
  type IniDocument,
  type IniEntry,
  type IniSection,
  maximumIniBytes,
  parseIni,
} from './ini.ts';
export type { LogFields, Logger, LogValue, Severity } from './log.ts';
export { definedEvents, defineEvent, type EventDefinition } from './log-event.ts';
export type { Counter, CreateMetrics, Gauge, Histogram, Labels, MetricOptions, Metrics } from './metrics.ts';
export { createRateLimit, type RateLimit, type RateLimitOptions } from './rate-limit.ts';
export { runService } from './service.ts';
export type {
  RunningService,
  ServiceContext,
  ServiceDefinition,
  ServiceSockets,
  UnixSocketOptions,
} from './service-definition.ts';
export { formatTimeSpan, parseTimeSpan } from './time-span.ts';
export {
  type ErrorBody,
  errorFromBody,
  errorFromDbus,
  escapeControls,
  isXosError,
  reasonOf,
  sentenceOf,
  toDbusText,
  toXosError,
  XosError,
} from './xos-error.ts';
