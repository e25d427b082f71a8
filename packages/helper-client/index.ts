/** Client of xos-helper, the only privileged daemon of a host. Protocol: docs/helper-protocol.md. */
export * from './helper-client.ts';
export * from './helper-message.ts';
export * from './helper-request.ts';
