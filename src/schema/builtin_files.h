/* The files of src/schema/builtin, part of the program: made by scripts/embed.py, in the order of builtin.c's table of packages. */
#ifndef MB_SCHEMA_BUILTIN_FILES_H
#define MB_SCHEMA_BUILTIN_FILES_H

#include "base/str.h"

extern const struct str builtin_files[];
extern const size_t builtin_files_count;

#endif
