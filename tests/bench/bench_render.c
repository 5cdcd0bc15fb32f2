/*
 * CPU for one ModelBooster: from its parsed document to its children, as the controller does for each event, and with the parsing of
 * its text. bench_render FILE... ; each file's first document must be a valid ModelBooster. The least of several batches counts: the
 * rest is the machine's noise.
 */
#include <stdio.h>
#include <time.h>

#include "booster/generate/generate.h"
#include "booster/validate.h"
#include "data/yaml_read.h"
#include "io/files.h"

enum { BATCHES = 20, ROUNDS = 200, ARENA_BYTES = 64 * 1024 * 1024 };
static const double bound_us = 50.0;

static double cpu_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* How many children; 0 when the object is invalid. */
static size_t convert(struct arena *arena, yyjson_val *object) {
    const struct generate_settings settings = {.images = {STR("kthena/downloader:latest"), STR("kthena/runtime:latest")}};
    struct booster booster;
    struct findings findings;
    struct children children;
    findings_init(&findings, arena);
    if (!booster_read(arena, object, &booster, &findings)) return 0;
    booster_validate(&booster, &findings);
    booster.namespace = STR("default");
    booster.uid = STR("11111111-2222-3333-4444-555555555555");
    if (findings.error_count || !generate_children(arena, &booster, &settings, NULL, &children)) return 0;
    return children.count;
}

static yyjson_val *parse(struct arena *arena, struct str text) {
    struct yaml_documents documents;
    struct error error = {0};
    return yaml_read(arena, text, &documents, &error) && documents.count ? documents.items[0].root : NULL;
}

/* The least microseconds a round over all batches; `object` NULL: the text is parsed each time. */
static double measure(struct str text, yyjson_val *object) {
    double least = 0;
    for (int batch = 0; batch < BATCHES; batch++) {
        double start = cpu_us();
        for (int round = 0; round < ROUNDS; round++) {
            struct arena arena;
            arena_init(&arena, ARENA_BYTES);
            if (!convert(&arena, object ? object : parse(&arena, text))) return -1;
            arena_release(&arena);
        }
        double took = (cpu_us() - start) / ROUNDS;
        if (batch == 0 || took < least) least = took;
    }
    return least;
}

/* Whether it keeps its bound; 0: it has none. */
static bool report(const char *what, const char *file, size_t child_count, double value, double bound) {
    char name[256], figure[32], limit[32] = "";
    snprintf(name, sizeof name, "%s, %s, %zu children", what, file, child_count);
    snprintf(figure, sizeof figure, "%.1f us", value);
    if (bound > 0) snprintf(limit, sizeof limit, "<= %.0f us", bound);
    bool is_kept = bound <= 0 || value <= bound;
    printf("%-62s %12s  %-12s %s\n", name, figure, limit, bound <= 0 ? "" : is_kept ? "ok" : "MISS");
    return is_kept;
}

/* Whether it is a ModelBooster, and keeps its bound. */
static bool measure_file(const char *file) {
    struct arena arena;
    struct str text;
    struct error error = {0};
    arena_init(&arena, ARENA_BYTES);
    bool is_read = files_read(&arena, file, ARENA_BYTES / 4, &text, &error);
    yyjson_val *object = is_read ? parse(&arena, text) : NULL;
    size_t child_count = object ? convert(&arena, object) : 0;
    bool is_kept = false;
    if (child_count) {
        is_kept = report("CPU from document to children", file, child_count, measure(text, object), bound_us);
        report("CPU from YAML text to children", file, child_count, measure(text, NULL), 0);
    } else {
        fprintf(stderr, "bench_render: %s: %s\n", file, is_read ? "no valid ModelBooster" : error.message);
    }
    arena_release(&arena);
    return is_kept;
}

int main(int argc, char **argv) {
    bool is_kept = argc > 1;
    for (int i = 1; i < argc; i++) is_kept &= measure_file(argv[i]);
    return is_kept ? 0 : 1;
}
