export { type AtomicFileOptions, syncDirectory, writeFileAtomically } from './atomic-file.ts';
export { formatByteSize, humanByteSize, parseByteSize } from './byte-size.ts';
export { clientNetwork } from './client-network.ts';
export { type Clock, type ManualClock, manualClock, systemClock } from './clock.ts';
export {
  type ConfigurationOf,
  type ConfigurationSchema,
  type ConfigurationSource,
  type ConfigurationText,
  configurationFiles,
  configurationRoots,
  defineConfiguration,
  formatFinding,
  type LoadedConfiguration,
  loadConfiguration,
  parseConfiguration,
  readConfigurationFiles,
} from './configuration.ts';
export type { Kind, ListenAddress, Range } from './configuration-kind.ts';
export * as kind from './configuration-kind.ts';
export { renderConfiguration } from './configuration-render.ts';
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
export {
  encodeJournalEntry,
  journalSocketPath,
  journalTransport,
  type SendDatagram,
  stderrIsJournal,
} from './journal-transport.ts';
export { addressText, listenAt } from './listening.ts';
export {
  createLogger,
  type LogEntry,
  type Logger,
  type LoggerOptions,
  type LogTransport,
  priorityOf,
  type Severity,
  silentLogger,
} from './log.ts';
export { definedEvents, defineEvent, type EventDefinition } from './log-event.ts';
export type { LogField, LogFields, LogValue } from './log-field.ts';
export {
  type Counter,
  type CreateMetricsOptions,
  createMetrics,
  type Gauge,
  type GaugeOptions,
  type Histogram,
  type HistogramOptions,
  type Labels,
  type MetricOptions,
  type Metrics,
  openMetricsContentType,
} from './metrics.ts';
export { createMetricsServer } from './metrics-server.ts';
export { productVersion } from './product-version.ts';
export { createRateLimit, type RateLimit, type RateLimitOptions } from './rate-limit.ts';
export { runService, type ServiceSection, serviceSchema, serviceSection } from './service.ts';
export type { RunningService, ServiceContext, ServiceDefinition } from './service-definition.ts';
export { createNotifier, type ServiceNotifier } from './service-notify.ts';
export {
  createServiceSockets,
  type OwnedSockets,
  type ServiceSockets,
  type UnixSocketOptions,
} from './service-sockets.ts';
export { stderrTransport } from './stderr-transport.ts';
export { formatTimeSpan, parseTimeSpan } from './time-span.ts';
export {
  type DbusErrorReply,
  type ErrorBody,
  errorFromBody,
  errorFromDbus,
  escapeControls,
  isXosError,
  reasonOf,
  sentenceOf,
  toDbusError,
  toXosError,
  XosError,
} from './xos-error.ts';
