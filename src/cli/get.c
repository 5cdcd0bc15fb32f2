#include <stdio.h>

#include "cli/command.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/targets.h"

enum { FLAGS_ARENA_BYTES = 1024 * 1024 };

struct getting {
    struct cluster cluster;
    struct cluster_flags flags;
    struct flag_list words;
    struct view_options options;
    const char *label_selector, *field_selector;
    bool is_everywhere, is_watch, ignores_missing;
};

static struct live live_of(struct getting *getting, const struct kind_entry *kind, struct view *view) {
    struct str namespace = getting->is_everywhere ? STR_EMPTY : target_namespace(&getting->cluster, kind);
    return (struct live){&getting->cluster, kind, namespace, str_of(getting->label_selector), str_of(getting->field_selector), view};
}

static int get_all(struct getting *getting, const struct kind_entry *kind, struct view *view) {
    struct live live = live_of(getting, kind, view);
    struct str version;
    struct kube_answer answer = live_list(&live, &getting->cluster.arena, &version);
    return answer.kind == KUBE_OK ? EXIT_CLEAN : cluster_refuse(&getting->cluster, NULL, &answer);
}

static int get_one(struct getting *getting, const struct target *target, struct view *view) {
    struct cluster *cluster = &getting->cluster;
    struct cluster_answer answer;
    if (target->kind->is_namespaced && getting->is_everywhere) {
        cluster_complain(cluster, "%s: no object is got by its name from all namespaces; give --namespace instead of --all-namespaces",
                         QUOTE(target->name));
        return EXIT_UNABLE;
    }
    struct cluster_request request = {.path = kube_object_path(&cluster->arena, &target->kind->resource,
                                                               target_namespace(cluster, target->kind), target->name, STR_EMPTY, NULL),
                                      .accept = view_accept(view)};
    bool is_found = cluster_ask(cluster, &cluster->arena, &request, &answer);
    if (!is_found && answer.kube.kind == KUBE_NOT_FOUND && getting->ignores_missing) return EXIT_CLEAN;
    yyjson_val *root = is_found ? json_parse(&cluster->arena, answer.body, NULL) : NULL;
    if (root) {
        view_add(view, target->kind, STR_EMPTY, root, loop_wall_ms(cluster->loop));
        return EXIT_CLEAN;
    }
    return is_found ? cluster_complain(cluster, "what came for %s is no JSON", QUOTE(target->name))
                    : cluster_refuse(cluster, NULL, &answer.kube);
}

static void tell_nothing(struct getting *getting, const struct targets *targets) {
    const struct kind_entry *kind = targets->items[0].kind;
    bool is_of_namespace = kind->is_namespaced && !getting->is_everywhere;
    if (is_of_namespace)
        fprintf(stderr, "No resources found in %.*s namespace.\n", STR_ARG(getting->cluster.namespace));
    else
        fprintf(stderr, "No resources found\n");
}

static int get(struct getting *getting, const struct targets *targets) {
    int status = EXIT_CLEAN;
    struct view view;
    bool is_all = true;
    getting->options.with_kind = targets->has_several_kinds;
    getting->options.with_namespace = getting->is_everywhere;
    getting->options.is_single = targets->count == 1 && targets->items[0].name.len;
    view_init(&view, &getting->options);
    for (size_t i = 0; i < targets->count; i++) {
        const struct target *target = &targets->items[i];
        is_all &= !target->name.len;
        int own = target->name.len ? get_one(getting, target, &view) : get_all(getting, target->kind, &view);
        status = own > status ? own : status;
    }
    view_finish(&view);
    bool is_table = getting->options.form == VIEW_TABLE || getting->options.form == VIEW_WIDE;
    if (!view.count && status == EXIT_CLEAN && is_all && is_table) tell_nothing(getting, targets);
    status = output_finish(&view.out, status);
    view_release(&view);
    return status;
}

static int get_live(struct getting *getting, const struct targets *targets) {
    if (targets->count != 1) {
        cluster_complain(&getting->cluster, "one kind, or one object of it, can be watched at a time");
        return EXIT_UNABLE;
    }
    const struct target *target = &targets->items[0];
    struct view view;
    if (target->name.len) getting->field_selector = arena_printf(&getting->cluster.arena, "metadata.name=%.*s", STR_ARG(target->name)).ptr;
    getting->options.with_namespace = getting->is_everywhere;
    getting->options.is_live = true;
    view_init(&view, &getting->options);
    struct live live = live_of(getting, target->kind, &view);
    int status = live_follow(&live);
    view_release(&view);
    return status;
}

/* What says which objects are meant, where no name does. */
static const char *chooser_of(const struct getting *getting) {
    return getting->label_selector ? "--selector" : getting->field_selector ? "--field-selector" : NULL;
}

static int run(struct getting *getting, const char *command) {
    struct kinds kinds;
    struct targets targets;
    int status = EXIT_UNABLE;
    if (targets_contradict(command, &getting->words, chooser_of(getting))) return EXIT_UNABLE;
    if (!cluster_open(&getting->cluster, command, &getting->flags)) return EXIT_UNABLE;
    if (kinds_load(&getting->cluster, &kinds, &status)) {
        if (targets_read(&getting->cluster, &kinds, &getting->words, &targets, &status))
            status = getting->is_watch ? get_live(getting, &targets) : get(getting, &targets);
        kinds_release(&kinds);
    }
    cluster_close(&getting->cluster);
    return status;
}

/* Words in the order of enum view_form, from its second on. */
#define FORMS "wide|yaml|json|name"

int command_get(int argc, char **argv) {
    struct getting getting = {0};
    int form = -1;
    const struct flag flags[] = {
        FLAG_ROW_WORDS(&getting.words),
        FLAG_ROW_SWITCH("all-namespaces", 'A', &getting.is_everywhere, "of every namespace, with a column that names it"),
        FLAG_ROW_CHOICE("output", 'o', FORMS, &form, "else the server's own columns; wide shows all of them"),
        FLAG_ROW_TEXT("selector", 'l', "SELECTOR", &getting.label_selector, "labels, as in app=x,tier!=y"),
        FLAG_ROW_TEXT("field-selector", 0, "SELECTOR", &getting.field_selector, "fields, as in metadata.name=x"),
        FLAG_ROW_SWITCH("watch", 'w', &getting.is_watch, "go on with what changes"),
        FLAG_ROW_SWITCH("no-headers", 0, &getting.options.without_headers, "no line of headings"),
        FLAG_ROW_SWITCH("show-managed-fields", 0, &getting.options.with_managed_fields, "with yaml and json; left out otherwise"),
        FLAG_ROW_SWITCH("ignore-not-found", 0, &getting.ignores_missing, "nothing, and exit status 0, for names that there are none of"),
        CLUSTER_FLAG_ROWS(getting.flags),
        FLAG_ROW_END,
    };
    const struct usage usage = {
        "get KIND [NAME...] [flags]",
        "Shows objects of any kind that the server has, as kubectl does. A KIND is a plural, a singular, a kind or a short\n"
        "name, alone or with its group: modelboosters, ModelBooster, mb, mb.workload.serving.volcano.sh. A category stands for\n"
        "every kind that declares it: model-booster for ModelBoosters and what is made of them, or all.",
        flags,
        "  model-booster get modelboosters\n"
        "  model-booster get modelserving,modelserver,modelroute -l workload.serving.volcano.sh/model-name=quickstart\n"
        "  model-booster get model-booster\n"
        "  model-booster get mb/quickstart -o yaml\n"};
    struct arena arena;
    arena_init(&arena, FLAGS_ARENA_BYTES);
    int status;
    if (flags_start(&arena, &usage, argc, argv, &status)) {
        getting.options.form = (enum view_form)(form + 1);
        status = run(&getting, "get");
    }
    arena_release(&arena);
    return status;
}

int command_watch(int argc, char **argv) {
    struct getting getting = {.is_watch = true, .options.with_event = true};
    const struct flag flags[] = {
        FLAG_ROW_WORDS(&getting.words),
        FLAG_ROW_SWITCH("all-namespaces", 'A', &getting.is_everywhere, "of every namespace, with a column that names it"),
        FLAG_ROW_TEXT("selector", 'l', "SELECTOR", &getting.label_selector, "labels, as in app=x,tier!=y"),
        FLAG_ROW_TEXT("field-selector", 0, "SELECTOR", &getting.field_selector, "fields, as in metadata.name=x"),
        FLAG_ROW_SWITCH("no-headers", 0, &getting.options.without_headers, "no line of headings"),
        CLUSTER_FLAG_ROWS(getting.flags),
        FLAG_ROW_END,
    };
    const struct usage usage = {
        "watch KIND [NAME] [flags]",
        "Shows objects of a kind and then every change, a line each, until it is interrupted. It goes on when the server\n"
        "restarts or the connection breaks.",
        flags,
        "  model-booster watch modelboosters\n"
        "  model-booster watch modelserving quickstart-cpu\n"};
    struct arena arena;
    arena_init(&arena, FLAGS_ARENA_BYTES);
    int status;
    if (flags_start(&arena, &usage, argc, argv, &status)) status = run(&getting, "watch");
    arena_release(&arena);
    return status;
}
