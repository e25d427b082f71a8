/*
 * Stands in for Node's own header, of which lmdb's sources take this number alone: the version whose V8 they
 * were compiled against, to use that directly. Here they keep to Node-API, for every version.
 */
#pragma once
#define NODE_MAJOR_VERSION 0
