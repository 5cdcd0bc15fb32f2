#include <stdio.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/sources.h"
#include "cli/targets.h"
#include "cli/waiting.h"
#include "data/duration.h"

enum { FLAGS_ARENA_BYTES = 1024 * 1024, LIST_PAGE = 500 };
static const int64_t forever_ms = 7 * (int64_t)24 * 3600 * 1000;

struct doomed {
    struct doomed *next;
    const struct kind_entry *kind;
    struct str namespace, name;
    struct str uid; /* of what was deleted; another one may come in its place */
};

struct deleting {
    struct cluster cluster;
    struct cluster_flags flags;
    struct flag_list words, files;
    const char *selector, *timeout;
    bool is_all, ignores_missing, is_waiting;
    int cascade;
    int64_t deadline_ms;
    struct kinds kinds;
    struct doomed *first, **end;
    int status;
};

static void fail(struct deleting *deleting, int status) {
    if (status > deleting->status) deleting->status = status;
}

static void add(struct deleting *deleting, const struct kind_entry *kind, struct str namespace, struct str name) {
    struct doomed *doomed = arena_alloc(&deleting->cluster.arena, sizeof *doomed);
    if (!doomed) return;
    *doomed = (struct doomed){.kind = kind, .namespace = kind->is_namespaced ? namespace : STR_EMPTY, .name = name};
    *deleting->end = doomed;
    deleting->end = &doomed->next;
}

/* ---- what is meant ---- */

static void add_source(void *context, const struct source *source) {
    struct deleting *deleting = context;
    struct str kind = json_text(json_get(source->object, "kind")), version = json_text(json_get(source->object, "apiVersion"));
    struct str name = json_text(json_path(source->object, "metadata", "name", NULL));
    struct str namespace = json_text(json_path(source->object, "metadata", "namespace", NULL));
    const struct kind_entry *entry = kinds_find_object(&deleting->kinds, version, kind);
    unsigned line = source_line(source, NULL);
    if (!name.len)
        fail(deleting, cluster_complain(&deleting->cluster, "%s:%u: no metadata.name: which object is meant?", source->file, line));
    else if (!entry && !deleting->ignores_missing)
        fail(deleting, cluster_complain(&deleting->cluster, "%s:%u: the server has no kind %s of %s, so none of it either", source->file,
                                        line, QUOTE(kind), QUOTE(version)));
    else if (entry)
        add(deleting, entry, namespace.len ? namespace : deleting->cluster.namespace, name);
}

static void add_listed(struct deleting *deleting, const struct kind_entry *kind) {
    struct cluster *cluster = &deleting->cluster;
    struct kube_list_query query = {.limit = LIST_PAGE, .label_selector = str_of(deleting->selector)};
    do {
        struct cluster_answer answer;
        struct cluster_request request = {.path =
                                              kube_list_path(&cluster->arena, &kind->resource, target_namespace(cluster, kind), &query)};
        if (!cluster_ask(cluster, &cluster->arena, &request, &answer)) {
            fail(deleting, cluster_refuse(cluster, NULL, &answer.kube));
            return;
        }
        yyjson_val *list = json_parse(&cluster->arena, answer.body, NULL), *item;
        size_t index, max;
        yyjson_arr_foreach(json_get(list, "items"), index, max, item)
            add(deleting, kind, cluster->namespace, json_text(json_path(item, "metadata", "name", NULL)));
        query.continue_token = json_text(json_path(list, "metadata", "continue", NULL));
    } while (query.continue_token.len);
}

static bool collect(struct deleting *deleting) {
    struct targets targets;
    bool is_incomplete = false;
    if (deleting->files.count) {
        const struct sources_reader reader = {.each = add_source, .context = deleting};
        if (!sources_read(&deleting->cluster.arena, &deleting->files, &reader, &is_incomplete)) is_incomplete = true;
        if (is_incomplete) cluster_complain(&deleting->cluster, "nothing was deleted");
        if (is_incomplete) fail(deleting, EXIT_UNABLE);
        return !is_incomplete;
    }
    if (!targets_read(&deleting->cluster, &deleting->kinds, &deleting->words, &targets, &deleting->status)) return false;
    for (size_t i = 0; i < targets.count; i++) {
        const struct target *target = &targets.items[i];
        if (target->name.len) {
            add(deleting, target->kind, deleting->cluster.namespace, target->name);
        } else if (deleting->is_all || deleting->selector) {
            add_listed(deleting, target->kind);
        } else {
            cluster_complain(&deleting->cluster, "name what to delete: KIND NAME, -l SELECTOR, or --all of the namespace");
            fail(deleting, EXIT_UNABLE);
            return false;
        }
    }
    return true;
}

/* ---- deleting ---- */

static bool tell_deleted(struct deleting *deleting, const struct doomed *doomed) {
    struct arena *arena = &deleting->cluster.arena;
    struct str label = kind_label(arena, doomed->kind), where = STR_EMPTY;
    if (doomed->namespace.len) where = arena_printf(arena, " from %.*s namespace", STR_ARG(doomed->namespace));
    return output_now(arena_printf(arena, "%.*s \"%.*s\" deleted%.*s\n", STR_ARG(label), STR_ARG(doomed->name), STR_ARG(where)));
}

static void delete_one(struct deleting *deleting, struct doomed *doomed) {
    static const char *const bodies[] = {
        "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\"}",
        "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Orphan\"}",
        "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Foreground\"}",
    };
    struct cluster *cluster = &deleting->cluster;
    struct cluster_answer answer;
    struct cluster_request request = {
        .method = "DELETE",
        .path = kube_object_path(&cluster->arena, &doomed->kind->resource, doomed->namespace, doomed->name, STR_EMPTY, NULL),
        .body = str_of(bodies[deleting->cascade]),
    };
    if (!cluster_ask(cluster, &cluster->arena, &request, &answer)) {
        bool is_passed = answer.kube.kind == KUBE_NOT_FOUND && deleting->ignores_missing;
        if (!is_passed) fail(deleting, cluster_refuse(cluster, NULL, &answer.kube));
        return;
    }
    yyjson_val *root = json_parse(&cluster->arena, answer.body, NULL);
    struct str uid = json_text(json_path(root, "details", "uid", NULL));
    doomed->uid = uid.len ? uid : json_text(json_path(root, "metadata", "uid", NULL));
    if (!tell_deleted(deleting, doomed)) fail(deleting, EXIT_UNABLE);
}

static bool is_gone(void *context, yyjson_val *object) {
    const struct doomed *doomed = context;
    return !object || !str_equal(json_text(json_path(object, "metadata", "uid", NULL)), doomed->uid);
}

static void await_end(struct deleting *deleting, struct doomed *doomed) {
    struct kube_answer refusal;
    enum waiting_end end =
        waiting_for(&deleting->cluster, doomed->kind, doomed->namespace, doomed->name, deleting->deadline_ms, is_gone, doomed, &refusal);
    if (end == WAITING_REFUSED) fail(deleting, cluster_refuse(&deleting->cluster, NULL, &refusal));
    if (end == WAITING_TIMEOUT)
        fail(deleting,
             cluster_complain(&deleting->cluster,
                              "timed out waiting for the end of %s: something holds it by a finalizer; get it with -o yaml to see which",
                              QUOTE(doomed->name)));
}

static void delete_all(struct deleting *deleting) {
    deleting->end = &deleting->first;
    if (!collect(deleting)) return;
    for (struct doomed *doomed = deleting->first; doomed; doomed = doomed->next) delete_one(deleting, doomed);
    if (!deleting->first && deleting->status == EXIT_CLEAN) fprintf(stderr, "No resources found\n");
    for (struct doomed *doomed = deleting->first; doomed && deleting->is_waiting; doomed = doomed->next)
        if (doomed->uid.len) await_end(deleting, doomed);
}

/* What is deleted must be what every word says. True after a line on standard error. */
static bool is_contradictory(const struct deleting *deleting) {
    const char *chooser = deleting->selector ? "--selector" : deleting->is_all ? "--all" : NULL;
    if (deleting->files.count && deleting->words.count)
        fprintf(stderr, "model-booster delete: give either -f FILE or KIND NAME, not both\n");
    else if (deleting->files.count && chooser)
        fprintf(stderr, "model-booster delete: the files say which objects are meant; leave out %s, or give KIND for -f\n", chooser);
    else if (deleting->selector && deleting->is_all)
        fprintf(stderr, "model-booster delete: --all means every object of the kind, --selector some of them; give one of them\n");
    else
        return targets_contradict("delete", &deleting->words, chooser);
    return true;
}

static int run(struct deleting *deleting) {
    int64_t timeout_ns = forever_ms * 1000000;
    if (deleting->timeout && !duration_parse(str_of(deleting->timeout), &timeout_ns, NULL)) {
        fprintf(stderr, "model-booster delete: --timeout is %s; write a duration as 30s or 15m\n", QUOTE(str_of(deleting->timeout)));
        return EXIT_UNABLE;
    }
    if (!cluster_open(&deleting->cluster, "delete", &deleting->flags)) return EXIT_UNABLE;
    deleting->deadline_ms = loop_now_ms(deleting->cluster.loop) + (timeout_ns > 0 ? timeout_ns / 1000000 : forever_ms);
    if (kinds_load(&deleting->cluster, &deleting->kinds, &deleting->status)) {
        delete_all(deleting);
        kinds_release(&deleting->kinds);
    }
    cluster_close(&deleting->cluster);
    return deleting->status;
}

int command_delete(int argc, char **argv) {
    struct deleting deleting = {.is_waiting = true};
    const struct flag flags[] = {
        FLAG_ROW_WORDS(&deleting.words),
        FLAG_ROW_LIST("filename", 'f', "FILE|DIR|-", &deleting.files, "the objects of these files; may be repeated"),
        FLAG_ROW_TEXT("selector", 'l', "SELECTOR", &deleting.selector, "labels, as in app=x,tier!=y"),
        FLAG_ROW_SWITCH("all", 0, &deleting.is_all, "all of the kind in the namespace"),
        FLAG_ROW_CHOICE("cascade", 0, "background|orphan|foreground", &deleting.cascade,
                        "what becomes of its dependents; default background"),
        FLAG_ROW_SWITCH("ignore-not-found", 0, &deleting.ignores_missing, "what is not there is no error"),
        FLAG_ROW_SWITCH("wait", 0, &deleting.is_waiting, "until they are gone, finalizers included; default true"),
        FLAG_ROW_TEXT("timeout", 0, "DURATION", &deleting.timeout, "of that; default a week"),
        CLUSTER_FLAG_ROWS(deleting.flags),
        FLAG_ROW_END,
    };
    const struct usage usage = {"delete KIND NAME...|-f FILE [flags]", "Deletes objects of any kind and waits until they are gone.", flags,
                                "  model-booster delete modelbooster quickstart\n"
                                "  model-booster delete -f examples/quickstart.yaml\n"};
    struct arena arena;
    arena_init(&arena, FLAGS_ARENA_BYTES);
    int status;
    if (flags_start(&arena, &usage, argc, argv, &status)) {
        status = is_contradictory(&deleting) ? EXIT_UNABLE : run(&deleting);
    }
    arena_release(&arena);
    return status;
}
