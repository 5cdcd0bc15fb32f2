#include "cli/examine_inner.h"

#include "controller/elector.h"
#include "controller/rights.h"

enum { REVIEW_BYTES = 4096 };

struct asked {
    const struct right *right;
    struct str verb, namespace; /* namespace empty: all */
    struct str name;            /* empty: any */
};

static struct str review_of(struct arena *arena, const struct asked *asked) {
    struct str resource = str_of(asked->right->resource);
    size_t slash = str_find(resource, STR("/"));
    yyjson_mut_doc *doc = json_builder(arena);
    yyjson_mut_val *review = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_str(doc, review, "apiVersion", "authorization.k8s.io/v1");
    yyjson_mut_obj_add_str(doc, review, "kind", "SelfSubjectAccessReview");
    yyjson_mut_val *attributes = yyjson_mut_obj_add_obj(doc, yyjson_mut_obj_add_obj(doc, review, "spec"), "resourceAttributes");
    json_add_text(doc, attributes, "verb", asked->verb);
    json_add_text(doc, attributes, "group", str_of(asked->right->group));
    json_add_text(doc, attributes, "resource", str_first(resource, slash));
    if (slash != SIZE_MAX) json_add_text(doc, attributes, "subresource", str_from(resource, slash + 1));
    if (asked->name.len) json_add_text(doc, attributes, "name", asked->name);
    if (asked->namespace.len) json_add_text(doc, attributes, "namespace", asked->namespace);
    struct strbuf text = strbuf_with_max(REVIEW_BYTES);
    json_write(&text, json_freeze(arena, review));
    return strbuf_take(&text, arena);
}

/* How it has gone so far. */
struct tally {
    struct cluster *cluster;
    struct examined *examined;
    size_t asked_count, lacking_count;
    bool is_mute; /* the server cannot be asked about rights: told once, and enough */
};

static bool is_allowed(struct tally *tally, const struct asked *asked) {
    struct kube_answer answer;
    yyjson_val *review = examine_ask(tally->cluster, STR("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
                                     review_of(&tally->cluster->arena, asked), &answer);
    tally->asked_count++;
    if (review) return json_bool_or(json_path(review, "status", "allowed", NULL), false);
    tally->is_mute = true;
    examined_add(tally->examined, JUDGED_DOUBTFUL, "rights",
                 arena_join(tally->examined->arena, STR("the server does not say: "), answer.message, STR_EMPTY), NULL);
    return true;
}

static void tell_lack(struct tally *tally, const struct asked *asked, struct str verbs) {
    const struct right *right = asked->right;
    struct arena *arena = tally->examined->arena;
    struct str place = asked->namespace.len ? arena_join(arena, STR("namespace "), asked->namespace, STR_EMPTY) : STR("all namespaces");
    struct str object = asked->name.len ? arena_printf(arena, " \"%.*s\"", STR_ARG(asked->name)) : STR_EMPTY;
    struct str message = arena_printf(arena, "may not %.*s %s%.*s in %.*s%s%s: %s", STR_ARG(verbs), right->resource, STR_ARG(object),
                                      STR_ARG(place), *right->group ? " of group " : "", right->group, right->lack);
    examined_add(tally->examined, JUDGED_FAILED, "rights", message, "compare with deploy/rbac.yaml, and kubectl apply it");
}

/* All verbs of one right in one place; those that lack are one line. */
static void examine_right(struct tally *tally, struct asked *asked) {
    struct str lacking = STR_EMPTY;
    for (struct str rest = str_of(asked->right->verbs); rest.len && !tally->is_mute;) {
        size_t blank = str_find(rest, STR(" "));
        asked->verb = str_first(rest, blank);
        rest = blank == SIZE_MAX ? STR_EMPTY : str_from(rest, blank + 1);
        if (is_allowed(tally, asked)) continue;
        tally->lacking_count++;
        lacking = arena_printf(tally->examined->arena, "%.*s%s%.*s", STR_ARG(lacking), lacking.len ? ", " : "", STR_ARG(asked->verb));
    }
    if (lacking.len) tell_lack(tally, asked, lacking);
}

static bool is_used(const struct right *right, const struct controller_options *options) {
    if (right->use == RIGHT_FOR_ELECTION) return options->leader_election;
    return right->use == RIGHT_ALWAYS || !options->downloader_image || !options->runtime_image;
}

static void examine_right_at_home(struct tally *tally, const struct right *right, const struct controller_options *options) {
    struct asked asked = {.right = right, .namespace = tally->cluster->connection.namespace, .name = str_of(right->name)};
    if (right->use == RIGHT_FOR_ELECTION) {
        const struct leader_election *election = options->leader_election;
        if (election->namespace) asked.namespace = str_of(election->namespace);
        if (right->name) asked.name = str_of(election->name);
    }
    examine_right(tally, &asked);
}

void examine_rights(struct cluster *cluster, const struct controller_options *options, struct examined *examined) {
    struct tally tally = {.cluster = cluster, .examined = examined};
    for (size_t i = 0; i < rights_count; i++) {
        if (!is_used(&rights[i], options)) continue;
        if (rights[i].place == RIGHT_AT_HOME) {
            examine_right_at_home(&tally, &rights[i], options);
            continue;
        }
        for (size_t place = 0; place < (options->namespace_count ? options->namespace_count : 1); place++) {
            struct asked asked = {.right = &rights[i], .name = str_of(rights[i].name)};
            if (options->namespace_count) asked.namespace = str_of(options->namespaces[place]);
            examine_right(&tally, &asked);
        }
    }
    if (!tally.lacking_count && !tally.is_mute)
        examined_add(examined, JUDGED_OK, "rights", arena_printf(examined->arena, "all %zu that are needed are there", tally.asked_count),
                     NULL);
}
