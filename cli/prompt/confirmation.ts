import { XosError } from '@xtreemos/base';
import type { Prompts } from './prompts.ts';

/** Asks before something that cannot be taken back; `--yes` answers. Refuses with XOS_CANCELLED unless the answer is yes. */
export async function confirmPlainly(
  prompts: Prompts,
  assumeYes: boolean | undefined,
  question: string,
  attempt: string,
): Promise<void> {
  if (assumeYes === true) return;
  if (await prompts.confirm(question, '--yes')) return;
  throw new XosError('XOS_CANCELLED', { attempt, reason: 'it was not confirmed. Nothing was changed' });
}

/** As confirmPlainly, for what ends the work of many: the name has to be typed. */
export async function confirmByName(
  prompts: Prompts,
  assumeYes: boolean | undefined,
  warning: string,
  what: string,
  name: string,
): Promise<void> {
  if (assumeYes === true) return;
  prompts.say(warning);
  if ((await prompts.line(`Type the ${what} to go on:`, '--yes')) === name) return;
  throw new XosError('XOS_CANCELLED', {
    attempt: `Destroying ${name}`,
    reason: `what was typed is not the ${what}. Nothing was changed`,
  });
}
