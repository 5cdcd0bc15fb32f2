/*
 * The ModelBoosters among what -f names (sources.h). Objects of other kinds pass by with a note on standard error.
 */
#ifndef MB_CLI_INPUT_H
#define MB_CLI_INPUT_H

#include "booster/model.h"
#include "cli/sources.h"

struct manifest {
    struct manifest *next;
    struct source source;   /* says it is a ModelBooster, nothing more is known */
    struct booster booster; /* filled by check.h */
    struct findings findings;
};

/* What could not be read, or is no Kubernetes object, or that there was nothing to read. */
struct input_trouble {
    struct input_trouble *next;
    struct str file, message;
    unsigned line; /* 0: the whole of it */
};

struct input {
    struct manifest *first;
    size_t count;
    struct input_trouble *first_trouble;
    size_t trouble_count;
    bool is_incomplete; /* something could not be read, or there was no ModelBooster at all */
};

/* Everything lives in the arena. False only when the arena is exhausted, which has been said. */
bool input_read(struct arena *arena, const struct flag_list *names, struct input *out);
/* Of a value of this manifest, else of the manifest itself; 1-based, 0 when it is not known (JSON). */
unsigned input_line(const struct manifest *manifest, const yyjson_val *value);

#endif
