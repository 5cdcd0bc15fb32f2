#include "cli/chain.h"

/* What a container waits for that will not come by itself. */
static const char *const hopeless[] = {
    "ImagePullBackOff",  "ErrImagePull", "InvalidImageName",     "ErrImageNeverPull",          "CrashLoopBackOff",
    "RunContainerError", "StartError",   "CreateContainerError", "CreateContainerConfigError",
};

const char *chain_link_name(enum chain_link link) {
    static const char *const names[] = {
#define LINK_NAME(id, name) name,
        CHAIN_LINKS(LINK_NAME)
#undef LINK_NAME
    };
    return names[link];
}

const char *link_state_name(enum link_state state) {
    static const char *const names[] = {[LINK_UNKNOWN] = "-", [LINK_DONE] = "yes", [LINK_WAITING] = "not yet", [LINK_FAILED] = "FAILED"};
    return names[state];
}

enum chain_link chain_first_open(const struct chain *chain) {
    int unknown = LINK_COUNT;
    for (int link = 0; link < LINK_COUNT; link++) {
        enum link_state state = chain->links[link].state;
        if (state == LINK_WAITING || state == LINK_FAILED) return (enum chain_link)link;
        if (state == LINK_UNKNOWN && unknown == LINK_COUNT) unknown = link;
    }
    return (enum chain_link)unknown;
}

yyjson_val *chain_condition(const yyjson_val *object, const char *type) {
    size_t index, max;
    yyjson_val *condition;
    yyjson_arr_foreach(json_path(object, "status", "conditions", NULL), index, max, condition) {
        if (json_is_text(json_get(condition, "type"), type)) return condition;
    }
    return NULL;
}

struct reading {
    struct arena *arena;
    const struct chain_input *input;
    struct chain *out;
};

static void set(struct reading *reading, enum chain_link link, enum link_state state, struct str text) {
    reading->out->links[link].state = state;
    reading->out->links[link].text = text;
}

static bool is_true(const yyjson_val *condition) {
    return json_is_text(json_get(condition, "status"), "True");
}

/* "Reason: message", or what there is of it. */
static struct str words_of(struct arena *arena, const yyjson_val *said) {
    struct str reason = json_text(json_get(said, "reason")), message = json_text(json_get(said, "message"));
    return reason.len && message.len ? arena_join(arena, reason, STR(": "), message) : reason.len ? reason : message;
}

static struct str name_of(const yyjson_val *object) {
    return json_text(json_path(object, "metadata", "name", NULL));
}

static int64_t number_of(const yyjson_val *value, int64_t fallback) {
    int64_t number;
    return json_int64(value, &number) ? number : fallback;
}

/* ---- rendered, accepted ---- */

static void read_rendered(struct reading *reading) {
    const yyjson_val *booster = reading->input->booster;
    yyjson_val *failed = chain_condition(booster, "Failed"), *initialized = chain_condition(booster, "Initialized");
    struct str reason = json_text(json_get(failed, "reason"));
    int64_t generation = number_of(json_path(booster, "metadata", "generation", NULL), 1);
    if (!initialized)
        set(reading, LINK_RENDERED, LINK_WAITING, STR("no controller has looked at it yet; does one run for this namespace?"));
    else if (number_of(json_get(initialized, "observedGeneration"), generation) < generation)
        set(reading, LINK_RENDERED, LINK_WAITING,
            arena_printf(reading->arena, "generation %lld has not been looked at yet", (long long)generation));
    else if (is_true(failed) && (str_is(reason, "InvalidSpec") || str_is(reason, "UnsupportedBackend")))
        set(reading, LINK_RENDERED, LINK_FAILED, words_of(reading->arena, failed));
    else
        set(reading, LINK_RENDERED, LINK_DONE, arena_printf(reading->arena, "generation %lld", (long long)generation));
}

/* "ModelServing m-a cannot be read: ...; ModelServer m-a cannot be read: ..." */
static struct str children_trouble(struct arena *arena, const struct chain_input *input) {
    struct str serving = input->serving_trouble, server = input->server_trouble, words = STR_EMPTY;
    if (serving.len) words = arena_printf(arena, "ModelServing %.*s cannot be read: %.*s", STR_ARG(input->serving_name), STR_ARG(serving));
    if (server.len)
        words = arena_printf(arena, "%.*s%sModelServer %.*s cannot be read: %.*s", STR_ARG(words), words.len ? "; " : "",
                             STR_ARG(input->server_name), STR_ARG(server));
    return words;
}

static void read_accepted(struct reading *reading) {
    const struct chain_input *input = reading->input;
    yyjson_val *failed = chain_condition(input->booster, "Failed"), *initialized = chain_condition(input->booster, "Initialized");
    bool has_no_serving = !input->serving && !input->serving_trouble.len, has_no_server = !input->server && !input->server_trouble.len;
    bool is_named = str_contains(json_text(json_get(failed, "message")), input->serving_name);
    if (is_true(failed) && (has_no_serving || has_no_server || is_named)) {
        set(reading, LINK_ACCEPTED, LINK_FAILED, words_of(reading->arena, failed));
    } else if (has_no_serving || has_no_server) {
        struct str missing = arena_printf(reading->arena, "%s %.*s does not exist", has_no_serving ? "ModelServing" : "ModelServer",
                                          STR_ARG(has_no_serving ? input->serving_name : input->server_name));
        struct str why = initialized && !is_true(initialized) ? words_of(reading->arena, initialized) : STR_EMPTY;
        set(reading, LINK_ACCEPTED, LINK_WAITING, why.len ? arena_join(reading->arena, missing, STR("; "), why) : missing);
    } else if (!input->serving || !input->server) {
        set(reading, LINK_ACCEPTED, LINK_UNKNOWN, children_trouble(reading->arena, input));
    } else {
        set(reading, LINK_ACCEPTED, LINK_DONE,
            arena_printf(reading->arena, "ModelServing %.*s, ModelServer %.*s", STR_ARG(input->serving_name), STR_ARG(input->server_name)));
    }
}

/* ---- pods ---- */

static bool is_scheduled(const yyjson_val *pod) {
    return is_true(chain_condition(pod, "PodScheduled")) || json_text(json_path(pod, "spec", "nodeName", NULL)).len;
}

static bool are_pods_missing(struct reading *reading, enum chain_link link) {
    const struct chain_input *input = reading->input;
    /* Why is said once, at the first of the links that ask for pods. */
    struct str why = link == LINK_SCHEDULED ? arena_join(reading->arena, STR(": "), input->pods_trouble, STR_EMPTY) : STR_EMPTY;
    if (input->pods_trouble.len)
        set(reading, link, LINK_UNKNOWN, arena_join(reading->arena, STR("its pods cannot be read"), why, STR_EMPTY));
    else if (!input->pod_count)
        set(reading, link, LINK_UNKNOWN, STR_EMPTY);
    return input->pods_trouble.len || !input->pod_count;
}

static void read_scheduled(struct reading *reading) {
    const struct chain_input *input = reading->input;
    int64_t wanted = number_of(json_path(input->serving, "spec", "replicas", NULL), 1);
    if (!input->serving && !input->serving_trouble.len) return;
    /* Whether it wants none is not known without its ModelServing. */
    if (are_pods_missing(reading, LINK_SCHEDULED) && (input->pods_trouble.len || !input->serving)) return;
    if (wanted == 0) {
        set(reading, LINK_SCHEDULED, LINK_WAITING, STR("no replicas are wanted: it is suspended, or scaled to 0"));
        return;
    }
    if (!input->pod_count) {
        struct str why = words_of(reading->arena, chain_condition(input->serving, "Available"));
        set(reading, LINK_SCHEDULED, LINK_WAITING,
            why.len ? arena_join(reading->arena, STR("it has no pods; "), why, STR_EMPTY)
                    : STR("it has no pods; does a ModelServing controller run?"));
        return;
    }
    for (size_t i = 0; i < input->pod_count; i++) {
        if (is_scheduled(input->pods[i])) continue;
        yyjson_val *condition = chain_condition(input->pods[i], "PodScheduled");
        bool is_refused = json_is_text(json_get(condition, "status"), "False");
        struct str words = words_of(reading->arena, condition);
        set(reading, LINK_SCHEDULED, is_refused ? LINK_FAILED : LINK_WAITING,
            arena_printf(reading->arena, "pod %.*s: %.*s", STR_ARG(name_of(input->pods[i])),
                         STR_ARG(words.len ? words : STR("waits for a scheduler"))));
        return;
    }
    set(reading, LINK_SCHEDULED, LINK_DONE, arena_printf(reading->arena, "%zu pod%s", input->pod_count, input->pod_count == 1 ? "" : "s"));
}

static bool is_hopeless(struct str reason) {
    for (size_t i = 0; i < sizeof hopeless / sizeof *hopeless; i++)
        if (str_is(reason, hopeless[i])) return true;
    return false;
}

struct container_word {
    enum link_state state;
    struct str text;
};

static struct str ending_words(struct arena *arena, const yyjson_val *terminated) {
    struct str words = words_of(arena, terminated);
    long long code = (long long)number_of(json_get(terminated, "exitCode"), 0);
    return arena_printf(arena, "%.*s (exit code %lld)", STR_ARG(words.len ? words : STR("ended")), code);
}

/* A container that is waiting again after it failed says why in lastState. */
static struct container_word failing_word(struct arena *arena, const yyjson_val *status, const yyjson_val *waiting) {
    yyjson_val *before = json_path(status, "lastState", "terminated", NULL);
    struct str words = words_of(arena, waiting);
    if (before) words = arena_printf(arena, "%.*s; last time: %.*s", STR_ARG(words), STR_ARG(ending_words(arena, before)));
    return (struct container_word){LINK_FAILED, words};
}

static struct container_word init_word(struct arena *arena, const yyjson_val *status) {
    yyjson_val *state = json_get(status, "state"), *terminated = json_get(state, "terminated"), *waiting = json_get(state, "waiting");
    if (terminated && number_of(json_get(terminated, "exitCode"), 0) == 0) return (struct container_word){LINK_DONE, STR_EMPTY};
    if (terminated) return (struct container_word){LINK_FAILED, ending_words(arena, terminated)};
    if (waiting && is_hopeless(json_text(json_get(waiting, "reason")))) return failing_word(arena, status, waiting);
    if (json_get(state, "running")) return (struct container_word){LINK_WAITING, STR("is running")};
    struct str words = words_of(arena, waiting);
    return (struct container_word){LINK_WAITING, words.len ? words : STR("has not begun")};
}

static struct container_word main_word(struct arena *arena, const yyjson_val *status) {
    yyjson_val *state = json_get(status, "state"), *terminated = json_get(state, "terminated"), *waiting = json_get(state, "waiting");
    yyjson_val *before = json_path(status, "lastState", "terminated", NULL);
    if (json_bool_or(json_get(status, "ready"), false)) return (struct container_word){LINK_DONE, STR_EMPTY};
    if (terminated) return (struct container_word){LINK_FAILED, ending_words(arena, terminated)};
    if (waiting && is_hopeless(json_text(json_get(waiting, "reason")))) return failing_word(arena, status, waiting);
    if (before) {
        struct str words = arena_printf(arena, "started again; last time: %.*s", STR_ARG(ending_words(arena, before)));
        return (struct container_word){LINK_FAILED, words};
    }
    if (json_get(state, "running")) return (struct container_word){LINK_WAITING, STR("runs, and is not ready: it loads the model")};
    struct str words = words_of(arena, waiting);
    return (struct container_word){LINK_WAITING, words.len ? words : STR("has not begun")};
}

/* The worst word of any container: what failed before what is only not done. */
static void read_containers(struct reading *reading, enum chain_link link, const char *statuses,
                            struct container_word (*word_of)(struct arena *, const yyjson_val *), bool may_be_none) {
    if (are_pods_missing(reading, link)) return;
    size_t index, max;
    yyjson_val *status;
    set(reading, link, LINK_DONE, STR_EMPTY);
    for (size_t i = 0; i < reading->input->pod_count; i++) {
        const yyjson_val *pod = reading->input->pods[i];
        yyjson_val *list = json_path(pod, "status", statuses, NULL);
        if (!yyjson_arr_size(list) && !may_be_none && reading->out->links[link].state == LINK_DONE)
            set(reading, link, LINK_WAITING, arena_printf(reading->arena, "pod %.*s has not begun", STR_ARG(name_of(pod))));
        yyjson_arr_foreach(list, index, max, status) {
            struct container_word word = word_of(reading->arena, status);
            if (word.state <= reading->out->links[link].state) continue;
            set(reading, link, word.state,
                arena_printf(reading->arena, "pod %.*s, %.*s: %.*s", STR_ARG(name_of(pod)), STR_ARG(json_text(json_get(status, "name"))),
                             STR_ARG(word.text)));
        }
    }
}

static bool has_init_containers(const struct chain_input *input) {
    for (size_t i = 0; i < input->pod_count; i++)
        if (yyjson_arr_size(json_path(input->pods[i], "spec", "initContainers", NULL))) return true;
    return false;
}

/* ---- serving, routed ---- */

static void read_serving(struct reading *reading) {
    const yyjson_val *serving = reading->input->serving;
    yyjson_val *available = chain_condition(serving, "Available");
    if (reading->input->serving_trouble.len) set(reading, LINK_SERVING, LINK_UNKNOWN, STR("its ModelServing cannot be read"));
    if (!serving) return;
    struct str words = words_of(reading->arena, available);
    if (is_true(available)) {
        long long count = (long long)number_of(json_path(serving, "status", "availableReplicas", NULL), 0);
        long long wanted = (long long)number_of(json_path(serving, "spec", "replicas", NULL), 1);
        set(reading, LINK_SERVING, LINK_DONE, arena_printf(reading->arena, "%lld of %lld replicas", count, wanted));
    } else {
        set(reading, LINK_SERVING, LINK_WAITING, words.len ? words : STR("its ModelServing has not reported Available yet"));
    }
}

static yyjson_val *target_of(const struct chain_input *input, struct str *out_rule) {
    size_t r, rules, t, targets;
    yyjson_val *rule, *target;
    yyjson_arr_foreach(json_path(input->route, "spec", "rules", NULL), r, rules, rule) {
        yyjson_arr_foreach(json_get(rule, "targetModels"), t, targets, target) {
            if (!str_equal(json_text(json_get(target, "modelServerName")), input->server_name)) continue;
            *out_rule = json_text(json_get(rule, "name"));
            return target;
        }
    }
    return NULL;
}

static void read_routed(struct reading *reading) {
    const struct chain_input *input = reading->input;
    struct str rule = STR_EMPTY;
    yyjson_val *target = target_of(input, &rule);
    int64_t weight = number_of(json_get(target, "weight"), 100);
    if (input->route_trouble.len) {
        set(reading, LINK_ROUTED, LINK_UNKNOWN,
            arena_join(reading->arena, STR("its ModelRoute cannot be read: "), input->route_trouble, STR_EMPTY));
    } else if (!input->route) {
        set(reading, LINK_ROUTED, LINK_WAITING, STR("there is no ModelRoute"));
    } else if (!target) {
        set(reading, LINK_ROUTED, LINK_WAITING,
            arena_printf(reading->arena, "ModelRoute %.*s sends nothing to it", STR_ARG(name_of(input->route))));
    } else {
        struct str text = arena_printf(reading->arena, "ModelRoute %.*s, rule %.*s, weight %lld", STR_ARG(name_of(input->route)),
                                       STR_ARG(rule), (long long)weight);
        set(reading, LINK_ROUTED, weight == 0 ? LINK_WAITING : LINK_DONE, text);
    }
}

void chain_read(struct arena *arena, const struct chain_input *input, struct chain *out) {
    struct reading reading = {arena, input, out};
    *out = (struct chain){0};
    for (int link = 0; link < LINK_COUNT; link++) out->links[link].text = STR_EMPTY;
    read_rendered(&reading);
    read_accepted(&reading);
    read_scheduled(&reading);
    read_containers(&reading, LINK_DOWNLOADED, "initContainerStatuses", init_word, !has_init_containers(input));
    read_containers(&reading, LINK_LOADED, "containerStatuses", main_word, false);
    read_serving(&reading);
    read_routed(&reading);
    /* A serving that says Available has what comes before, seen or not. */
    if (out->links[LINK_SERVING].state != LINK_DONE) return;
    for (int link = LINK_SCHEDULED; link < LINK_SERVING; link++)
        if (out->links[link].state == LINK_UNKNOWN) out->links[link].state = LINK_DONE;
}
