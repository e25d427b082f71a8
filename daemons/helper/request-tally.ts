/** What the helper did since it started, for its status line. */
export interface RequestTally {
  begin(): void;
  end(type: string, outcome: string): void;
}

/** @param tell takes the line; not limited in rate here. */
export function createRequestTally(tell: (line: string) => void, nowMs: () => number): RequestTally {
  let underWay = 0;
  let total = 0;
  let notDone = 0;
  let last = '';
  const report = () => {
    const now = underWay === 0 ? 'Idle' : `${underWay} under way`;
    const since = total === 1 ? '1 request' : `${total} requests`;
    const failures = notDone === 0 ? '' : `, ${notDone} refused or failed`;
    tell(`${now}; ${total === 0 ? 'no request yet' : `${since}${failures}, last: ${last}`}`);
  };
  report();
  return {
    begin() {
      underWay++;
      report();
    },
    end(type, outcome) {
      underWay--;
      total++;
      if (outcome !== 'done') notDone++;
      last = `${type} ${outcome} at ${new Date(nowMs()).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
      report();
    },
  };
}
