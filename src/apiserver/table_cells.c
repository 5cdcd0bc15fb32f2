#include "apiserver/table_cells.h"

#include "apiserver/table_pod.h"
#include "data/rfc3339.h"

/* As pkg/printers/internalversion of Kubernetes 1.34 prints them. */

static struct str two_units(struct arena *arena, int64_t large, char large_unit, int64_t small, char small_unit) {
    if (!small) return arena_printf(arena, "%lld%c", (long long)large, large_unit);
    return arena_printf(arena, "%lld%c%lld%c", (long long)large, large_unit, (long long)small, small_unit);
}

struct str table_age(struct arena *arena, int64_t age_ms) {
    int64_t seconds = age_ms / 1000, minutes = seconds / 60, hours = minutes / 60;
    if (seconds < -1) return STR("<invalid>");
    if (seconds < 0) return STR("0s");
    if (seconds < 120) return arena_printf(arena, "%llds", (long long)seconds);
    if (minutes < 10) return two_units(arena, minutes, 'm', seconds % 60, 's');
    if (minutes < 180) return arena_printf(arena, "%lldm", (long long)minutes);
    if (hours < 8) return two_units(arena, hours, 'h', minutes % 60, 'm');
    if (hours < 48) return arena_printf(arena, "%lldh", (long long)hours);
    if (hours < 24 * 8) return two_units(arena, hours / 24, 'd', hours % 24, 'h');
    if (hours < 24 * 365 * 2) return arena_printf(arena, "%lldd", (long long)(hours / 24));
    if (hours < 24 * 365 * 8) return two_units(arena, hours / 24 / 365, 'y', hours / 24 % 365, 'd');
    return arena_printf(arena, "%lldy", (long long)(hours / 24 / 365));
}

#define CELL(name) static void name(struct arena *scratch, const yyjson_val *object, int64_t now_ms, struct strbuf *out)
#define UNUSED     (void)scratch, (void)now_ms

static void write_or(struct strbuf *out, struct str text, const char *fallback) {
    json_write_text(out, text.len ? text : str_of(fallback));
}

static void write_age_of(struct arena *scratch, const yyjson_val *time, int64_t now_ms, struct strbuf *out) {
    int64_t time_ms;
    struct error error;
    bool is_known = rfc3339_parse_ms(json_text(time), &time_ms, &error);
    json_write_text(out, is_known ? table_age(scratch, now_ms - time_ms) : STR("<unknown>"));
}

CELL(name_cell) {
    UNUSED;
    json_write_text(out, json_text(json_path(object, "metadata", "name", NULL)));
}

CELL(age_cell) {
    write_age_of(scratch, json_path(object, "metadata", "creationTimestamp", NULL), now_ms, out);
}

CELL(created_cell) {
    UNUSED;
    json_write_text(out, json_text(json_path(object, "metadata", "creationTimestamp", NULL)));
}

CELL(data_cell) {
    UNUSED;
    strbuf_printf(out, "%zu", yyjson_obj_size(json_get(object, "data")) + yyjson_obj_size(json_get(object, "binaryData")));
}

CELL(type_cell) {
    UNUSED;
    json_write_text(out, json_text(json_get(object, "type")));
}

CELL(phase_cell) {
    UNUSED;
    json_write_text(out, json_text(json_path(object, "status", "phase", NULL)));
}

CELL(holder_cell) {
    UNUSED;
    json_write_text(out, json_text(json_path(object, "spec", "holderIdentity", NULL)));
}

CELL(secrets_cell) {
    UNUSED;
    strbuf_printf(out, "%zu", yyjson_arr_size(json_get(object, "secrets")));
}

CELL(role_cell) {
    UNUSED;
    const yyjson_val *reference = json_get(object, "roleRef");
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append(&text, json_text(json_get(reference, "kind")));
    strbuf_append_char(&text, '/');
    strbuf_append(&text, json_text(json_get(reference, "name")));
    json_write_text(out, strbuf_view(&text));
    strbuf_release(&text);
}

static void subjects_cell(const yyjson_val *object, const char *kind, struct strbuf *out) {
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    size_t index, max;
    yyjson_val *subject;
    yyjson_arr_foreach(json_get(object, "subjects"), index, max, subject) {
        if (!json_is_text(json_get(subject, "kind"), kind)) continue;
        if (text.len) strbuf_append(&text, STR(", "));
        struct str namespace = json_text(json_get(subject, "namespace"));
        if (str_is(str_of(kind), "ServiceAccount")) strbuf_printf(&text, "%.*s/", STR_ARG(namespace));
        strbuf_append(&text, json_text(json_get(subject, "name")));
    }
    json_write_text(out, strbuf_view(&text));
    strbuf_release(&text);
}

CELL(users_cell) {
    UNUSED;
    subjects_cell(object, "User", out);
}

CELL(groups_cell) {
    UNUSED;
    subjects_cell(object, "Group", out);
}

CELL(accounts_cell) {
    UNUSED;
    subjects_cell(object, "ServiceAccount", out);
}

static const yyjson_val *either(const yyjson_val *object, const char *first, const char *second) {
    const yyjson_val *value = json_get(object, first);
    return value ? value : json_get(object, second);
}

/* Both forms of Event. */
CELL(event_seen_cell) {
    const yyjson_val *time = json_path(object, "series", "lastObservedTime", NULL);
    if (!yyjson_is_str(json_loose(time))) time = either(object, "lastTimestamp", "deprecatedLastTimestamp");
    if (!yyjson_is_str(json_loose(time))) time = json_get(object, "eventTime");
    write_age_of(scratch, time, now_ms, out);
}

CELL(event_first_cell) {
    const yyjson_val *time = either(object, "firstTimestamp", "deprecatedFirstTimestamp");
    if (!yyjson_is_str(json_loose(time))) time = json_get(object, "eventTime");
    write_age_of(scratch, time, now_ms, out);
}

CELL(event_reason_cell) {
    UNUSED;
    json_write_text(out, json_text(json_get(object, "reason")));
}

CELL(event_object_cell) {
    (void)now_ms;
    const yyjson_val *involved = either(object, "involvedObject", "regarding");
    struct str kind = json_text(json_get(involved, "kind")), name = json_text(json_get(involved, "name"));
    char *lower = arena_alloc(scratch, kind.len + 1);
    for (size_t i = 0; lower && i < kind.len; i++)
        lower[i] = kind.ptr[i] >= 'A' && kind.ptr[i] <= 'Z' ? (char)(kind.ptr[i] + 32) : kind.ptr[i];
    json_write_text(out, arena_printf(scratch, "%s%s%.*s", lower ? lower : "", name.len ? "/" : "", STR_ARG(name)));
}

CELL(event_part_cell) {
    UNUSED;
    json_write_text(out, json_text(json_get(either(object, "involvedObject", "regarding"), "fieldPath")));
}

CELL(event_source_cell) {
    (void)now_ms;
    const yyjson_val *source = either(object, "source", "deprecatedSource");
    struct str component = json_text(json_get(source, "component")), host = json_text(json_get(source, "host"));
    if (!component.len) component = json_text(either(object, "reportingComponent", "reportingController"));
    if (!host.len) host = json_text(json_get(object, "reportingInstance"));
    json_write_text(out, host.len ? arena_join(scratch, component, STR(", "), host) : component);
}

CELL(event_message_cell) {
    UNUSED;
    json_write_text(out, str_trim(json_text(either(object, "message", "note"))));
}

CELL(event_count_cell) {
    UNUSED;
    int64_t count = 1;
    if (!json_int64(json_path(object, "series", "count", NULL), &count)) json_int64(either(object, "count", "deprecatedCount"), &count);
    strbuf_printf(out, "%lld", (long long)(count ? count : 1));
}

CELL(service_type_cell) {
    UNUSED;
    json_write_text(out, json_text(json_path(object, "spec", "type", NULL)));
}

CELL(service_ip_cell) {
    UNUSED;
    write_or(out, json_text(json_path(object, "spec", "clusterIP", NULL)), "<none>");
}

static void append_address(struct strbuf *text, struct str address) {
    if (!address.len) return;
    if (text->len) strbuf_append_char(text, ',');
    strbuf_append(text, address);
}

CELL(service_external_cell) {
    UNUSED;
    const yyjson_val *spec = json_get(object, "spec");
    struct str type = json_text(json_get(spec, "type"));
    bool is_balanced = str_is(type, "LoadBalancer");
    if (str_is(type, "ExternalName")) {
        json_write_text(out, json_text(json_get(spec, "externalName")));
        return;
    }
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    size_t index, max;
    yyjson_val *entry;
    yyjson_arr_foreach(is_balanced ? json_path(object, "status", "loadBalancer", "ingress", NULL) : NULL, index, max, entry) {
        struct str ip = json_text(json_get(entry, "ip"));
        append_address(&text, ip.len ? ip : json_text(json_get(entry, "hostname")));
    }
    yyjson_arr_foreach(json_get(spec, "externalIPs"), index, max, entry) append_address(&text, json_text(entry));
    write_or(out, strbuf_view(&text), is_balanced ? "<pending>" : "<none>");
    strbuf_release(&text);
}

CELL(service_ports_cell) {
    UNUSED;
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    size_t index, max;
    yyjson_val *port;
    yyjson_arr_foreach(json_path(object, "spec", "ports", NULL), index, max, port) {
        int64_t number = 0, node_port = 0;
        struct str protocol = json_text(json_get(port, "protocol"));
        json_int64(json_get(port, "port"), &number);
        strbuf_printf(&text, "%s%lld", index ? "," : "", (long long)number);
        if (json_int64(json_get(port, "nodePort"), &node_port) && node_port) strbuf_printf(&text, ":%lld", (long long)node_port);
        strbuf_printf(&text, "/%.*s", STR_ARG(protocol));
    }
    write_or(out, strbuf_view(&text), "<none>");
    strbuf_release(&text);
}

CELL(service_selector_cell) {
    UNUSED;
    struct strbuf text = strbuf_with_max(LIMIT_BODY_BYTES);
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(json_path(object, "spec", "selector", NULL), index, max, key, value) {
        struct str name = json_text(key), wanted = json_text(value);
        strbuf_printf(&text, "%s%.*s=%.*s", index ? "," : "", STR_ARG(name), STR_ARG(wanted));
    }
    write_or(out, strbuf_view(&text), "<none>");
    strbuf_release(&text);
}

CELL(pod_ready_cell) {
    (void)now_ms;
    struct pod_row row = pod_row_of(scratch, object);
    strbuf_printf(out, "\"%zu/%zu\"", row.ready, row.containers);
}

CELL(pod_status_cell) {
    (void)now_ms;
    json_write_text(out, pod_row_of(scratch, object).status);
}

CELL(pod_restarts_cell) {
    struct pod_row row = pod_row_of(scratch, object);
    strbuf_printf(out, "\"%lld", (long long)row.restarts);
    if (row.restarts && row.has_restarted) {
        struct str age = table_age(scratch, now_ms - row.restarted_ms);
        strbuf_printf(out, " (%.*s ago)", STR_ARG(age));
    }
    strbuf_append_char(out, '"');
}

CELL(pod_gates_cell) {
    (void)now_ms;
    struct pod_row row = pod_row_of(scratch, object);
    if (row.gates)
        strbuf_printf(out, "\"%zu/%zu\"", row.open_gates, row.gates);
    else
        json_write_text(out, STR("<none>"));
}

CELL(pod_ip_cell) {
    UNUSED;
    write_or(out, json_text(json_path(object, "status", "podIP", NULL)), "<none>");
}

CELL(pod_node_cell) {
    UNUSED;
    write_or(out, json_text(json_path(object, "spec", "nodeName", NULL)), "<none>");
}

CELL(pod_nominated_cell) {
    UNUSED;
    write_or(out, json_text(json_path(object, "status", "nominatedNodeName", NULL)), "<none>");
}

#define NAME                                                                                                                               \
    { "Name", "string", "", 0, name_cell }
#define AGE                                                                                                                                \
    { "Age", "string", "", 0, age_cell }

static const struct table_cell config_maps[] = {NAME, {"Data", "string", "", 0, data_cell}, AGE};
static const struct table_cell secrets[] = {NAME, {"Type", "string", "", 0, type_cell}, {"Data", "string", "", 0, data_cell}, AGE};
static const struct table_cell namespaces[] = {NAME, {"Status", "string", "", 0, phase_cell}, AGE};
static const struct table_cell service_accounts[] = {NAME, {"Secrets", "string", "", 0, secrets_cell}, AGE};
static const struct table_cell leases[] = {NAME, {"Holder", "string", "", 0, holder_cell}, AGE};
static const struct table_cell plain[] = {NAME, {"Created At", "date", "", 0, created_cell}};
static const struct table_cell bindings[] = {NAME,
                                             {"Role", "string", "", 0, role_cell},
                                             AGE,
                                             {"Users", "string", "", 1, users_cell},
                                             {"Groups", "string", "", 1, groups_cell},
                                             {"ServiceAccounts", "string", "", 1, accounts_cell}};
static const struct table_cell events[] = {
    {"Last Seen", "string", "", 0, event_seen_cell},  {"Type", "string", "", 0, type_cell},
    {"Reason", "string", "", 0, event_reason_cell},   {"Object", "string", "", 0, event_object_cell},
    {"Subobject", "string", "", 1, event_part_cell},  {"Source", "string", "", 1, event_source_cell},
    {"Message", "string", "", 0, event_message_cell}, {"First Seen", "string", "", 1, event_first_cell},
    {"Count", "string", "", 1, event_count_cell},     {"Name", "string", "", 1, name_cell}};
static const struct table_cell services[] = {NAME,
                                             {"Type", "string", "", 0, service_type_cell},
                                             {"Cluster-IP", "string", "", 0, service_ip_cell},
                                             {"External-IP", "string", "", 0, service_external_cell},
                                             {"Port(s)", "string", "", 0, service_ports_cell},
                                             AGE,
                                             {"Selector", "string", "", 1, service_selector_cell}};
static const struct table_cell pods[] = {NAME,
                                         {"Ready", "string", "", 0, pod_ready_cell},
                                         {"Status", "string", "", 0, pod_status_cell},
                                         {"Restarts", "string", "", 0, pod_restarts_cell},
                                         AGE,
                                         {"IP", "string", "", 1, pod_ip_cell},
                                         {"Node", "string", "", 1, pod_node_cell},
                                         {"Nominated Node", "string", "", 1, pod_nominated_cell},
                                         {"Readiness Gates", "string", "", 1, pod_gates_cell}};

#define TABLE(plural, cells)                                                                                                               \
    { plural, cells, sizeof(cells) / sizeof(cells)[0] }
static const struct {
    const char *plural;
    const struct table_cell *cells;
    size_t count;
} tables[] = {
    TABLE("configmaps", config_maps), TABLE("secrets", secrets),
    TABLE("namespaces", namespaces),  TABLE("serviceaccounts", service_accounts),
    TABLE("leases", leases),          TABLE("events", events),
    TABLE("services", services),      TABLE("pods", pods),
    TABLE("rolebindings", bindings),  TABLE("clusterrolebindings", bindings),
};

const struct table_cell *table_cells_of(const struct kind *kind, size_t *out_count) {
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (!str_is(kind->plural, tables[i].plural)) continue;
        *out_count = tables[i].count;
        return tables[i].cells;
    }
    *out_count = sizeof plain / sizeof plain[0];
    return plain;
}
