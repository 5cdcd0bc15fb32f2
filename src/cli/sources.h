/*
 * What -f names, read: files, folders and standard input become objects, each with its place.
 *
 *   -f FILE   a stream of YAML documents, or JSON; a list (kind: ...List, with items) stands for its items
 *   -f DIR    its *.yaml, *.yml and *.json, in the order of their names, without subfolders
 *   -f -      standard input
 *
 * What cannot be read is said on standard error, and the rest is read all the same, so that one run shows everything.
 */
#ifndef MB_CLI_SOURCES_H
#define MB_CLI_SOURCES_H

#include "cli/flags.h"
#include "data/yaml_read.h"

struct source {
    const char *file;                     /* as a person knows it */
    const struct yaml_document *document; /* that holds the object */
    yyjson_val *object;                   /* anything, not only an object */
};

typedef void source_fn(void *context, const struct source *source);

/* Calls `each` for every object; all lives in the arena. False only when the arena is exhausted, which has been said. */
bool sources_read(struct arena *arena, const struct flag_list *names, source_fn *each, void *context, bool *out_is_incomplete);
/* Of a value of this object, else of the object itself; 1-based, 0 when it is not known (JSON). */
unsigned source_line(const struct source *source, const yyjson_val *value);
/*
 * The value that a server's path names ("spec.backends[0].type", "metadata.labels[app]"), or the innermost one around it that is there.
 */
yyjson_val *source_field(const struct source *source, struct str path);
/* As a person knows it: "<stdin>" for "-". */
const char *source_name(const char *name);

#endif
