/*
 * Valid ModelBoosters with a few fields set to anything: a digit for the model, then lines of a field's number and its new value as YAML.
 * What random text hardly ever becomes.
 */
#include "base/number.h"

#include "booster_laws.h"
#include "data/yaml_read.h"
#include "leaves.h"

enum { EDITS_MAX = 6 };

static void set(struct arena *arena, yyjson_mut_doc *doc, yyjson_mut_val *model, struct str line) {
    size_t end = str_find(line, STR(" "));
    int64_t number;
    struct yaml_documents documents;
    if (end == SIZE_MAX || !number_parse_int64(str_first(line, end), &number) || number < 0) return;
    if (!yaml_read(arena, str_from(line, end + 1), &documents, NULL) || documents.count != 1) return;
    leaf_set(doc, model, (size_t)number % leaf_count(), documents.items[0].root);
}

FUZZ_TARGET(leaves) {
    struct str first = fuzz_line(&input);
    yyjson_mut_doc *doc = json_builder(arena);
    yyjson_mut_val *model = doc ? leaf_model(doc, first.len ? (unsigned char)first.ptr[0] : 0) : NULL;
    if (!model) return;
    for (int i = 0; i < EDITS_MAX && input.len; i++) set(arena, doc, model, fuzz_line(&input));
    yyjson_val *object = json_freeze(arena, model);
    if (object) expect_booster_laws(arena, &object, 1);
}
