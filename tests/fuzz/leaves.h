/*
 * A ModelBooster whose every field can be set to anything: the fields of our own definition, counted, and valid models to set them in.
 */
#ifndef MB_TESTS_FUZZ_LEAVES_H
#define MB_TESTS_FUZZ_LEAVES_H

#include "harness.h"

enum { LEAF_MODELS = 3 };

/* Of spec and all that is below it, objects and lists too. */
size_t leaf_count(void);
/* As a finding would name it, in the arena. */
struct str leaf_path(struct arena *arena, size_t leaf);
/* A valid model, to be set fields in; they count up to LEAF_MODELS, and from the first again. NULL when the arena is exhausted. */
yyjson_mut_val *leaf_model(yyjson_mut_doc *doc, size_t model);
/* Puts the value there, and what must be around it. False where something else than an object or list is in the way. */
bool leaf_set(yyjson_mut_doc *doc, yyjson_mut_val *model, size_t leaf, const yyjson_val *value);

#endif
