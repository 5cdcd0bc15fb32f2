/*
 * What -f names, read: files, folders and standard input become ModelBoosters, each with its place.
 *
 *   -f FILE   a stream of YAML documents, or JSON; a list (kind: List) stands for its items
 *   -f DIR    its *.yaml, *.yml and *.json, in the order of their names, without subfolders
 *   -f -      standard input
 *
 * Objects of other kinds pass by with a note on standard error. What cannot be read is said there too, and the rest is
 * read all the same, so that one run shows everything.
 */
#ifndef MB_CLI_INPUT_H
#define MB_CLI_INPUT_H

#include "booster/model.h"
#include "cli/flags.h"
#include "data/yaml_read.h"

struct manifest {
    struct manifest *next;
    const char *file;                     /* as a person knows it */
    const struct yaml_document *document; /* that holds the object */
    yyjson_val *object;                   /* says it is a ModelBooster, nothing more is known */
    struct booster booster;               /* filled by check.h */
    struct findings findings;
};

struct input {
    struct manifest *first;
    size_t count;
    bool is_incomplete; /* something could not be read, or there was no ModelBooster at all */
};

/* Everything lives in the arena. False only when the arena is exhausted, which has been said. */
bool input_read(struct arena *arena, const struct flag_list *names, struct input *out);
/* Of a value of this manifest, else of the manifest itself; 1-based, 0 when it is not known (JSON). */
unsigned input_line(const struct manifest *manifest, const yyjson_val *value);

#endif
