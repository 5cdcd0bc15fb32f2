/*
 * The parts of `controller --check` (examine.h): what is told, and whether the rights are there.
 */
#ifndef MB_CLI_EXAMINE_INNER_H
#define MB_CLI_EXAMINE_INNER_H

#include "cli/cluster.h"
#include "controller/controller.h"
#include "data/json.h"

enum judgement { JUDGED_OK, JUDGED_DOUBTFUL, JUDGED_FAILED };

/* Collected as text and as JSON. */
struct examined {
    struct arena *arena;
    struct strbuf text;
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
    enum judgement worst;
};

/* `message` lives as long as the arena; `remedy` may be NULL. */
void examined_add(struct examined *examined, enum judgement judgement, const char *subject, struct str message, const char *remedy);
/* GET, or POST of a body; NULL and why. */
yyjson_val *examine_ask(struct cluster *cluster, struct str path, struct str body, struct kube_answer *out_answer);

/* Asks the server about each right of controller/rights.h, in each namespace. */
void examine_rights(struct cluster *cluster, const struct controller_options *options, struct examined *examined);

#endif
