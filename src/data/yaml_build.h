/*
 * The part of yaml_read that follows libyaml's events. Internal to data/.
 */
#ifndef MB_DATA_YAML_BUILD_H
#define MB_DATA_YAML_BUILD_H

#include "data/key_set.h"
#include "data/yaml_read.h"

/* As yaml_read, for checked UTF-8 without byte order mark; `scratch` may be released afterwards. */
bool yaml_build(struct arena *arena, struct arena *scratch, struct str text, struct yaml_documents *out, struct error *error);
/* Sets the error for a key met again at `at`; returns false. */
bool yaml_duplicate_error(struct error *error, struct str key, struct yaml_position at, struct yaml_position first);

#endif
