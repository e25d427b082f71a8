import { readFileSync } from 'node:fs';
import { reasonOf, toDbusError, XosError } from '@xtreemos/base';
import {
  type Caller,
  type InterfaceDefinition,
  joinSignature,
  type MethodDefinition,
  type PropertyDefinition,
} from './interface-definition.ts';
import { introspectionXml } from './introspection.ts';
import type { Message } from './message.ts';
import { parseSignature, parseSingleType } from './signature.ts';
import type { DbusValue, Variant } from './value.ts';
import { isObjectPath } from './wire-writer.ts';

/** What a call is answered with. */
export type Reply =
  | { readonly signature: string; readonly body: readonly DbusValue[] }
  | { readonly errorName: string; readonly signature: string; readonly body: readonly DbusValue[] };

export interface CallerServices {
  /** Who sent a message, from the bus. */
  readonly identify: (uniqueName: string) => Promise<Caller>;
  readonly isAuthorized: (caller: Caller, action: string) => Promise<boolean>;
  /** Told about handlers that failed with something else than an XosError. */
  readonly onDefect: (error: unknown, what: string) => void;
}

/** The objects of one connection and their interfaces. */
export interface ExportedObjects {
  /** @throws TypeError for a bad path, name or signature, or an interface that the object has already. */
  add(path: string, definition: InterfaceDefinition): void;
  remove(path: string, definition: InterfaceDefinition): void;
  /** Never rejects. */
  answer(message: Message): Promise<Reply>;
}

const propertiesName = 'org.freedesktop.DBus.Properties';

export function createExportedObjects(services: CallerServices): ExportedObjects {
  const objects = new Map<string, Map<string, InterfaceDefinition>>();

  const childrenOf = (path: string): readonly string[] => {
    const prefix = path === '/' ? '/' : `${path}/`;
    const names = [...objects.keys()]
      .filter((other) => other.startsWith(prefix) && other !== path)
      .map((other) => other.slice(prefix.length).split('/')[0] ?? '');
    return [...new Set(names)].sort();
  };

  const authorize = async (caller: Caller, action: string | undefined, attempt: string) => {
    if (action === undefined || (await services.isAuthorized(caller, action))) return;
    throw new XosError('XOS_PERMISSION', {
      who: `uid ${caller.uid}`,
      attempt,
      reason: `polkit refuses ${action}`,
    });
  };

  const callMethod = async (message: Message, method: MethodDefinition, what: string): Promise<Reply> => {
    expectSignature(message, joinSignature(method.input), what);
    const caller = await services.identify(message.sender ?? '');
    await authorize(caller, method.polkitAction, what);
    return { signature: joinSignature(method.output), body: await method.handle(message.body ?? [], caller) };
  };

  const callProperties = async (
    message: Message,
    interfaces: ReadonlyMap<string, InterfaceDefinition>,
  ): Promise<Reply> => {
    const signature = { Get: 'ss', Set: 'ssv', GetAll: 's' }[message.member ?? ''];
    if (signature === undefined) return unknownMethod(message);
    expectSignature(message, signature, `${propertiesName}.${message.member}`);
    const [interfaceName, name, value] = message.body as readonly [string, string?, Variant?];
    const properties = interfaces.get(interfaceName)?.properties ?? {};
    if (message.member === 'GetAll') {
      const all = Object.entries(properties).map(([key, property]) => [key, currentValue(property)]);
      return { signature: 'a{sv}', body: [Object.fromEntries(all)] };
    }
    const property = name !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (property === undefined) {
      return dbusError(
        'UnknownProperty',
        `There is no property ${name} in ${interfaceName} at ${message.path}`,
      );
    }
    if (message.member === 'Get') return { signature: 'v', body: [currentValue(property)] };
    if (property.set === undefined || value === undefined) {
      return dbusError('PropertyReadOnly', `Property ${name} of ${interfaceName} cannot be set`);
    }
    if (value.signature !== property.signature) {
      return dbusError(
        'InvalidArgs',
        `Property ${name} has type ${property.signature}, not ${value.signature}`,
      );
    }
    const caller = await services.identify(message.sender ?? '');
    await authorize(caller, property.set.polkitAction, `set ${name} of ${interfaceName}`);
    await property.set.handle(value.value, caller);
    return { signature: '', body: [] };
  };

  const answer = async (message: Message): Promise<Reply> => {
    const path = message.path ?? '/';
    const member = message.member ?? '';
    const interfaces = objects.get(path) ?? new Map<string, InterfaceDefinition>();
    const children = childrenOf(path);
    switch (message.interface) {
      case 'org.freedesktop.DBus.Peer':
        if (member === 'Ping') return { signature: '', body: [] };
        if (member === 'GetMachineId') return { signature: 's', body: [machineId()] };
        return unknownMethod(message);
      case 'org.freedesktop.DBus.Introspectable':
        if (member !== 'Introspect') return unknownMethod(message);
        return { signature: 's', body: [introspectionXml([...interfaces.values()], children)] };
    }
    if (interfaces.size === 0) return dbusError('UnknownObject', `There is no object ${path}`);
    if (message.interface === propertiesName) return callProperties(message, interfaces);
    // The interface may be left out of a call: then the first one that has the member is meant.
    const candidates =
      message.interface === undefined ? [...interfaces.values()] : [interfaces.get(message.interface)];
    for (const definition of candidates) {
      if (definition?.methods !== undefined && Object.hasOwn(definition.methods, member)) {
        const method = definition.methods[member];
        if (method !== undefined) return callMethod(message, method, `${definition.name}.${member}`);
      }
    }
    return unknownMethod(message);
  };

  return {
    add(path, definition) {
      checkDefinition(path, definition);
      const interfaces = objects.get(path) ?? new Map<string, InterfaceDefinition>();
      if (interfaces.has(definition.name)) throw new TypeError(`${path} has ${definition.name} already`);
      interfaces.set(definition.name, definition);
      objects.set(path, interfaces);
    },
    remove(path, definition) {
      const interfaces = objects.get(path);
      if (interfaces?.get(definition.name) === definition) interfaces.delete(definition.name);
      if (interfaces?.size === 0) objects.delete(path);
    },
    async answer(message) {
      try {
        return await answer(message);
      } catch (error) {
        if (error instanceof XosError && error.code !== 'XOS_INTERNAL') return errorReply(error);
        const what = `${message.interface ?? ''}.${message.member}`;
        services.onDefect(error, what);
        return errorReply(
          new XosError('XOS_INTERNAL', { attempt: `answering ${what}`, reason: 'see the journal' }),
        );
      }
    },
  };
}

/** The current value as a variant. */
export function currentValue(property: PropertyDefinition): Variant {
  return { signature: property.signature, value: property.get() };
}

export function errorReply(error: XosError): Reply {
  const { name, message, details } = toDbusError(error);
  return { errorName: name, signature: 'ss', body: [message, details] };
}

function dbusError(name: string, text: string): Reply {
  return { errorName: `org.freedesktop.DBus.Error.${name}`, signature: 's', body: [text] };
}

function unknownMethod(message: Message): Reply {
  const place = `${message.interface ?? 'any interface'} at ${message.path}`;
  return dbusError('UnknownMethod', `There is no method ${message.member} in ${place}`);
}

function expectSignature(message: Message, signature: string, what: string): void {
  const actual = message.signature ?? '';
  if (actual === signature) return;
  const reason = `expected signature '${signature}', got '${actual}'`;
  throw new XosError('XOS_INPUT_BAD', { what: `The call of ${what}`, where: 'its arguments', reason });
}

function checkDefinition(path: string, definition: InterfaceDefinition): void {
  const { name, methods = {}, properties = {}, signals = {} } = definition;
  if (!isObjectPath(path)) throw new TypeError(`${path} is no object path`);
  if (!/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$/.test(name)) throw new TypeError(`${name} is no interface name`);
  for (const member of [...Object.keys(methods), ...Object.keys(properties), ...Object.keys(signals)]) {
    if (!/^[A-Za-z_]\w*$/.test(member)) throw new TypeError(`${name}: ${member} is no member name`);
  }
  try {
    for (const { input, output } of Object.values(methods)) {
      parseSignature(joinSignature(input));
      parseSignature(joinSignature(output));
    }
    for (const args of Object.values(signals)) parseSignature(joinSignature(args));
    for (const { signature } of Object.values(properties)) parseSingleType(signature);
  } catch (error) {
    throw new TypeError(`${name}: ${reasonOf(error)}`, { cause: error });
  }
}

function machineId(): string {
  for (const file of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    try {
      const id = readFileSync(file, 'latin1').trim();
      if (/^[0-9a-f]{32}$/.test(id)) return id;
    } catch {
      // The other place may have it.
    }
  }
  throw new XosError('XOS_NOT_FOUND', { what: 'machine id', name: '/etc/machine-id' });
}
