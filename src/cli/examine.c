#include "cli/examine.h"

#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/examine_inner.h"
#include "cli/output.h"
#include "controller/addresses.h"
#include "controller/definitions.h"
#include "kube/resource.h"

enum { OUT_BYTES = 4 * 1024 * 1024, TURN_MS = 1000 };

static const char *const judgement_names[] = {"ok", "warn", "failed"};

void examined_add(struct examined *examined, enum judgement judgement, const char *subject, struct str message, const char *remedy) {
    struct str line = remedy ? arena_printf(examined->arena, "%.*s; %s", STR_ARG(message), remedy) : message;
    strbuf_printf(&examined->text, "# %-7s %-12s %.*s\n", judgement_names[judgement], subject, STR_ARG(line));
    yyjson_mut_val *item = yyjson_mut_arr_add_obj(examined->doc, examined->list);
    yyjson_mut_obj_add_str(examined->doc, item, "result", judgement_names[judgement]);
    yyjson_mut_obj_add_str(examined->doc, item, "subject", subject);
    json_add_text(examined->doc, item, "message", message);
    if (remedy) yyjson_mut_obj_add_str(examined->doc, item, "remedy", remedy);
    if (judgement > examined->worst) examined->worst = judgement;
}

/* ---- settings ---- */

static void examine_settings(const struct examination *examination, struct examined *examined) {
    struct str variable, meant;
    size_t at = 0;
    while (config_next_slip(examined->arena, examination->flags, &at, &variable, &meant))
        examined_add(examined, JUDGED_DOUBTFUL, "settings",
                     arena_printf(examined->arena, "environment %.*s is no setting; did you mean %.*s?", STR_ARG(variable), STR_ARG(meant)),
                     NULL);
}

static void add_bad_setting(const struct examination *examination, struct examined *examined, enum judgement judgement,
                            const struct error *error) {
    struct str label = config_label(examined->arena, examination->flags, examination->config, error->path);
    examined_add(examined, judgement, "settings", arena_printf(examined->arena, "%.*s: %s", STR_ARG(label), error->message), NULL);
}

/* False where the controller would not start with them. A port that is taken may be that of the one that runs here. */
static bool examine_addresses(const struct examination *examination, struct examined *examined) {
    const struct controller_options *options = examination->options;
    struct error error = {0}, other = {0};
    struct loop *loop = loop_new(&error);
    bool has_metrics = loop && addresses_try_metrics(loop, options->metrics_address, &error);
    bool has_collector = loop && addresses_try_collector(loop, options->otlp_endpoint, &other);
    bool is_taken = loop && !has_metrics && addresses_is_taken(&error);
    loop_free(loop);
    if (!has_metrics) add_bad_setting(examination, examined, is_taken ? JUDGED_DOUBTFUL : JUDGED_FAILED, &error);
    if (!has_collector && loop) add_bad_setting(examination, examined, JUDGED_FAILED, &other);
    return (has_metrics || is_taken) && has_collector;
}

/* ---- connection ---- */

static yyjson_val *ask(struct cluster *cluster, struct str path, struct str body, struct kube_answer *out_answer) {
    struct cluster_request request = {.method = body.len ? "POST" : NULL, .path = path, .body = body};
    struct cluster_answer answer;
    bool is_found = cluster_ask(cluster, &cluster->arena, &request, &answer);
    *out_answer = answer.kube;
    return is_found ? json_parse(&cluster->arena, answer.body, NULL) : NULL;
}

yyjson_val *examine_ask(struct cluster *cluster, struct str path, struct str body, struct kube_answer *out_answer) {
    yyjson_val *object = ask(cluster, path, body, out_answer);
    if (!object && out_answer->kind == KUBE_OK)
        *out_answer = kube_answer_none(&cluster->arena, KUBE_SERVER_ERROR, STR("the answer is no JSON"));
    return object;
}

/* "system:serviceaccount:model-booster-system:model-booster"; empty where the server is too old to say. */
static struct str who_am_i(struct cluster *cluster) {
    struct kube_answer answer;
    yyjson_val *review = examine_ask(cluster, STR("/apis/authentication.k8s.io/v1/selfsubjectreviews"),
                                     STR("{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"SelfSubjectReview\"}"), &answer);
    return json_text(json_path(review, "status", "userInfo", "username", NULL));
}

static bool examine_connection(struct cluster *cluster, struct examined *examined) {
    struct kube_answer answer;
    struct str server = cluster->connection.server;
    yyjson_val *version = examine_ask(cluster, STR("/version"), STR_EMPTY, &answer);
    if (!version) {
        examined_add(examined, JUDGED_FAILED, "connection",
                     arena_printf(examined->arena, "%.*s: %.*s", STR_ARG(server), STR_ARG(answer.message)), cluster_remedy(answer.kind));
        return false;
    }
    struct str name = json_text(json_get(version, "gitVersion")), user = who_am_i(cluster);
    examined_add(examined, JUDGED_OK, "connection",
                 arena_printf(examined->arena, "%.*s: Kubernetes %.*s%s%.*s", STR_ARG(server), STR_ARG(name), user.len ? ", as " : "",
                              STR_ARG(user)),
                 NULL);
    if (cluster->connection.is_insecure)
        examined_add(examined, JUDGED_DOUBTFUL, "connection",
                     STR("the server's certificate is not verified: insecure-skip-tls-verify in the kubeconfig"),
                     "write its certificate-authority instead");
    else if (!str_starts_with(server, STR("https://")))
        examined_add(examined, JUDGED_DOUBTFUL, "connection", STR("nothing is encrypted, and the server not verified"),
                     "use its https:// address");
    return true;
}

/* ---- definitions ---- */

static bool is_served(struct cluster *cluster, const struct kube_resource *resource, struct kube_answer *out_answer) {
    yyjson_val *list = examine_ask(cluster, kube_discovery_path(&cluster->arena, resource), STR_EMPTY, out_answer), *item;
    size_t index, max;
    yyjson_arr_foreach(json_get(list, "resources"), index, max, item) {
        if (str_equal(json_text(json_get(item, "name")), resource->plural)) return true;
    }
    return false;
}

/* Versions of the group that there are, "v1alpha2, v1"; empty: none. */
static struct str versions_of(struct cluster *cluster, struct str group) {
    struct kube_answer answer;
    struct str names = STR_EMPTY;
    yyjson_val *found = examine_ask(cluster, arena_join(&cluster->arena, STR("/apis/"), group, STR_EMPTY), STR_EMPTY, &answer), *item;
    size_t index, max;
    yyjson_arr_foreach(json_get(found, "versions"), index, max, item) {
        names = arena_printf(&cluster->arena, "%.*s%s%.*s", STR_ARG(names), names.len ? ", " : "",
                             STR_ARG(json_text(json_get(item, "version"))));
    }
    return names;
}

static bool examine_definition(struct cluster *cluster, struct examined *examined, const struct kube_resource *resource) {
    struct kube_answer answer;
    if (is_served(cluster, resource, &answer)) return true;
    if (answer.kind != KUBE_OK && kube_answer_is_transient(answer.kind)) {
        examined_add(examined, JUDGED_FAILED, "definitions",
                     arena_printf(examined->arena, "%.*s: %.*s", STR_ARG(resource->kind), STR_ARG(answer.message)),
                     cluster_remedy(answer.kind));
        return false;
    }
    struct str versions = versions_of(cluster, resource->group);
    bool is_other_version = versions.len && !str_contains(versions, resource->version);
    examined_add(examined, JUDGED_FAILED, "definitions",
                 is_other_version ? arena_printf(examined->arena, "%.*s is not served as %.*s, only as %.*s", STR_ARG(resource->kind),
                                                 STR_ARG(resource->version), STR_ARG(versions))
                                  : arena_printf(examined->arena, "%.*s is not installed", STR_ARG(resource->kind)),
                 "install its definition: Kthena's, or kubectl apply -k deploy/crds");
    return false;
}

struct learning {
    struct arena *arena;
    struct str dropped, message;
    enum definitions_answer answer;
    bool is_over;
};

static void on_facts(void *context, enum definitions_answer answer, const struct definition_facts *facts, struct str message) {
    struct learning *learning = context;
    learning->is_over = true;
    learning->answer = answer;
    learning->dropped = arena_copy(learning->arena, facts->dropped);
    learning->message = arena_copy(learning->arena, message);
}

static void examine_fields(struct cluster *cluster, struct examined *examined) {
    struct definitions definitions;
    struct learning learning = {.arena = examined->arena};
    if (!definitions_init(&definitions, cluster->loop, &cluster->connection.client, 0, on_facts, &learning)) return;
    definitions_read(&definitions);
    while (!learning.is_over) loop_run_once(cluster->loop, TURN_MS);
    definitions_release(&definitions);
    if (learning.answer == DEFINITIONS_UNREADABLE)
        examined_add(
            examined, JUDGED_FAILED, "definitions",
            arena_join(examined->arena, STR("/openapi/v3 is not readable, so that nothing is made: "), learning.message, STR_EMPTY), NULL);
    else if (learning.answer == DEFINITIONS_NOT_DESCRIBED)
        examined_add(examined, JUDGED_DOUBTFUL, "definitions",
                     STR("the server's OpenAPI documents do not describe them (yet); which fields they keep is not known"), NULL);
    else if (learning.dropped.len)
        examined_add(examined, JUDGED_DOUBTFUL, "definitions",
                     arena_join(examined->arena, STR("that of ModelBooster does not keep "), learning.dropped, STR_EMPTY),
                     "see docs/install.md, Fields that Kthena's definition drops");
}

static void examine_definitions(struct cluster *cluster, struct examined *examined) {
    static const struct kube_resource booster = {{GROUP_WORKLOAD, sizeof GROUP_WORKLOAD - 1},
                                                 {API_VERSION, sizeof API_VERSION - 1},
                                                 {PLURAL_BOOSTER, sizeof PLURAL_BOOSTER - 1},
                                                 {KIND_BOOSTER, sizeof KIND_BOOSTER - 1}};
    bool has_booster = examine_definition(cluster, examined, &booster), are_all_there = has_booster;
    for (int kind = 0; kind < CHILD_KIND_COUNT; kind++) {
        const struct kube_resource child = {str_of(child_kind_group((enum child_kind)kind)), STR(API_VERSION),
                                            str_of(child_kind_plural((enum child_kind)kind)),
                                            str_of(child_kind_name((enum child_kind)kind))};
        are_all_there &= examine_definition(cluster, examined, &child);
    }
    if (are_all_there) examined_add(examined, JUDGED_OK, "definitions", STR("all six are installed as " API_VERSION), NULL);
    if (has_booster) examine_fields(cluster, examined);
}

/* ---- images ---- */

static void tell_images(const struct controller_options *options, const yyjson_val *map, struct examined *examined) {
    struct str downloader = settings_image(options->downloader_image, map, CONFIG_KEY_DOWNLOADER, DEFAULT_DOWNLOADER_IMAGE);
    struct str runtime = settings_image(options->runtime_image, map, CONFIG_KEY_RUNTIME, DEFAULT_RUNTIME_IMAGE);
    examined_add(examined, JUDGED_OK, "images",
                 arena_printf(examined->arena, "downloader %.*s, runtime %.*s", STR_ARG(downloader), STR_ARG(runtime)), NULL);
}

static void examine_images(struct cluster *cluster, const struct controller_options *options, struct examined *examined) {
    static const struct kube_resource maps = {{"", 0}, {"v1", 2}, {"configmaps", 10}, {"ConfigMap", 9}};
    struct kube_list_query query = {.field_selector = STR("metadata.name=" CONFIG_MAP_NAME)};
    struct str home = cluster->connection.namespace;
    struct kube_answer answer;
    bool is_needed = !options->downloader_image || !options->runtime_image;
    yyjson_val *list = is_needed ? examine_ask(cluster, kube_list_path(&cluster->arena, &maps, home, &query), STR_EMPTY, &answer) : NULL;
    yyjson_val *map = yyjson_arr_get_first(json_get(list, "items"));
    if (is_needed && !list)
        examined_add(
            examined, JUDGED_FAILED, "images",
            arena_printf(examined->arena, "ConfigMap " CONFIG_MAP_NAME " in namespace %.*s: %.*s", STR_ARG(home), STR_ARG(answer.message)),
            "compare the rights with deploy/rbac.yaml, or give both images by flags");
    else if (is_needed && !map)
        examined_add(examined, JUDGED_DOUBTFUL, "images",
                     arena_printf(examined->arena,
                                  "there is no ConfigMap " CONFIG_MAP_NAME " in namespace %.*s: what no flag says is built in",
                                  STR_ARG(home)),
                     "kubectl apply -f deploy/config.yaml, or give both images by flags");
    if (!is_needed || list) tell_images(options, map, examined);
}

/* ---- all of it ---- */

static int examine_cluster(const struct examination *examination, struct examined *examined) {
    const struct controller_options *options = examination->options;
    struct cluster_flags flags = {.kubeconfig = options->kubeconfig, .context = options->context, .allow_exec = options->allow_exec};
    struct cluster cluster;
    struct error error = {0};
    if (!cluster_connect(&cluster, "controller", &flags, &error)) {
        examined_add(examined, JUDGED_FAILED, "connection",
                     arena_printf(examined->arena, "%s%s%s", error.path, error.path[0] ? ": " : "", error.message), NULL);
        return EXIT_UNABLE;
    }
    bool is_connected = examine_connection(&cluster, examined);
    if (is_connected) {
        examine_rights(&cluster, options, examined);
        examine_definitions(&cluster, examined);
        examine_images(&cluster, options, examined);
    }
    cluster_close(&cluster);
    return !is_connected ? EXIT_UNABLE : examined->worst == JUDGED_FAILED ? EXIT_FINDINGS : EXIT_CLEAN;
}

static void print_json(const struct examination *examination, struct examined *examined, struct strbuf *out) {
    yyjson_mut_val *whole = yyjson_mut_obj(examined->doc);
    yyjson_mut_obj_add_val(examined->doc, whole, "configuration",
                           config_json(examined->arena, examined->doc, examination->flags, examination->config));
    yyjson_mut_obj_add_val(examined->doc, whole, "findings", examined->list);
    json_write_indented(out, json_freeze(examined->arena, whole));
    strbuf_append_char(out, '\n');
}

int examine(const struct examination *examination) {
    struct arena arena;
    arena_init(&arena, LIMIT_INPUT_ARENA_BYTES);
    struct examined examined = {.arena = &arena, .doc = json_builder(&arena), .text = strbuf_with_max(OUT_BYTES)};
    struct strbuf out = strbuf_with_max(OUT_BYTES * 2);
    examined.list = yyjson_mut_arr(examined.doc);
    examine_settings(examination, &examined);
    bool can_start = examine_addresses(examination, &examined);
    int status = examine_cluster(examination, &examined);
    if (!can_start) status = EXIT_UNABLE;
    if (examination->is_json) {
        print_json(examination, &examined, &out);
    } else {
        config_print(&out, examination->flags, examination->config);
        strbuf_append_char(&out, '\n');
        strbuf_append(&out, strbuf_view(&examined.text));
    }
    out.failed = out.failed || examined.text.failed;
    status = output_finish(&out, status);
    strbuf_release(&out);
    strbuf_release(&examined.text);
    arena_release(&arena);
    return status;
}
