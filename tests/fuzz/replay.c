/*
 * The fuzz targets without libFuzzer: each runs over the files of its folder in tests/fuzz/seeds, and each of these cut short at some
 * places. A process for each target, so that one that dies takes no other along, and is named with its input.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz_targets.h"
#include "harness.h"
#include "io/files.h"

typedef void target_fn(struct arena *arena, struct str input);

#define DECLARE(name, more_seeds) target_fn fuzz_##name;
FUZZ_TARGETS(DECLARE)
#undef DECLARE

static const struct target {
    const char *name, *more_seeds; /* another folder of inputs; empty: none */
    target_fn *run;
} targets[] = {
#define ROW(name, more_seeds) {#name, more_seeds, fuzz_##name},
    FUZZ_TARGETS(ROW)
#undef ROW
};

enum { PATH_BYTES = 512, CUTS = 4 };

static void run_bytes(const struct target *target, struct str bytes) {
    struct arena arena;
    arena_init(&arena, FUZZ_ARENA_BYTES);
    /* In a block of its own size, so that a step beyond its end is seen. */
    char *block = malloc(bytes.len ? bytes.len : 1);
    if (!block) abort();
    memcpy(block, bytes.ptr, bytes.len);
    target->run(&arena, (struct str){block, bytes.len});
    free(block);
    arena_release(&arena);
}

/* Says first, to `told`, which file it is about to run. */
static void run_file(const struct target *target, const char *path, int told) {
    struct arena arena;
    struct str bytes;
    struct error error;
    char line[PATH_BYTES] = {0};
    snprintf(line, sizeof line, "%s", path);
    if (write(told, line, sizeof line) != sizeof line) exit(1);
    arena_init(&arena, LIMIT_FILE_BYTES);
    if (!files_read(&arena, path, LIMIT_FILE_BYTES, &bytes, &error)) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    for (size_t i = 0; i <= CUTS; i++) run_bytes(target, str_first(bytes, bytes.len - bytes.len * i / (2 * CUTS)));
    arena_release(&arena);
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static void run_folder(const struct target *target, const char *folder, int told) {
    struct dirent **entries;
    int count = scandir(folder, &entries, is_shown, compare_names);
    if (count <= 0) {
        fprintf(stderr, "%s: no seeds there\n", folder);
        exit(1);
    }
    for (int i = 0; i < count; i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        run_file(target, path, told);
        free(entries[i]);
    }
    free(entries);
}

static void run_all(const struct target *target, int told) {
    char folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "tests/fuzz/seeds/%s", target->name);
    run_folder(target, folder, told);
    if (*target->more_seeds) run_folder(target, target->more_seeds, told);
    exit(0);
}

/* True when all went well; the last file that was told of is the one that did not. */
static bool run_apart(const struct target *target) {
    int ends[2], status = 0;
    char line[PATH_BYTES] = "its start";
    fflush(NULL);
    if (pipe(ends) < 0) return false;
    pid_t child = fork();
    if (child < 0) return false;
    if (child == 0) {
        close(ends[0]);
        run_all(target, ends[1]);
    }
    close(ends[1]);
    size_t files = 0;
    while (read(ends[0], line, sizeof line) == sizeof line) files++;
    close(ends[0]);
    bool is_good = waitpid(child, &status, 0) == child && status == 0 && files > 0;
    if (is_good)
        printf("%-18s %zu files\n", target->name, files);
    else
        printf("%s failed with %s, or a part of it\n", target->name, line);
    return is_good;
}

/* Names of targets may be given; else all run. */
int main(int argc, char **argv) {
    size_t passed = 0, failed = 0;
    const char *root = getenv("MB_SOURCE_ROOT");
    if (root && chdir(root) < 0) return 1;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        bool is_wanted = argc == 1;
        for (int word = 1; word < argc; word++) is_wanted |= strcmp(argv[word], targets[i].name) == 0;
        if (!is_wanted) continue;
        bool is_good = run_apart(&targets[i]);
        passed += is_good;
        failed += !is_good;
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed || !passed;
}
