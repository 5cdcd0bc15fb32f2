#include "standalone/keys.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "data/yaml_quote.h"
#include "io/certificates.h"

enum { SECRET_BYTES = 32, HOST_NAME_BYTES = 256, NAMES_MAX = 16 };
static const int64_t hour_ms = 3600 * 1000, year_ms = 365 * (int64_t)24 * 3600 * 1000, renew_ms = 30 * (int64_t)24 * 3600 * 1000;

/* A random text of 64 hex digits. */
static struct str make_secret(struct arena *arena, struct error *error) {
    unsigned char bytes[SECRET_BYTES];
    char text[2 * SECRET_BYTES + 1];
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        error_set(error, ERROR_IO, "the system gives no random numbers");
        return STR_EMPTY;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    return arena_copy(arena, (struct str){text, sizeof text - 1});
}

static bool load_secret(struct arena *arena, const struct data_folder *folder, const char *name, struct str *out, struct error *error) {
    struct str content;
    if (data_folder_read(arena, folder, name, &content, error)) {
        *out = str_trim(content);
        return out->len >= SECRET_BYTES ||
               error_set(error, ERROR_INVALID, "%s/%s is too short for a secret; remove it, and a new one is made", folder->path.ptr, name);
    }
    if (error->kind != ERROR_NOT_FOUND) return false;
    *error = (struct error){0};
    *out = make_secret(arena, error);
    return out->len && data_folder_write(arena, folder, name, *out, error);
}

/* A bearer token as RFC 6750, 2.1 has it. */
static bool is_bearer_token(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && !(c && strchr("-._~+/=", c))) return false;
    }
    return true;
}

static bool load_admin_token(struct arena *arena, const struct data_folder *folder, struct str *out, struct error *error) {
    if (!load_secret(arena, folder, "admin.token", out, error)) return false;
    return is_bearer_token(*out) ||
           error_set(error, ERROR_INVALID,
                     "%s/admin.token is damaged: a token has letters, digits and -._~+/= only; remove it, and a new one is made",
                     folder->path.ptr);
}

/* ---- the authority ---- */

static bool read_pair(struct arena *arena, const struct data_folder *folder, struct certificate_pair *out, struct error *error) {
    struct str certificate, key;
    if (!data_folder_read(arena, folder, "ca.crt", &certificate, error) || !data_folder_read(arena, folder, "ca.key", &key, error))
        return false;
    strbuf_append(&out->certificate, certificate);
    strbuf_append(&out->key, key);
    return true;
}

static bool make_authority(struct arena *arena, const struct data_folder *folder, int64_t now_ms, struct certificate_pair *out,
                           struct error *error) {
    const struct certificate_order order = {
        .use = CERTIFICATE_AUTHORITY,
        .name = STR("model-booster standalone"),
        .from_ms = now_ms - hour_ms,
        .until_ms = now_ms + 10 * year_ms,
    };
    certificate_pair_release(out);
    return certificate_make(&order, NULL, out, error) && data_folder_write(arena, folder, "ca.key", strbuf_view(&out->key), error) &&
           data_folder_write(arena, folder, "ca.crt", strbuf_view(&out->certificate), error);
}

static bool unusable(const struct data_folder *folder, struct error *error) {
    struct error inner = *error;
    return error_set(error, inner.kind, "%s/ca.crt: %s; remove ca.crt and ca.key, and new ones are made", folder->path.ptr, inner.message);
}

static bool load_authority(struct arena *arena, const struct data_folder *folder, int64_t now_ms, struct certificate_pair *out,
                           struct error *error) {
    int64_t end_ms;
    if (!read_pair(arena, folder, out, error)) {
        if (error->kind != ERROR_NOT_FOUND) return false;
        *error = (struct error){0};
        return make_authority(arena, folder, now_ms, out, error);
    }
    if (!certificate_end_ms(strbuf_view(&out->certificate), &end_ms, error)) return unusable(folder, error);
    return end_ms - now_ms > renew_ms || make_authority(arena, folder, now_ms, out, error);
}

/* ---- the server's certificate ---- */

static bool make_server(struct arena *arena, const struct data_folder *folder, const struct certificate_pair *authority, struct str host,
                        int64_t now_ms, struct keys *out, struct error *error) {
    struct str names[NAMES_MAX] = {STR("localhost"),  STR("127.0.0.1"),          STR("::1"),
                                   STR("kubernetes"), STR("kubernetes.default"), STR("kubernetes.default.svc")};
    size_t count = 6;
    char own[HOST_NAME_BYTES] = {0};
    bool is_any = str_is(host, "0.0.0.0") || str_is(host, "::");
    bool is_known = str_is(host, "127.0.0.1") || str_is(host, "::1");
    /* Others reach a server that listens everywhere by the machine's name. */
    if (is_any && gethostname(own, sizeof own - 1) == 0 && own[0]) names[count++] = str_of(own);
    if (!is_any && !is_known && host.len) names[count++] = host;
    const struct certificate_order order = {
        .use = CERTIFICATE_SERVER,
        .name = STR("kube-apiserver"),
        .alternative_names = names,
        .alternative_name_count = count,
        .from_ms = now_ms - hour_ms,
        .until_ms = now_ms + 10 * year_ms,
    };
    struct certificate_pair pair = {0};
    bool is_made = certificate_make(&order, authority, &pair, error) || unusable(folder, error);
    if (is_made) {
        out->certificate = arena_copy(arena, strbuf_view(&pair.certificate));
        out->certificate_key = arena_copy(arena, strbuf_view(&pair.key));
    }
    certificate_pair_release(&pair);
    return is_made;
}

bool keys_load(struct arena *arena, const struct data_folder *folder, struct str host, int64_t now_ms, struct keys *out,
               struct error *error) {
    struct certificate_pair authority = {strbuf_with_max(1024 * 1024), strbuf_with_max(1024 * 1024)};
    *out = (struct keys){0};
    bool is_loaded =
        load_authority(arena, folder, now_ms, &authority, error) && make_server(arena, folder, &authority, host, now_ms, out, error) &&
        load_admin_token(arena, folder, &out->admin_token, error) && load_secret(arena, folder, "signing.key", &out->signing_key, error);
    if (is_loaded) out->ca_certificate = arena_copy(arena, strbuf_view(&authority.certificate));
    certificate_pair_release(&authority);
    return is_loaded;
}

/* A token of digits alone would read as a number. */
static struct str yaml_word(struct arena *arena, struct str text) {
    struct strbuf out = strbuf_with_max(LIMIT_BODY_BYTES);
    yaml_quote(&(struct yaml_text){.out = &out}, text, YAML_QUOTE_KEY, 0);
    return strbuf_take(&out, arena);
}

struct str keys_kubeconfig(struct arena *arena, const struct keys *keys, struct str server) {
    size_t most = (keys->ca_certificate.len + 2) / 3 * 4;
    unsigned char *encoded = arena_alloc(arena, most + 1);
    struct str token = yaml_word(arena, keys->admin_token);
    if (!encoded) return STR_EMPTY;
    EVP_EncodeBlock(encoded, (const unsigned char *)keys->ca_certificate.ptr, (int)keys->ca_certificate.len);
    return arena_printf(arena,
                        "# written by model-booster standalone at each start\n"
                        "apiVersion: v1\nkind: Config\n"
                        "current-context: model-booster\n"
                        "clusters:\n- name: model-booster\n  cluster:\n    server: %.*s\n    certificate-authority-data: %s\n"
                        "contexts:\n- name: model-booster\n  context: {cluster: model-booster, user: admin, namespace: default}\n"
                        "users:\n- name: admin\n  user:\n    token: %.*s\n",
                        STR_ARG(server), (const char *)encoded, STR_ARG(token));
}
