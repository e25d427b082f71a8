/* Layout of the NSS map file, all numbers little-endian: the C copy of
 * packages/module-protocol/nss-map-format.ts. */
#ifndef XOS_MAP_FORMAT_H
#define XOS_MAP_FORMAT_H

#define MAP_MAGIC "XOSNSSMP"
#define MAP_VERSION 1u

#define HEADER_BYTES 128u
#define HEADER_VERSION 8
#define HEADER_HEADER_BYTES 12
#define HEADER_FILE_BYTES 16
#define HEADER_FLAGS 24
#define HEADER_GENERATION 32
#define HEADER_HASH_KEY 40
#define HEADER_INDEXES 48
#define HEADER_PASSWD_REGION 80
#define HEADER_GROUP_REGION 88
#define HEADER_CRC 124
#define FLAG_ENUMERATE 1u

#define BUCKET_BYTES 64u
#define BUCKET_ENTRIES 7u
#define BUCKET_META 56
#define BUCKET_CRC 60
#define BUCKET_OVERFLOW 0x80000000u

#define RECORD_ALIGNMENT 8u
#define RECORD_HEAD_BYTES 32u
#define RECORD_CRC 0
#define RECORD_BYTES 4
#define RECORD_KIND 28
#define KIND_PASSWD 1u
#define KIND_GROUP 2u

#define PASSWD_UID 8
#define PASSWD_GID 12
#define PASSWD_GROUP_COUNT 16
#define PASSWD_NAME_BYTES 20
#define PASSWD_GECOS_BYTES 22
#define PASSWD_HOME_BYTES 24
#define PASSWD_SHELL_BYTES 26

#define GROUP_GID 8
#define GROUP_MEMBER_COUNT 12
#define GROUP_MEMBER_BYTES 16
#define GROUP_NAME_BYTES 20

#endif
