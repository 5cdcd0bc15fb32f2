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
/* What cannot be read, after its line on standard error; line 0: the whole of the file. The message lives until return. */
typedef void source_trouble_fn(void *context, const char *file, unsigned line, const char *message);

struct sources_reader {
    source_fn *each;
    source_trouble_fn *trouble; /* NULL: the line is enough */
    void *context;
};

/* Calls `each` for every object; all lives in the arena. False only when the arena is exhausted, which has been said. */
bool sources_read(struct arena *arena, const struct flag_list *names, const struct sources_reader *reader, bool *out_is_incomplete);
/* Of a value of this object, else of the object itself; 1-based, 0 when it is not known (JSON). */
unsigned source_line(const struct source *source, const yyjson_val *value);
/*
 * The field that a server's path names, or the innermost one around it that is there. As servers write them:
 *
 *   spec.backends[0].type                       an item by its place
 *   .spec.backends[name="cpu"].type             by what tells it from the others; .finalizers[="x"] by itself
 *   metadata.labels[app], .metadata.labels.app  an entry of a map; its key may have dots
 */
struct source_field {
    yyjson_val *value;
    const yyjson_val *place; /* its key where it has one, else the value: the line is this one's */
    bool is_whole;           /* all of the path is there */
};
struct source_field source_field(const struct source *source, struct str path);
/* As a person knows it: "<stdin>" for "-". */
const char *source_name(const char *name);

#endif
