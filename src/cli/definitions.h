/*
 * The definitions of deploy/crds, part of the program: made by scripts/embed.py, one YAML document each.
 */
#ifndef MB_CLI_DEFINITIONS_H
#define MB_CLI_DEFINITIONS_H

#include "base/str.h"

extern const struct str embedded_definitions[];
extern const size_t embedded_definitions_count;

#endif
