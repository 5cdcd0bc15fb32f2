/*
 * What a server has against an object of a file, one line on standard error for each fault, each with the line of its field. A fault comes
 * as one of these:
 *
 *   a cause of the Status   spec.backends[0].type: Unsupported value: "vLMM"
 *   an unknown field        strict decoding error: unknown field "spec.x"
 *   an apply's misfit       failed to create typed patch object (...): .spec.backends[name="cpu"].x: field not declared in schema
 *
 * Where validate's rules find a fault of a ModelBooster at the very field of a misfit, their words are told: they name the remedy. What is
 * the server's own fault, and not the object's, is told as cluster_refuse does it.
 */
#ifndef MB_CLI_REFUSAL_H
#define MB_CLI_REFUSAL_H

#include "cli/cluster.h"
#include "cli/sources.h"

/* The exit status that it means. */
int refusal_tell(struct cluster *cluster, const struct source *source, const struct kube_answer *answer);
/* "a.yaml:7", of a value or key of the object, else of the object; in the cluster's arena. */
const char *refusal_place(struct cluster *cluster, const struct source *source, const yyjson_val *value);

#endif
