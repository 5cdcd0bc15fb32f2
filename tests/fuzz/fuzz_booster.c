/* A manifest from anywhere, through the whole domain. */
#include "booster_laws.h"
#include "data/yaml_read.h"

enum { DOCUMENTS_MAX = 8 };

FUZZ_TARGET(booster) {
    struct yaml_documents documents;
    yyjson_val *objects[DOCUMENTS_MAX];
    size_t count = 0;
    if (!yaml_read(arena, input, &documents, NULL)) return;
    for (; count < documents.count && count < DOCUMENTS_MAX; count++) objects[count] = documents.items[count].root;
    expect_booster_laws(arena, objects, count);
}
