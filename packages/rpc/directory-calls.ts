import { callsOf } from './call.ts';
import { emptyRequestSchema, emptyResponseSchema } from './generated/common_pb.js';
import * as messages from './generated/directory_pb.js';

const call = callsOf('dir', 10001);

/** The calls of the DIR: docs/xtreemfs-protocol.md. */
export const directoryCalls = {
  addressMappingsGet: call(
    'address_mappings_get',
    1,
    messages.addressMappingGetRequestSchema,
    messages.AddressMappingSetSchema,
  ),
  addressMappingsRemove: call(
    'address_mappings_remove',
    2,
    messages.addressMappingGetRequestSchema,
    emptyResponseSchema,
  ),
  addressMappingsSet: call(
    'address_mappings_set',
    3,
    messages.AddressMappingSetSchema,
    messages.addressMappingSetResponseSchema,
  ),
  globalTimeGet: call('global_time_s_get', 5, emptyRequestSchema, messages.globalTimeSGetResponseSchema),
  serviceDeregister: call(
    'service_deregister',
    6,
    messages.serviceDeregisterRequestSchema,
    emptyResponseSchema,
  ),
  serviceGetByName: call(
    'service_get_by_name',
    7,
    messages.serviceGetByNameRequestSchema,
    messages.ServiceSetSchema,
  ),
  serviceGetByType: call(
    'service_get_by_type',
    8,
    messages.serviceGetByTypeRequestSchema,
    messages.ServiceSetSchema,
  ),
  serviceGetByUuid: call(
    'service_get_by_uuid',
    9,
    messages.serviceGetByUUIDRequestSchema,
    messages.ServiceSetSchema,
  ),
  serviceOffline: call('service_offline', 10, messages.serviceGetByUUIDRequestSchema, emptyResponseSchema),
  serviceRegister: call(
    'service_register',
    11,
    messages.serviceRegisterRequestSchema,
    messages.serviceRegisterResponseSchema,
  ),
  configurationGet: call(
    'configuration_get',
    22,
    messages.configurationGetRequestSchema,
    messages.ConfigurationSchema,
  ),
  configurationSet: call(
    'configuration_set',
    23,
    messages.ConfigurationSchema,
    messages.configurationSetResponseSchema,
  ),
} as const;
