/** The line that `systemctl status` shows, kept so that a reload gives it back. */
export interface ServiceStatus {
  /** What the service does now. Changes within the interval are told as one, the last; a text that stands is not told again. */
  set(text: string): void;
  /** Something wrong that stays until it is told otherwise, after the text; undefined when all is well. */
  setRemark(remark: string | undefined): void;
  /** The whole line, for a message that carries it anyway. */
  readonly text: string;
  stop(): void;
}

/** PID 1 handles each message, and subscribers of the unit's properties are told: not more often than people can read. */
const intervalMs = 1000;

export function createServiceStatus(tell: (text: string) => void, everyMs = intervalMs): ServiceStatus {
  let text = 'Running';
  let remark: string | undefined;
  let told: string | undefined;
  let pause: NodeJS.Timeout | undefined;
  let stopped = false;
  const whole = () => (remark === undefined ? text : `${text}; ${remark}`);
  const tellOnce = () => {
    if (stopped || pause !== undefined || whole() === told) return;
    told = whole();
    tell(told);
    pause = setTimeout(() => {
      pause = undefined;
      tellOnce();
    }, everyMs).unref();
  };
  return {
    set(next) {
      text = next;
      tellOnce();
    },
    setRemark(next) {
      remark = next;
      tellOnce();
    },
    get text() {
      return whole();
    },
    stop() {
      stopped = true;
      clearTimeout(pause);
    },
  };
}
