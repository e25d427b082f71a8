/* The map file as this process has it mapped. */
#ifndef XOS_MAP_FILE_H
#define XOS_MAP_FILE_H

#include "map.h"

/*
 * The current map, to be given back by xos_map_release; NULL when there is none that may be used. Looks at
 * the path at most every 100 ms, or now when fresh. Lock-free unless the file was replaced.
 */
const struct xos_map *xos_map_acquire(bool fresh);
void xos_map_release(const struct xos_map *map);

#endif
