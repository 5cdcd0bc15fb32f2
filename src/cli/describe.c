#include <stdio.h>
#include <stdlib.h>

#include "booster/model.h"
#include "booster/names.h"
#include "cli/age.h"
#include "cli/chain.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/targets.h"

enum { FLAGS_ARENA_BYTES = 1024 * 1024, DESCRIPTION_BYTES = 16 * 1024 * 1024, PODS_MAX = 1000, EVENTS_MAX = 2000, EVENTS_SHOWN = 20 };

struct describing {
    struct cluster *cluster;
    struct arena *arena; /* the cluster's */
    yyjson_val *object;
    struct booster booster;
    struct strbuf out;
    yyjson_val *events[EVENTS_MAX];
    size_t event_count;
    struct str events_trouble; /* why some could not be read */
    int status;
};

/* ---- asking ---- */

static yyjson_val *ask(struct describing *describing, struct str path, struct kube_answer *out_refusal) {
    struct cluster_answer answer;
    bool is_found = cluster_ask(describing->cluster, describing->arena, &(struct cluster_request){.path = path}, &answer);
    yyjson_val *object = is_found ? json_parse(describing->arena, answer.body, NULL) : NULL;
    *out_refusal = is_found && !object ? kube_answer_none(describing->arena, KUBE_LOST, STR("the answer is no JSON")) : answer.kube;
    return object;
}

/* Why it cannot be read; empty where it is, or is not there. The rest is told all the same, and the exit status says that it is not all. */
static struct str trouble_of(struct describing *describing, const struct kube_answer *refusal) {
    switch (refusal->kind) {
    case KUBE_OK:
    case KUBE_NOT_FOUND:
    case KUBE_NAMESPACE_GONE:
    case KUBE_KIND_MISSING_MAYBE: return STR_EMPTY;
    default: break;
    }
    int status = kube_answer_is_transient(refusal->kind) ? EXIT_UNABLE : EXIT_FINDINGS;
    describing->status = status > describing->status ? status : describing->status;
    return refusal->message;
}

static yyjson_val *ask_child(struct describing *describing, enum child_kind kind, struct str backend, struct str *out_trouble) {
    struct kube_resource resource = {str_of(child_kind_group(kind)), STR(API_VERSION), str_of(child_kind_plural(kind)),
                                     str_of(child_kind_name(kind))};
    struct str name = child_name(describing->arena, describing->booster.name, backend);
    struct str path = kube_object_path(describing->arena, &resource, describing->booster.namespace, name, STR_EMPTY, NULL);
    struct kube_answer refusal;
    yyjson_val *child = ask(describing, path, &refusal);
    *out_trouble = trouble_of(describing, &refusal);
    return child;
}

static yyjson_val *ask_pods(struct describing *describing, struct str serving, struct str *out_trouble) {
    static const struct kube_resource pods = {STR(""), STR("v1"), STR("pods"), STR("Pod")};
    struct kube_answer refusal;
    struct kube_list_query query = {.limit = PODS_MAX};
    query.label_selector = arena_printf(describing->arena, LABEL_SERVING_NAME "=%.*s", STR_ARG(serving));
    yyjson_val *list = ask(describing, kube_list_path(describing->arena, &pods, describing->booster.namespace, &query), &refusal);
    *out_trouble = trouble_of(describing, &refusal);
    return json_get(list, "items");
}

static void ask_events(struct describing *describing, struct str name) {
    static const struct kube_resource events = {STR(""), STR("v1"), STR("events"), STR("Event")};
    struct kube_answer refusal;
    struct kube_list_query query = {.limit = EVENTS_MAX};
    query.field_selector = arena_printf(describing->arena, "involvedObject.name=%.*s", STR_ARG(name));
    yyjson_val *list = ask(describing, kube_list_path(describing->arena, &events, describing->booster.namespace, &query), &refusal), *event;
    struct str trouble = trouble_of(describing, &refusal);
    if (trouble.len) describing->events_trouble = trouble;
    size_t index, max;
    yyjson_arr_foreach(json_get(list, "items"), index, max, event) {
        if (describing->event_count < EVENTS_MAX) describing->events[describing->event_count++] = event;
    }
}

/* ---- telling ---- */

static void tell_conditions(struct describing *describing) {
    static const char *const types[] = {"Initialized", "Active", "Failed"};
    int64_t generation = 0;
    json_int64(json_path(describing->object, "metadata", "generation", NULL), &generation);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        yyjson_val *condition = chain_condition(describing->object, types[i]);
        struct str status = json_text(json_get(condition, "status"));
        int64_t observed = generation;
        json_int64(json_get(condition, "observedGeneration"), &observed);
        strbuf_printf(&describing->out, "%-13s%.*s", arena_printf(describing->arena, "%s:", types[i]).ptr,
                      STR_ARG(condition ? status : STR("not said yet")));
        if (condition)
            strbuf_printf(&describing->out, "%*s%.*s: %.*s%s", (int)(8 - status.len % 8), "",
                          STR_ARG(json_text(json_get(condition, "reason"))), STR_ARG(json_text(json_get(condition, "message"))),
                          observed < generation ? " (of an older generation)" : "");
        strbuf_append_char(&describing->out, '\n');
    }
}

static void tell_head(struct describing *describing) {
    const struct booster *booster = &describing->booster;
    strbuf_printf(&describing->out, "%-13s%.*s\n%-13s%.*s\n", "Name:", STR_ARG(booster->name), "Namespace:", STR_ARG(booster->namespace));
    strbuf_printf(&describing->out, "%-13s%lld\n", "Generation:", (long long)booster->generation);
    if (booster->is_deleting) strbuf_append(&describing->out, STR("Deleting:    its children leave first, traffic before pods\n"));
    if (booster->paused) strbuf_append(&describing->out, STR("Paused:      changes wait until spec.paused goes\n"));
    tell_conditions(describing);
}

static void tell_chain(struct describing *describing, const struct backend *backend, const struct chain *chain) {
    enum chain_link open = chain_first_open(chain);
    strbuf_printf(&describing->out, "\nBackend %.*s\n", STR_ARG(backend->name));
    for (int link = 0; link < LINK_COUNT; link++) {
        struct str text = chain->links[link].text;
        const char *state = link_state_name(chain->links[link].state);
        strbuf_printf(&describing->out, text.len ? "  %-12s%-9s%.*s\n" : "  %-12s%s%.*s\n", chain_link_name((enum chain_link)link), state,
                      STR_ARG(text));
    }
    if (open == LINK_COUNT)
        strbuf_append(&describing->out, STR("  => it serves\n"));
    else if (chain->links[open].state == LINK_UNKNOWN)
        strbuf_printf(&describing->out, "  => whether it is %s cannot be told\n", chain_link_name(open));
    else
        strbuf_printf(&describing->out, "  => %s %s%s%.*s\n",
                      chain->links[open].state == LINK_FAILED ? "it fails where it is to be" : "it is not yet", chain_link_name(open),
                      chain->links[open].text.len ? ": " : "", STR_ARG(chain->links[open].text));
}

static void describe_backend(struct describing *describing, const struct backend *backend, const struct chain_input *common) {
    struct chain chain;
    struct chain_input input = *common;
    input.serving_name = input.server_name = child_name(describing->arena, describing->booster.name, backend->name);
    input.serving = ask_child(describing, CHILD_SERVING, backend->name, &input.serving_trouble);
    input.server = ask_child(describing, CHILD_SERVER, backend->name, &input.server_trouble);
    yyjson_val *list = ask_pods(describing, input.serving_name, &input.pods_trouble), *pod;
    yyjson_val **pods = arena_array(describing->arena, yyjson_arr_size(list) + 1, sizeof *pods);
    size_t index, max;
    yyjson_arr_foreach(list, index, max, pod) if (pods) pods[input.pod_count++] = pod;
    input.pods = pods;
    chain_read(describing->arena, &input, &chain);
    tell_chain(describing, backend, &chain);
    ask_events(describing, input.serving_name);
    if (chain_first_open(&chain) == LINK_COUNT) return;
    for (size_t i = 0; i < input.pod_count && i < EVENTS_SHOWN; i++)
        ask_events(describing, json_text(json_path(input.pods[i], "metadata", "name", NULL)));
}

static struct str event_time(const yyjson_val *event) {
    struct str time = json_text(json_get(event, "lastTimestamp"));
    if (!time.len) time = json_text(json_get(event, "eventTime"));
    return time.len ? time : json_text(json_path(event, "metadata", "creationTimestamp", NULL));
}

/* RFC 3339 in UTC: what is later sorts later as text, to the second. */
static int compare_events(const void *a, const void *b) {
    return str_compare(event_time(*(yyjson_val *const *)a), event_time(*(yyjson_val *const *)b));
}

/* "5m", or "5m (x12)" of one that has come again. */
static struct str event_age(struct arena *arena, const yyjson_val *event, int64_t now_ms) {
    struct str age = age_since(arena, event_time(event), now_ms);
    int64_t count = 0;
    json_int64(json_get(event, "count"), &count);
    return count > 1 ? arena_printf(arena, "%.*s (x%lld)", STR_ARG(age), (long long)count) : age;
}

static void tell_events(struct describing *describing) {
    static const struct str heads[] = {STR("AGE"), STR("TYPE"), STR("REASON"), STR("OBJECT"), STR("MESSAGE")};
    int64_t now_ms = loop_wall_ms(describing->cluster->loop);
    size_t first = describing->event_count > EVENTS_SHOWN ? describing->event_count - EVENTS_SHOWN : 0;
    struct table table;
    if (describing->events_trouble.len)
        strbuf_printf(&describing->out, "\nEvents cannot be read: %.*s\n", STR_ARG(describing->events_trouble));
    if (!describing->event_count) return;
    qsort(describing->events, describing->event_count, sizeof *describing->events, compare_events);
    strbuf_printf(&describing->out, "\nEvents%s\n", first ? " (the last of them)" : "");
    table_init(&table);
    table_columns(&table, sizeof heads / sizeof *heads);
    table_add(&table, heads);
    for (size_t i = first; i < describing->event_count; i++) {
        const yyjson_val *event = describing->events[i];
        struct str kind = json_text(json_path(event, "involvedObject", "kind", NULL));
        struct str object = arena_join(describing->arena, kind, STR("/"), json_text(json_path(event, "involvedObject", "name", NULL)));
        const struct str cells[] = {event_age(describing->arena, event, now_ms), json_text(json_get(event, "type")),
                                    json_text(json_get(event, "reason")), object, json_text(json_get(event, "message"))};
        table_add(&table, cells);
    }
    table_print(&table, &describing->out);
    table_release(&table);
}

static void describe(struct describing *describing) {
    struct findings findings;
    findings_init(&findings, describing->arena);
    booster_read(describing->arena, describing->object, &describing->booster, &findings);
    tell_head(describing);
    struct chain_input common = {.booster = describing->object};
    common.route = ask_child(describing, CHILD_ROUTE, STR_EMPTY, &common.route_trouble);
    for (size_t i = 0; i < describing->booster.backend_count; i++) describe_backend(describing, &describing->booster.backends[i], &common);
    ask_events(describing, describing->booster.name);
    tell_events(describing);
}

/* What came from outside must not move a terminal's cursor. */
static void disarm(struct strbuf *text) {
    for (size_t i = 0; i < text->len; i++) {
        unsigned char byte = (unsigned char)text->ptr[i];
        if ((byte < 0x20 && byte != '\n') || byte == 0x7f) text->ptr[i] = '?';
    }
}

static int describe_target(struct cluster *cluster, const struct target *target) {
    struct kube_answer refusal = {0};
    struct describing *describing = arena_alloc(&cluster->arena, sizeof *describing);
    if (!describing) return EXIT_UNABLE;
    if (!str_is(target->kind->resource.kind, KIND_BOOSTER))
        return cluster_complain(cluster, "describe knows ModelBoosters; model-booster get %.*s %.*s -o yaml shows the whole of it",
                                STR_ARG(target->kind->resource.plural), STR_ARG(target->name));
    if (!target->name.len) return cluster_complain(cluster, "name the ModelBooster: model-booster describe modelbooster NAME");
    *describing = (struct describing){.cluster = cluster, .arena = &cluster->arena, .out = strbuf_with_max(DESCRIPTION_BYTES)};
    describing->object =
        ask(describing, kube_object_path(&cluster->arena, &target->kind->resource, cluster->namespace, target->name, STR_EMPTY, NULL),
            &refusal);
    if (!describing->object) return cluster_refuse(cluster, NULL, &refusal);
    describe(describing);
    disarm(&describing->out);
    bool is_told = !describing->out.failed && output_now(strbuf_view(&describing->out));
    strbuf_release(&describing->out);
    return is_told ? describing->status : EXIT_UNABLE;
}

int command_describe(int argc, char **argv) {
    struct cluster_flags cluster_flags = {0};
    struct flag_list words = {0};
    const struct flag flags[] = {FLAG_ROW_WORDS(&words), CLUSTER_FLAG_ROWS(cluster_flags), FLAG_ROW_END};
    const struct usage usage = {
        "describe modelbooster NAME... [flags]",
        "Says how far each backend of a ModelBooster has come (rendered, accepted, scheduled, downloaded, loaded, serving,\n"
        "routed), and why it has come no further, in the words of the objects on the way. What may not be read is said, and the\n"
        "exit status is 1 then.",
        flags, "  model-booster describe modelbooster quickstart\n"};
    struct arena arena;
    struct cluster cluster;
    struct kinds kinds;
    struct targets targets;
    arena_init(&arena, FLAGS_ARENA_BYTES);
    int status;
    if (flags_start(&arena, &usage, argc, argv, &status)) {
        status = EXIT_UNABLE;
        if (cluster_open(&cluster, "describe", &cluster_flags)) {
            if (kinds_load(&cluster, &kinds, &status)) {
                bool is_read = targets_read(&cluster, &kinds, &words, &targets, &status);
                if (is_read) status = EXIT_CLEAN;
                for (size_t i = 0; is_read && i < targets.count; i++) {
                    int own = describe_target(&cluster, &targets.items[i]);
                    status = own > status ? own : status;
                }
                kinds_release(&kinds);
            }
            cluster_close(&cluster);
        }
    }
    arena_release(&arena);
    return status;
}
