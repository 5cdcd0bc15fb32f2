/*
 * For tests of the generator: from a manifest's text to the children of its ModelBooster, as render and controller make them.
 * Everything lives in the rendering's arena.
 */
#ifndef MB_TESTS_UNIT_RENDERED_H
#define MB_TESTS_UNIT_RENDERED_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "booster/generate/generate.h"
#include "booster/validate.h"
#include "data/yaml_read.h"

#define TEST_DOWNLOADER "kthena/downloader:latest"
#define TEST_RUNTIME    "kthena/runtime:latest"
#define TEST_UID        "00000000-0000-0000-0000-000000000000"

struct rendered {
    struct arena arena;
    struct booster booster;
    struct findings findings;
    struct generate_settings settings;
    struct children children; /* none where there are errors among the findings */
};

/* Reads and checks the first document. */
static inline void rendered_read(struct rendered *out, struct str text) {
    struct yaml_documents documents = {0};
    struct error error = {0};
    *out = (struct rendered){.settings = {.images = {STR(TEST_DOWNLOADER), STR(TEST_RUNTIME)}}};
    arena_init(&out->arena, LIMIT_RECONCILE_ARENA_BYTES);
    findings_init(&out->findings, &out->arena);
    if (!yaml_read(&out->arena, text, &documents, &error) || documents.count == 0)
        fail_msg("line %u: %s\n%.*s", error.line, error.message, STR_ARG(str_first(text, 2000)));
    assert_true(booster_read(&out->arena, documents.items[0].root, &out->booster, &out->findings));
    booster_validate_manifest(&out->booster, &out->findings);
    booster_validate(&out->booster, &out->findings);
    if (!out->booster.namespace.len) out->booster.namespace = STR("default");
    if (!out->booster.uid.len) out->booster.uid = STR(TEST_UID);
}

static inline void rendered_generate(struct rendered *out, const struct live_serving *live) {
    for (size_t i = 0; i < out->findings.count; i++) {
        const struct finding *finding = &out->findings.items[i];
        if (!finding->is_warning) fail_msg("%.*s: %.*s", STR_ARG(finding->path), STR_ARG(finding->message));
    }
    assert_true(generate_children(&out->arena, &out->booster, &out->settings, live, &out->children));
}

static inline void rendered_make(struct rendered *out, struct str text) {
    rendered_read(out, text);
    rendered_generate(out, NULL);
}

static inline void rendered_release(struct rendered *out) {
    arena_release(&out->arena);
}

/* The first child of this kind (and backend, where it is not NULL); fails when there is none. */
static inline const struct child *rendered_child(const struct rendered *rendered, enum child_kind kind, const char *backend) {
    for (size_t i = 0; i < rendered->children.count; i++) {
        const struct child *child = &rendered->children.items[i];
        if (child->kind == kind && (!backend || str_is(child->backend, backend))) return child;
    }
    fail_msg("no %s of backend %s", child_kind_name(kind), backend ? backend : "any");
    return NULL;
}

#endif
