/** What a run of tests came to; `failures` names each that failed. */
export interface TestCount {
  passed: number;
  failed: number;
  readonly failures: string[];
}
