import type { ArgumentSignatures, InterfaceDefinition, PropertyDefinition } from './interface-definition.ts';

const doctype = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
`;

const standardInterfaces = ` <interface name="org.freedesktop.DBus.Introspectable">
  <method name="Introspect">
   <arg name="xml" type="s" direction="out"/>
  </method>
 </interface>
 <interface name="org.freedesktop.DBus.Peer">
  <method name="Ping"/>
  <method name="GetMachineId">
   <arg name="id" type="s" direction="out"/>
  </method>
 </interface>
`;

const propertiesInterface = ` <interface name="org.freedesktop.DBus.Properties">
  <method name="Get">
   <arg name="interface" type="s" direction="in"/>
   <arg name="name" type="s" direction="in"/>
   <arg name="value" type="v" direction="out"/>
  </method>
  <method name="Set">
   <arg name="interface" type="s" direction="in"/>
   <arg name="name" type="s" direction="in"/>
   <arg name="value" type="v" direction="in"/>
  </method>
  <method name="GetAll">
   <arg name="interface" type="s" direction="in"/>
   <arg name="properties" type="a{sv}" direction="out"/>
  </method>
  <signal name="PropertiesChanged">
   <arg name="interface" type="s"/>
   <arg name="changed" type="a{sv}"/>
   <arg name="invalidated" type="as"/>
  </signal>
 </interface>
`;

/** The introspection document of an object: its interfaces and the names of the objects below. */
export function introspectionXml(
  definitions: readonly InterfaceDefinition[],
  children: readonly string[],
): string {
  const interfaces = definitions.map(interfaceXml).join('');
  const standard = definitions.length > 0 ? standardInterfaces + propertiesInterface : standardInterfaces;
  const nodes = children.map((child) => ` <node name="${child}"/>\n`).join('');
  return `${doctype}<node>\n${standard}${interfaces}${nodes}</node>\n`;
}

function interfaceXml(definition: InterfaceDefinition): string {
  const methods = Object.entries(definition.methods ?? {}).map(([name, { input, output }]) =>
    element('method', name, argumentsXml(input, 'in') + argumentsXml(output, 'out')),
  );
  const signals = Object.entries(definition.signals ?? {}).map(([name, args]) =>
    element('signal', name, argumentsXml(args)),
  );
  const properties = Object.entries(definition.properties ?? {}).map(([name, property]) =>
    propertyXml(name, property),
  );
  return ` <interface name="${definition.name}">\n${[...methods, ...signals, ...properties].join('')} </interface>\n`;
}

function element(kind: 'method' | 'signal', name: string, content: string): string {
  return content === ''
    ? `  <${kind} name="${name}"/>\n`
    : `  <${kind} name="${name}">\n${content}  </${kind}>\n`;
}

function argumentsXml(args: ArgumentSignatures = {}, direction?: 'in' | 'out'): string {
  const suffix = direction === undefined ? '' : ` direction="${direction}"`;
  return Object.entries(args)
    .map(([name, type]) => `   <arg name="${name}" type="${type}"${suffix}/>\n`)
    .join('');
}

function propertyXml(name: string, { signature, set, emitsChange = true }: PropertyDefinition): string {
  const access = set === undefined ? 'read' : 'readwrite';
  const head = `  <property name="${name}" type="${signature}" access="${access}"`;
  if (emitsChange === true) return `${head}/>\n`;
  const annotation = `<annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="${emitsChange}"/>`;
  return `${head}>\n   ${annotation}\n  </property>\n`;
}
