#include "history.h"

#include <string.h>

bool history_ever(const struct model_server *server, struct arena *arena, int kind, struct str namespace, struct str name, int64_t since,
                  history_test *test, void *context) {
    for (size_t i = server->change_count; i-- > 0;) {
        const struct model_change *change = &server->changes[i];
        if (change->kind != kind || !str_is(name, change->name) || !str_is(namespace, change->namespace)) continue;
        bool is_gone = change->change == MODEL_DELETED;
        const yyjson_val *value = is_gone ? NULL : json_parse(arena, model_text_view(change->text), NULL);
        if (test(is_gone ? NULL : change, value, context)) return true;
        if (change->version <= since) return false;
    }
    return test(NULL, NULL, context);
}

int64_t history_version_at(const struct model_server *server, int64_t at_ms) {
    size_t low = 0, high = server->change_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (server->changes[middle].at_ms <= at_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? server->changes[low - 1].version : 0;
}

const struct model_change *history_of_uid(const struct model_server *server, int kind, struct str uid, int64_t version) {
    for (size_t i = server->change_count; i-- > 0;) {
        const struct model_change *change = &server->changes[i];
        if (change->version <= version && change->kind == kind && str_is(uid, change->uid)) return change;
    }
    return NULL;
}
