#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/targets.h"
#include "cli/waiting.h"
#include "data/duration.h"

enum { FLAGS_ARENA_BYTES = 1024 * 1024, MESSAGE_BYTES = 4096 };
static const int64_t default_timeout_ms = 30 * 1000, longest_timeout_ms = 7 * (int64_t)24 * 3600 * 1000;

enum wish { WISH_CONDITION, WISH_DELETE, WISH_CREATE };

struct wanted {
    enum wish wish;
    struct str condition, value; /* WISH_CONDITION */
    bool was_seen;
    char last[MESSAGE_BYTES]; /* what the object said, when it was looked at last */
};

static bool read_wish(struct cluster *cluster, const char *text, struct wanted *out) {
    struct str rest = str_of(text);
    out->value = STR("True");
    if (str_is(rest, "delete")) {
        out->wish = WISH_DELETE;
        return true;
    }
    if (str_is(rest, "create")) {
        out->wish = WISH_CREATE;
        return true;
    }
    if (str_starts_with(rest, STR("condition="))) {
        rest = str_from(rest, strlen("condition="));
        size_t equals = str_find(rest, STR("="));
        out->condition = str_first(rest, equals == SIZE_MAX ? rest.len : equals);
        if (equals != SIZE_MAX) out->value = str_from(rest, equals + 1);
        if (out->condition.len && out->value.len) return true;
    }
    cluster_complain(cluster, "--for is %s; write condition=TYPE, condition=TYPE=VALUE, delete or create", QUOTE(str_of(text)));
    return false;
}

static yyjson_val *condition_of(const yyjson_val *object, struct str type) {
    size_t index, max;
    yyjson_val *condition;
    yyjson_arr_foreach(json_path(object, "status", "conditions", NULL), index, max, condition) {
        if (str_equal_ignoring_case(json_text(json_get(condition, "type")), type)) return condition;
    }
    return NULL;
}

static bool is_condition_met(struct wanted *wanted, const yyjson_val *object) {
    yyjson_val *condition = condition_of(object, wanted->condition);
    struct str status = json_text(json_get(condition, "status")), reason = json_text(json_get(condition, "reason"));
    struct str message = json_text(json_get(condition, "message"));
    int64_t generation = 0, observed = 0;
    bool is_dated = json_int64(json_path(object, "metadata", "generation", NULL), &generation) &&
                    json_int64(json_get(condition, "observedGeneration"), &observed);
    bool is_old = is_dated && observed < generation;
    if (!condition)
        snprintf(wanted->last, sizeof wanted->last, "it has no condition %.*s yet", STR_ARG(wanted->condition));
    else
        snprintf(wanted->last, sizeof wanted->last, "%.*s is %.*s%s%s%.*s%s%.*s", STR_ARG(wanted->condition), STR_ARG(status),
                 is_old ? " of an older generation" : "", reason.len ? ": " : "", STR_ARG(reason), message.len ? ": " : "",
                 STR_ARG(message));
    return condition && !is_old && str_equal_ignoring_case(status, wanted->value);
}

static bool is_met(void *context, yyjson_val *object) {
    struct wanted *wanted = context;
    wanted->was_seen |= object != NULL;
    if (!object) snprintf(wanted->last, sizeof wanted->last, "it does not exist");
    switch (wanted->wish) {
    case WISH_DELETE: snprintf(wanted->last, sizeof wanted->last, "it still exists"); return object == NULL;
    case WISH_CREATE: return object != NULL;
    /* Waiting for a word of what is not there would last until the end. */
    case WISH_CONDITION: return object ? is_condition_met(wanted, object) : true;
    }
    return false;
}

static int wait_for(struct cluster *cluster, const struct target *target, const struct wanted *wish, int64_t deadline_ms) {
    struct wanted wanted = *wish;
    struct kube_answer refusal;
    struct str label = kind_label(&cluster->arena, target->kind), plural = kind_plural_label(&cluster->arena, target->kind);
    enum waiting_end end =
        waiting_for(cluster, target->kind, target_namespace(cluster, target->kind), target->name, deadline_ms, is_met, &wanted, &refusal);
    if (end == WAITING_REFUSED) return cluster_refuse(cluster, NULL, &refusal);
    if (end == WAITING_TIMEOUT)
        return cluster_complain(cluster, "timed out waiting for the condition on %.*s/%.*s: %s", STR_ARG(plural), STR_ARG(target->name),
                                wanted.last);
    if (wanted.wish == WISH_CONDITION && str_is(str_of(wanted.last), "it does not exist"))
        return cluster_complain(cluster, wanted.was_seen ? "%.*s %s was deleted" : "%.*s %s not found", STR_ARG(plural),
                                QUOTE(target->name));
    struct str line = arena_printf(&cluster->arena, "%.*s/%.*s condition met\n", STR_ARG(label), STR_ARG(target->name));
    return output_now(line) ? EXIT_CLEAN : EXIT_UNABLE;
}

static bool read_timeout(struct cluster *cluster, const char *text, int64_t *out_ms) {
    int64_t ns;
    *out_ms = default_timeout_ms;
    if (!text) return true;
    if (!duration_parse(str_of(text), &ns, NULL)) {
        cluster_complain(cluster, "--timeout is %s; write a duration as 30s or 15m", QUOTE(str_of(text)));
        return false;
    }
    int64_t ms = ns / 1000000;
    *out_ms = ms < 0 || ms > longest_timeout_ms ? longest_timeout_ms : ms;
    return true;
}

static int wait_all(struct cluster *cluster, const struct flag_list *words, const struct wanted *wish, int64_t timeout_ms) {
    struct kinds kinds;
    struct targets targets;
    int status = EXIT_UNABLE;
    if (!kinds_load(cluster, &kinds, &status)) return status;
    if (targets_read(cluster, &kinds, words, &targets, &status)) {
        int64_t deadline_ms = loop_now_ms(cluster->loop) + timeout_ms;
        status = EXIT_CLEAN;
        for (size_t i = 0; i < targets.count; i++) {
            if (!targets.items[i].name.len) {
                cluster_complain(cluster, "name what to wait for: KIND/NAME or KIND NAME");
                status = EXIT_UNABLE;
                break;
            }
            int own = wait_for(cluster, &targets.items[i], wish, deadline_ms);
            status = own > status ? own : status;
        }
    }
    kinds_release(&kinds);
    return status;
}

int command_wait(int argc, char **argv) {
    struct cluster_flags cluster_flags = {0};
    struct flag_list words = {0};
    const char *wish_text = NULL, *timeout_text = NULL;
    const struct flag flags[] = {
        FLAG_ROW_WORDS(&words),
        FLAG_ROW_TEXT("for", 0, "WHAT", &wish_text, "condition=TYPE[=VALUE] (True where there is no value), delete or create"),
        FLAG_ROW_TEXT("timeout", 0, "DURATION", &timeout_text, "for all of them; default 30s, 0 looks once, negative is a week"),
        CLUSTER_FLAG_ROWS(cluster_flags),
        FLAG_ROW_END,
    };
    const struct usage usage = {
        "wait KIND/NAME... --for WHAT [flags]",
        "Waits until each of the objects is what was asked for. When the time is over it says what the object says.", flags,
        "  model-booster wait modelbooster/quickstart --for=condition=Active --timeout 15m\n"
        "  model-booster wait modelbooster/quickstart --for=delete\n"};
    struct arena arena;
    arena_init(&arena, FLAGS_ARENA_BYTES);
    int status;
    struct cluster cluster;
    if (flags_start(&arena, &usage, argc, argv, &status)) {
        status = EXIT_UNABLE;
        if (cluster_open(&cluster, "wait", &cluster_flags)) {
            struct wanted wish = {0};
            int64_t timeout_ms;
            if (!wish_text)
                cluster_complain(&cluster, "say what to wait for: --for=condition=Active, --for=delete");
            else if (read_wish(&cluster, wish_text, &wish) && read_timeout(&cluster, timeout_text, &timeout_ms))
                status = wait_all(&cluster, &words, &wish, timeout_ms);
            cluster_close(&cluster);
        }
    }
    arena_release(&arena);
    return status;
}
