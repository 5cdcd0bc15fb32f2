/* What builtin_default sets on a Pod beyond its table: values that depend on others. */
#ifndef MB_SCHEMA_BUILTIN_POD_H
#define MB_SCHEMA_BUILTIN_POD_H

#include "data/json.h"

bool builtin_default_pod(yyjson_mut_doc *doc, yyjson_mut_val *object);

#endif
