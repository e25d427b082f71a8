import type { VoRecord } from '../vo-record.ts';

/** What helps where something that joining installed is missing or bad. */
export function joinAgain(vos: readonly VoRecord[]): string {
  const [first] = vos;
  const vo = first?.vo ?? 'VO';
  return `get a new token (on the head node: xos node token ${vo}), then: xos node join`;
}

/** What helps where the daemons' own state has to be looked at. */
export function lookAtUnit(unit: string): string {
  return `systemctl status ${unit}; journalctl -b -u ${unit} -p warning`;
}
