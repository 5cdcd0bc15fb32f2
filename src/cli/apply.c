#include "cli/apply.h"

#include <stdio.h>

#include "booster/names.h"
#include "cli/command.h"
#include "cli/kinds.h"
#include "cli/output.h"
#include "cli/refusal.h"

enum { FLAGS_ARENA_BYTES = 1024 * 1024, SERVED_PATIENCE_MS = 10 * 1000, AGAIN_MS = 100, SOURCES_MAX = 100000, PLACE_BYTES = 8192 };

#define CONTENT_APPLY "application/apply-patch+yaml"

struct piece {
    struct piece *next;
    struct source source;
};

struct applying {
    struct cluster *cluster;
    struct apply_options options;
    struct piece *first, **end;
    struct kinds kinds;
    bool has_defined;      /* a definition was applied: its kind is served soon */
    int64_t defined_at_ms; /* the last of them */
};

/* ---- complaints with their place ---- */

static const char *place_of(struct applying *applying, const struct source *source, const yyjson_val *value) {
    return refusal_place(applying->cluster, source, value);
}

static int complain(struct applying *applying, const struct source *source, const yyjson_val *value, const char *message) {
    return cluster_complain(applying->cluster, "%s: %s", place_of(applying, source, value), message);
}

/* ---- one object ---- */

struct wanted {
    const struct source *source;
    const struct kind_entry *kind;
    struct str namespace, name;
    struct str body;
};

/* The kind of a definition applied a moment ago is waited for. */
static bool is_served_soon(const struct applying *applying) {
    return applying->has_defined && loop_now_ms(applying->cluster->loop) - applying->defined_at_ms < SERVED_PATIENCE_MS;
}

static const struct kind_entry *find_kind(struct applying *applying, struct str api_version, struct str kind, int *out_status) {
    const struct kind_entry *found = kinds_find_object(&applying->kinds, api_version, kind);
    while (!found && is_served_soon(applying)) {
        cluster_pause(applying->cluster, AGAIN_MS);
        kinds_release(&applying->kinds);
        if (!kinds_load(applying->cluster, &applying->kinds, out_status)) return NULL;
        found = kinds_find_object(&applying->kinds, api_version, kind);
    }
    return found;
}

static bool read_namespace(struct applying *applying, const struct source *source, struct wanted *out) {
    struct cluster *cluster = applying->cluster;
    yyjson_val *said = json_path(source->object, "metadata", "namespace", NULL);
    struct str namespace = json_text(said);
    if (!out->kind->is_namespaced) return true;
    if (namespace.len && cluster->is_namespace_given && !str_equal(namespace, cluster->namespace)) {
        cluster_complain(cluster, "%s: its namespace is %s, and --namespace %.*s; give one of them, or the same",
                         place_of(applying, source, said), QUOTE(namespace), STR_ARG(cluster->namespace));
        return false;
    }
    out->namespace = namespace.len ? namespace : cluster->namespace;
    return true;
}

static bool read_wanted(struct applying *applying, const struct source *source, struct wanted *out, int *out_status) {
    yyjson_val *object = source->object, *name = json_path(object, "metadata", "name", NULL);
    struct str kind = json_text(json_get(object, "kind")), version = json_text(json_get(object, "apiVersion"));
    *out_status = EXIT_FINDINGS;
    *out = (struct wanted){.source = source, .name = json_text(name)};
    if (!kind.len) return complain(applying, source, NULL, "this document has no kind; write kind: ModelBooster, or another"), false;
    if (!version.len) return complain(applying, source, NULL, "this document has no apiVersion; write apiVersion: group/version"), false;
    if (!out->name.len) return complain(applying, source, json_get(object, "metadata"), "metadata.name is missing; apply needs it"), false;
    out->kind = find_kind(applying, version, kind, out_status);
    if (!out->kind) {
        cluster_complain(applying->cluster, "%s: the server has no kind %s of %s; %s", place_of(applying, source, json_get(object, "kind")),
                         QUOTE(kind), QUOTE(version),
                         str_contains(version, STR("serving.volcano.sh"))
                             ? "install its definition: model-booster crds | model-booster apply -f -"
                             : "check both words, or install its definition");
        return false;
    }
    if (!read_namespace(applying, source, out)) return false;
    struct strbuf body = strbuf_with_max(LIMIT_BODY_BYTES);
    json_write(&body, object);
    out->body = body.failed ? STR_EMPTY : arena_copy(&applying->cluster->arena, strbuf_view(&body));
    strbuf_release(&body);
    return out->body.len || (complain(applying, source, NULL, "it is too large"), false);
}

/* Its resourceVersion before; empty when there is none. */
static struct str version_before(struct applying *applying, const struct wanted *wanted) {
    struct arena *arena = &applying->cluster->arena;
    struct cluster_answer answer;
    struct cluster_request request = {
        .path = kube_object_path(arena, &wanted->kind->resource, wanted->namespace, wanted->name, STR_EMPTY, NULL)};
    if (!cluster_ask(applying->cluster, arena, &request, &answer)) return STR_EMPTY;
    return json_text(json_path(json_parse(arena, answer.body, NULL), "metadata", "resourceVersion", NULL));
}

static bool send(struct applying *applying, const struct wanted *wanted, struct cluster_answer *out) {
    struct arena *arena = &applying->cluster->arena;
    const struct kube_write_query query = {STR(FIELD_MANAGER), STR("Strict"), applying->options.is_dry_run};
    struct str path = kube_object_path(arena, &wanted->kind->resource, wanted->namespace, wanted->name, STR_EMPTY, &query);
    struct cluster_request request = {
        .method = "PATCH",
        .path = applying->options.takes_over ? arena_join(arena, path, STR("&force=true"), STR_EMPTY) : path,
        .content_type = CONTENT_APPLY,
        .body = wanted->body,
    };
    bool is_done = cluster_ask(applying->cluster, arena, &request, out);
    while (!is_done && out->kube.kind == KUBE_KIND_MISSING_MAYBE && is_served_soon(applying)) {
        cluster_pause(applying->cluster, AGAIN_MS);
        is_done = cluster_ask(applying->cluster, arena, &request, out);
    }
    return is_done;
}

static int apply(struct applying *applying, const struct source *source) {
    struct arena *arena = &applying->cluster->arena;
    struct wanted wanted;
    struct cluster_answer answer;
    int status;
    if (!read_wanted(applying, source, &wanted, &status)) return status;
    struct str label = kind_label(arena, wanted.kind), before = version_before(applying, &wanted);
    if (!send(applying, &wanted, &answer)) return refusal_tell(applying->cluster, source, &answer.kube);
    struct str after = json_text(json_path(json_parse(arena, answer.body, NULL), "metadata", "resourceVersion", NULL));
    const char *word = answer.kube.http_status == 201 || !before.len ? "created" : str_equal(before, after) ? "unchanged" : "configured";
    if (str_is(wanted.kind->resource.kind, "CustomResourceDefinition") && !applying->options.is_dry_run) {
        applying->has_defined = true;
        applying->defined_at_ms = loop_now_ms(applying->cluster->loop);
    }
    struct str line = arena_printf(arena, "%.*s/%.*s %s%s\n", STR_ARG(label), STR_ARG(wanted.name), word,
                                   applying->options.is_dry_run ? " (server dry run)" : "");
    return output_now(line) ? EXIT_CLEAN : EXIT_UNABLE;
}

/* ---- all of them ---- */

static void keep(void *context, const struct source *source) {
    struct applying *applying = context;
    struct piece *piece = arena_alloc(&applying->cluster->arena, sizeof *piece);
    if (!piece) return;
    piece->source = *source;
    *applying->end = piece;
    applying->end = &piece->next;
}

static int apply_all(struct applying *applying, const struct flag_list *files) {
    const struct sources_reader reader = {.each = keep, .context = applying};
    bool is_incomplete;
    int status = EXIT_CLEAN;
    applying->end = &applying->first;
    if (!sources_read(&applying->cluster->arena, files, &reader, &is_incomplete)) return EXIT_UNABLE;
    if (is_incomplete) {
        cluster_complain(applying->cluster, "nothing was applied");
        return EXIT_UNABLE;
    }
    if (!applying->first) {
        cluster_complain(applying->cluster, "%s: no objects in it", source_name(files->items[0]));
        return EXIT_UNABLE;
    }
    if (!kinds_load(applying->cluster, &applying->kinds, &status)) return status;
    for (const struct piece *piece = applying->first; piece; piece = piece->next) {
        int own = apply(applying, &piece->source);
        status = own > status ? own : status;
    }
    kinds_release(&applying->kinds);
    return status;
}

int apply_files(struct cluster *cluster, const struct flag_list *files, const struct apply_options *options) {
    struct applying applying = {.cluster = cluster, .options = *options};
    return apply_all(&applying, files);
}

int command_apply(int argc, char **argv) {
    struct cluster cluster;
    struct cluster_flags cluster_flags = {0};
    struct flag_list files = {0};
    struct apply_options options = {0};
    const struct flag flags[] = {
        FLAG_ROW_LIST("filename", 'f', "FILE|DIR|-", &files, "objects of any kind, YAML or JSON; may be repeated"),
        FLAG_ROW_SWITCH("dry-run", 0, &options.is_dry_run, "the server checks and answers, and keeps nothing"),
        FLAG_ROW_SWITCH("force-conflicts", 0, &options.takes_over, "take over fields that other managers have set"),
        CLUSTER_FLAG_ROWS(cluster_flags),
        FLAG_ROW_END,
    };
    const struct usage usage = {"apply -f FILE|DIR|- [flags]",
                                "Makes objects what the files say: server-side apply, as field manager " FIELD_MANAGER ".\n"
                                "Unknown fields are errors. What is wrong is told with its file and line.",
                                flags,
                                "  model-booster apply -f examples/quickstart.yaml\n"
                                "  model-booster crds | model-booster apply -f -\n"};
    struct arena arena;
    arena_init(&arena, FLAGS_ARENA_BYTES);
    int status;
    if (flags_start(&arena, &usage, argc, argv, &status)) {
        status = EXIT_UNABLE;
        if (!files.count) {
            fprintf(stderr, "model-booster apply: give -f FILE, a folder, or - for standard input\n");
        } else if (cluster_open(&cluster, "apply", &cluster_flags)) {
            status = apply_files(&cluster, &files, &options);
            cluster_close(&cluster);
        }
    }
    arena_release(&arena);
    return status;
}
