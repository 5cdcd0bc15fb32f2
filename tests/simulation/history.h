/*
 * What was there when: the model server's changes, read backwards. An instance may act on anything that it could have seen last, so what
 * is asked is mostly whether something held at any moment since.
 */
#ifndef MB_TESTS_SIMULATION_HISTORY_H
#define MB_TESTS_SIMULATION_HISTORY_H

#include "model_server.h"

/* `change` NULL: there was none of the name. `value` is its object. */
typedef bool history_test(const struct model_change *change, const yyjson_val *value, void *context);

/* Did it hold at `since`, or at any version after it? The arena takes what is parsed. */
bool history_ever(const struct model_server *server, struct arena *arena, int kind, struct str namespace, struct str name, int64_t since,
                  history_test *test, void *context);
/* The version at a moment of the past. */
int64_t history_version_at(const struct model_server *server, int64_t at_ms);
/* The last change of the object with this uid at or before `version`; NULL when it was not there yet. */
const struct model_change *history_of_uid(const struct model_server *server, int kind, struct str uid, int64_t version);

#endif
