import { XosError } from '@xtreemos/base';
import type { ControllingTerminal } from './controlling-terminal.ts';
import { readSecretFile, type SecretSource } from './secret-source.ts';

/** Questions to the person at the terminal. Each refuses with XOS_USAGE where there is no terminal and says which option answers. */
export interface Prompts {
  /** Asks for a secret, or takes it from the file that the source names. */
  secret(source: SecretSource, question: string): Promise<string>;
  /** A secret that is being chosen: asked twice, and refused when shorter than `minimumBytes`. */
  newSecret(source: SecretSource, question: string, minimumBytes: number): Promise<string>;
  /** True when answered `y` or `yes`; anything else is no. */
  confirm(question: string, option: string): Promise<boolean>;
  /** Any line. */
  line(question: string, option: string): Promise<string>;
  /** Text shown before a question, only where there is a terminal. */
  say(text: string): void;
  close(): void;
}

export interface PromptSurroundings {
  /** Called at the first question only. */
  readonly openTerminal: () => ControllingTerminal | null;
  readonly warn: (text: string) => void;
}

const choosingAttempts = 3;

export function makePrompts(surroundings: PromptSurroundings): Prompts {
  let terminal: ControllingTerminal | null | undefined;

  const open = (): ControllingTerminal | null => {
    if (terminal === undefined) terminal = surroundings.openTerminal();
    return terminal;
  };
  const terminalFor = (what: string, option: string): ControllingTerminal => {
    const found = open();
    if (found !== null) return found;
    throw new XosError('XOS_USAGE', {
      reason: `there is no terminal to ask for ${what}; give ${option}`,
      help: '--help',
    });
  };
  const fromFile = (source: SecretSource, file: string): string => {
    const { secret, warning } = readSecretFile(source, file);
    if (warning !== undefined) surroundings.warn(warning);
    return secret;
  };

  return {
    async secret(source, question) {
      if (source.file !== undefined) return fromFile(source, source.file);
      const secret = await terminalFor(`the ${source.what}`, `${source.option} FILE`).askSecret(question);
      if (secret === '') throw tooShort(source, 1);
      return secret;
    },

    async newSecret(source, question, minimumBytes) {
      if (source.file !== undefined) {
        const secret = fromFile(source, source.file);
        if (Buffer.byteLength(secret) < minimumBytes) throw tooShort(source, minimumBytes);
        return secret;
      }
      const asked = terminalFor(`a new ${source.what}`, `${source.option} FILE`);
      for (let attempt = 1; attempt <= choosingAttempts; attempt += 1) {
        const secret = await asked.askSecret(question);
        if (Buffer.byteLength(secret) < minimumBytes) {
          asked.say(`The ${source.what} needs at least ${minimumBytes} characters.`);
        } else if ((await asked.askSecret('Once more:')) === secret) {
          return secret;
        } else {
          asked.say('The two do not match.');
        }
      }
      throw tooShort(source, minimumBytes);
    },

    async confirm(question, option) {
      const answer = await terminalFor('confirmation', option).ask(`${question} [y/N]`);
      return /^y(es)?$/i.test(answer.trim());
    },

    async line(question, option) {
      return (await terminalFor(question.replace(/:$/, ''), option).ask(question)).trim();
    },

    say(text) {
      open()?.say(text);
    },

    close() {
      terminal?.close();
    },
  };
}

function tooShort(source: SecretSource, minimumBytes: number): XosError<'XOS_USAGE'> {
  return new XosError('XOS_USAGE', {
    reason: `no usable ${source.what} was given; it needs at least ${minimumBytes} characters`,
    help: '--help',
  });
}
