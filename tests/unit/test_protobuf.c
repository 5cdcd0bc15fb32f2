/* Bodies in protobuf, as typed clients send them, read into what their JSON would be. Bytes are client-go's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apiserver/protobuf.h"

static struct arena arena;
static struct strbuf body;

static int set_up(void **state) {
    (void)state;
    arena_init(&arena, 16 * 1024 * 1024);
    body = strbuf_with_max(1024 * 1024);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    strbuf_release(&body);
    arena_release(&arena);
    return 0;
}

/* A field of bytes: number, then what it holds. */
static struct str field(unsigned number, struct str content) {
    assert_true(number < 16 && content.len < 16384);
    struct str tag = arena_printf(&arena, "%c", (int)(number << 3 | 2));
    struct str len = content.len < 128 ? arena_printf(&arena, "%c", (int)content.len)
                                       : arena_printf(&arena, "%c%c", (int)((content.len & 0x7f) | 0x80), (int)(content.len >> 7));
    return arena_join(&arena, tag, len, content);
}

static struct str number_field(unsigned number, unsigned value) {
    return arena_printf(&arena, "%c%c", (int)(number << 3), (int)value);
}

static struct str join(struct str a, struct str b) {
    return arena_join(&arena, a, b, STR_EMPTY);
}

static struct str whole(const char *api_version, const char *kind, struct str raw) {
    struct str meta = join(field(1, str_of(api_version)), field(2, str_of(kind)));
    return join((struct str){"k8s\0", 4}, join(field(1, meta), field(2, raw)));
}

static void assert_read(struct str bytes, const char *wanted) {
    struct error error;
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_mut_val *found = protobuf_read(&arena, doc, bytes, &error);
    if (!found) fail_msg("%s", error.message);
    yyjson_val *frozen = json_freeze(&arena, found);
    if (!json_equal(frozen, json_parse(&arena, str_of(wanted), &error))) {
        json_write(&body, frozen);
        fail_msg("found    %s\nexpected %s", body.ptr, wanted);
    }
}

static void reads_config_maps(void **state) {
    (void)state;
    struct str meta = join(field(1, STR("a")), join(field(2, STR("")), field(11, join(field(1, STR("k")), field(2, STR("v"))))));
    meta = join(meta, field(8, STR(""))); /* the zero time */
    struct str raw = join(field(1, meta), join(field(2, join(field(1, STR("x")), field(2, STR("y")))), field(3, join(field(1, STR("b")), field(2, STR("\x01\x02"))))));
    assert_read(whole("v1", "ConfigMap", join(raw, number_field(4, 0))),
                "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"labels\":{\"k\":\"v\"}},\"data\":{\"x\":\"y\"},\"binaryData\":{\"b\":\"AQI=\"},"
                "\"immutable\":false}");
}

static void reads_what_lies_inline_and_special_types(void **state) {
    (void)state;
    /* A volume's source is part of the volume; a port may be a number or a name. */
    struct str empty_dir = field(2, field(2, STR("")));
    struct str volume = join(field(1, STR("v")), empty_dir);
    struct str container = join(field(1, STR("c")), field(2, STR("img")));
    struct str spec = join(field(1, volume), field(2, container));
    assert_read(whole("v1", "Pod", field(2, spec)),
                "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}],\"containers\":[{\"name\":\"c\",\"image\":\"img\"}]}}");
    struct str port = join(number_field(3, 80), field(4, join(number_field(1, 1), field(3, STR("http")))));
    assert_read(whole("v1", "Service", field(2, field(1, port))),
                "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"spec\":{\"ports\":[{\"port\":80,\"targetPort\":\"http\"}]}}");
    struct str lease = join(field(1, STR("me")), field(4, join(number_field(1, 5), number_field(2, 0))));
    assert_read(whole("coordination.k8s.io/v1", "Lease", field(2, lease)),
                "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"spec\":{\"holderIdentity\":\"me\",\"renewTime\":\"1970-01-01T00:00:05.000000Z\"}}");
}

static void refuses_garbage(void **state) {
    (void)state;
    static const struct {
        struct str bytes;
        enum error_kind kind;
    } cases[] = {{{"{}", 2}, ERROR_SYNTAX}, {{"k8s\0", 4}, ERROR_UNSUPPORTED}, {{"k8s\0\xff\xff\xff", 7}, ERROR_UNSUPPORTED}};
    struct error error;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_null(protobuf_read(&arena, json_builder(&arena), cases[i].bytes, &error));
        assert_int_equal(error.kind, cases[i].kind);
    }
    struct str good = whole("v1", "ConfigMap", field(2, join(field(1, STR("x")), field(2, STR("y")))));
    assert_null(protobuf_read(&arena, json_builder(&arena), whole("v1", "ConfigMap", STR("\x12\x7f")), &error));
    /* Cut anywhere, or with a byte changed: an object or an error, never a crash. */
    for (size_t len = 0; len < good.len; len++) protobuf_read(&arena, json_builder(&arena), str_first(good, len), &error);
    for (size_t at = 4; at < good.len; at++) {
        char *copy = arena_alloc(&arena, good.len);
        for (size_t i = 0; i < good.len; i++) copy[i] = good.ptr[i];
        copy[at] ^= 0x55;
        protobuf_read(&arena, json_builder(&arena), (struct str){copy, good.len}, &error);
    }
    assert_null(protobuf_read(&arena, json_builder(&arena), whole("v1", "Widget", STR("")), &error));
    assert_int_equal(error.kind, ERROR_UNSUPPORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_config_maps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_what_lies_inline_and_special_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_garbage, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("protobuf", tests, NULL, NULL);
}
