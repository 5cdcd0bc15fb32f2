#include "apiserver/discovery.h"
#include "apiserver/document_cache.h"
#include "apiserver/hub.h"
#include "apiserver/openapi.h"
#include "apiserver/server.h"
#include "base/hash.h"

/* Everything that is no resource: health, version, metrics, discovery, OpenAPI. */

static void answer_ok(struct request *request) {
    bool is_verbose = str_contains(request->exchange->query, STR("verbose"));
    if (request->server->is_stopping)
        request_answer_text(request, 500, "text/plain; charset=utf-8", STR("the server is shutting down\n"));
    else
        request_answer_text(request, 200, "text/plain; charset=utf-8",
                            is_verbose ? STR("[+]ping ok\n[+]storage ok\nlivez check passed\n") : STR("ok"));
}

static void answer_metrics(struct request *request) {
    struct apiserver *server = request->server;
    struct strbuf out = strbuf_with_max(1024 * 1024);
    strbuf_printf(&out, "# HELP apiserver_request_total Requests answered, by the first digit of the status code.\n"
                        "# TYPE apiserver_request_total counter\n");
    for (size_t i = 1; i < 6; i++)
        strbuf_printf(&out, "apiserver_request_total{code=\"%zuxx\"} %llu\n", i, (unsigned long long)server->answered[i]);
    strbuf_printf(&out,
                  "# HELP apiserver_longrunning_requests Watches open now.\n# TYPE apiserver_longrunning_requests gauge\n"
                  "apiserver_longrunning_requests{verb=\"WATCH\"} %zu\n",
                  hub_count(server->hub));
    strbuf_printf(&out,
                  "# HELP apiserver_current_inflight_requests Requests under way, watches among them.\n"
                  "# TYPE apiserver_current_inflight_requests gauge\napiserver_current_inflight_requests %zu\n",
                  server->request_count);
    strbuf_printf(&out,
                  "# HELP apiserver_storage_size_bytes Database and log on disk.\n# TYPE apiserver_storage_size_bytes gauge\n"
                  "apiserver_storage_size_bytes %lld\n",
                  (long long)storage_size_bytes(server->storage));
    strbuf_printf(&out,
                  "# HELP model_booster_storage_writes_total Durable writes since the start.\n"
                  "# TYPE model_booster_storage_writes_total counter\nmodel_booster_storage_writes_total %llu\n",
                  (unsigned long long)server->writes);
    strbuf_printf(&out,
                  "# HELP model_booster_storage_revision The newest revision.\n# TYPE model_booster_storage_revision gauge\n"
                  "model_booster_storage_revision %lld\n",
                  (long long)objects_revision(server->objects));
    request_answer_text(request, 200, "text/plain; version=0.0.4; charset=utf-8", strbuf_view(&out));
    strbuf_release(&out);
}

static void answer_version(struct request *request) {
    request_answer_text(request, 200, "application/json",
                        STR("{\"major\":\"1\",\"minor\":\"34\",\"gitVersion\":\"v1.34.4+model-booster." MODEL_BOOSTER_VERSION
                            "\",\"gitCommit\":\"\",\"gitTreeState\":\"clean\",\"buildDate\":\"1970-01-01T00:00:00Z\",\"goVersion\":"
                            "\"none\",\"compiler\":\"gcc\","
                            "\"platform\":\"linux/amd64\",\"emulationMajor\":\"1\",\"emulationMinor\":\"34\"}"));
}

static void answer_hashed(struct request *request, const char *content_type, struct blob *document) {
    struct str hash = hash_hex(&request->arena, hash_xxh3(blob_view(document)));
    request->etag = arena_printf(&request->arena, "\"%.*s\"", STR_ARG(hash));
    if (str_equal(exchange_header(request->exchange, "If-None-Match"), request->etag))
        request_answer_blob(request, 304, STR_EMPTY, NULL);
    else
        request_answer_blob(request, 200, str_of(content_type), document);
}

static bool is_openapi(const struct request *request) {
    return str_starts_with(request->exchange->path, STR("/openapi/"));
}

/* The document, with its hash as ETag; 304 where the other side has it. */
static void answer_document(struct request *request, const char *content_type, struct strbuf *document) {
    struct apiserver *server = request->server;
    struct blob *blob = document->failed ? NULL : blob_new(strbuf_view(document));
    if (!blob) {
        request_fail_memory(request);
        return;
    }
    if (is_openapi(request)) document_cache_put(server->document_cache, request->exchange->path, registry_epoch(server->registry), blob);
    answer_hashed(request, content_type, blob);
    blob_drop(blob);
}

/* OpenAPI documents take milliseconds to make. */
static bool answer_from_cache(struct request *request) {
    struct apiserver *server = request->server;
    struct blob *found =
        is_openapi(request) ? document_cache_get(server->document_cache, request->exchange->path, registry_epoch(server->registry)) : NULL;
    if (found) answer_hashed(request, "application/json", found);
    return found;
}

/* The newest aggregated form that an Accept header names first; NULL: the plain one. */
static const char *aggregated_version(struct request *request, const char **out_type) {
    struct str header = exchange_header(request->exchange, "Accept");
    size_t clause_end = str_find(header, STR(","));
    for (struct str rest = header; rest.len; clause_end = str_find(rest, STR(","))) {
        struct str clause = str_trim(clause_end == SIZE_MAX ? rest : str_first(rest, clause_end));
        rest = clause_end == SIZE_MAX ? STR_EMPTY : str_from(rest, clause_end + 1);
        if (!str_starts_with(clause, STR("application/json"))) continue;
        if (!str_contains(clause, STR("as=APIGroupDiscoveryList"))) return NULL;
        bool is_beta = str_contains(clause, STR("v=v2beta1"));
        *out_type = is_beta ? "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
                            : "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        return is_beta ? "v2beta1" : "v2";
    }
    return NULL;
}

static void answer_groups(struct request *request, bool is_core) {
    struct strbuf *out = &request->server->documents;
    const char *type = "application/json", *version = aggregated_version(request, &type);
    strbuf_clear(out);
    if (version)
        discovery_write_aggregated(out, request->server->registry, is_core, version);
    else if (is_core)
        discovery_write_versions(out, request->server->address);
    else
        discovery_write_groups(out, request->server->registry);
    answer_document(request, type, out);
}

static void answer_core(struct request *request) {
    answer_groups(request, true);
}

static void answer_all_groups(struct request *request) {
    answer_groups(request, false);
}

/* /apis/GROUP, /apis/GROUP/VERSION, /api/v1; false: none of them. */
static bool answer_discovery(struct request *request) {
    struct str path = request->exchange->path, group = STR_EMPTY, version;
    struct strbuf *out = &request->server->documents;
    bool is_found;
    if (path.len && path.ptr[path.len - 1] == '/') path = str_first(path, path.len - 1);
    strbuf_clear(out);
    if (str_starts_with(path, STR("/api/"))) {
        version = str_from(path, 5);
        is_found = discovery_write_resources(out, request->server->registry, group, version);
    } else if (str_starts_with(path, STR("/apis/"))) {
        struct str rest = str_from(path, 6);
        size_t slash = str_find(rest, STR("/"));
        group = slash == SIZE_MAX ? rest : str_first(rest, slash);
        if (slash == SIZE_MAX)
            is_found = discovery_write_group(out, request->server->registry, group);
        else
            is_found = discovery_write_resources(out, request->server->registry, group, str_from(rest, slash + 1));
    } else {
        return false;
    }
    if (is_found) answer_document(request, "application/json", out);
    return is_found;
}

static void answer_openapi_root(struct request *request) {
    struct strbuf *out = &request->server->documents;
    strbuf_clear(out);
    openapi_write_root(out, request->server->registry);
    answer_document(request, "application/json", out);
}

static void answer_openapi_v2(struct request *request) {
    struct strbuf *out = &request->server->documents;
    struct str accept = exchange_header(request->exchange, "Accept");
    if (accept.len && !str_contains(accept, STR("json")) && !str_contains(accept, STR("*/*"))) {
        /* kubectl asks so for kinds that version 3 does not name: a document (openapiv2.proto) of `swagger` alone tells it that there are
         * none. */
        request_answer_text(request, 200, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
                            STR("\n\x03"
                                "2.0"));
        return;
    }
    if (answer_from_cache(request)) return;
    strbuf_clear(out);
    openapi_write_v2(out, request->server->registry);
    answer_document(request, "application/json", out);
}

/* /openapi/v3/api/v1, /openapi/v3/apis/GROUP/VERSION */
static bool answer_openapi_version(struct request *request) {
    struct str path = request->exchange->path, core = STR("/openapi/v3/api/"), other = STR("/openapi/v3/apis/");
    struct strbuf *out = &request->server->documents;
    if (!str_starts_with(path, core) && !str_starts_with(path, other)) return false;
    if (answer_from_cache(request)) return true;
    bool is_core = str_starts_with(path, core);
    struct str rest = str_from(path, is_core ? core.len : other.len);
    size_t slash = str_find(rest, STR("/"));
    struct str group = is_core || slash == SIZE_MAX ? STR_EMPTY : str_first(rest, slash);
    strbuf_clear(out);
    if (!openapi_write_version(out, request->server->registry, group, is_core || slash == SIZE_MAX ? rest : str_from(rest, slash + 1)))
        return false;
    answer_document(request, "application/json", out);
    return true;
}

static const struct {
    const char *path;
    void (*answer)(struct request *request);
} paths[] = {
    {"/api", answer_core},
    {"/api/", answer_core},
    {"/apis", answer_all_groups},
    {"/apis/", answer_all_groups},
    {"/healthz", answer_ok},
    {"/healthz/ping", answer_ok},
    {"/livez", answer_ok},
    {"/livez/ping", answer_ok},
    {"/readyz", answer_ok},
    {"/readyz/ping", answer_ok},
    {"/metrics", answer_metrics},
    {"/version", answer_version},
    {"/version/", answer_version},
    {"/openapi/v2", answer_openapi_v2},
    {"/openapi/v3", answer_openapi_root},
};

void server_answer_path(struct request *request) {
    bool is_read = str_is(request->exchange->method, "GET") || str_is(request->exchange->method, "HEAD");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (!is_read || !str_is(request->exchange->path, paths[i].path)) continue;
        paths[i].answer(request);
        return;
    }
    if (is_read && (answer_openapi_version(request) || answer_discovery(request))) return;
    request_answer_text(request, 404, "text/plain; charset=utf-8", STR("404 page not found\n"));
}
