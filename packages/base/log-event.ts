import { createHash } from 'node:crypto';

/** A kind of log entry, findable by `journalctl MESSAGE_ID=...`. */
export interface EventDefinition {
  /** `accounts.lease-made`: area, a dot, what happened. */
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly messageId: string;
}

const definitions = new Map<string, EventDefinition>();

/**
 * Registers an event. Its MESSAGE_ID is a name-based UUID (version 8, SHA-256 of the name), so that it never changes
 * and needs no list of random numbers. @throws TypeError for a bad or already defined name.
 */
export function defineEvent(name: string): EventDefinition {
  if (!/^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/.test(name))
    throw new TypeError(`event name ${name} is not like area.what-happened`);
  if (definitions.has(name)) throw new TypeError(`event ${name} is defined twice`);
  const digest = createHash('sha256').update(`xtreemos event\0${name}`).digest().subarray(0, 16);
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x80, 6);
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8);
  const definition: EventDefinition = Object.freeze({ name, messageId: digest.toString('hex') });
  definitions.set(name, definition);
  return definition;
}

/** Every event defined so far, by name. */
export function definedEvents(): readonly EventDefinition[] {
  return [...definitions.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
