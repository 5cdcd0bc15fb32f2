#include "apiserver/identity.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "apiserver/base64.h"

#define JWT_HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static bool sign(const struct apiserver *server, struct str text, unsigned char out[EVP_MAX_MD_SIZE], unsigned *out_len) {
    return HMAC(EVP_sha256(), server->signing_key.ptr, (int)server->signing_key.len, (const unsigned char *)text.ptr, text.len, out,
                out_len);
}

struct str identity_make_token(struct apiserver *server, struct arena *arena, struct str namespace, struct str name, struct str uid,
                               const yyjson_mut_val *audiences, int64_t issued_s, int64_t expires_s) {
    struct strbuf claims = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_append(&claims, STR("{\"aud\":"));
    if (mut_is_empty(audiences))
        strbuf_append(&claims, STR("[\"" IDENTITY_ISSUER "\"]"));
    else
        mut_write(arena, &claims, audiences);
    struct str id = server_uuid(server, arena);
    strbuf_printf(&claims, ",\"exp\":%lld,\"iat\":%lld,\"nbf\":%lld,\"iss\":\"" IDENTITY_ISSUER "\",\"jti\":\"%.*s\"", (long long)expires_s,
                  (long long)issued_s, (long long)issued_s, STR_ARG(id));
    strbuf_printf(&claims, ",\"kubernetes.io\":{\"namespace\":\"%.*s\",\"serviceaccount\":{\"name\":\"%.*s\",\"uid\":\"%.*s\"}}",
                  STR_ARG(namespace), STR_ARG(name), STR_ARG(uid));
    strbuf_printf(&claims, ",\"sub\":\"system:serviceaccount:%.*s:%.*s\"}", STR_ARG(namespace), STR_ARG(name));
    struct str signed_part =
        arena_join(arena, base64url_encode(arena, STR(JWT_HEADER)), STR("."), base64url_encode(arena, strbuf_view(&claims)));
    bool is_whole = !claims.failed;
    strbuf_release(&claims);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    if (!is_whole || arena->exhausted || !sign(server, signed_part, mac, &mac_len)) return STR_EMPTY;
    return arena_join(arena, signed_part, STR("."), base64url_encode(arena, (struct str){(const char *)mac, mac_len}));
}

/* The claims of a token that this server signed; NULL: it did not. */
static yyjson_val *verified_claims(struct apiserver *server, struct arena *arena, struct str token) {
    size_t first = str_find(token, STR("."));
    if (first == SIZE_MAX || !server->signing_key.len) return NULL;
    size_t second = str_find(str_from(token, first + 1), STR("."));
    if (second == SIZE_MAX) return NULL;
    second += first + 1;
    struct str header, claims, signature;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    struct error error;
    if (!base64url_decode(arena, str_first(token, first), &header) || !str_equal(header, STR(JWT_HEADER)) ||
        !base64url_decode(arena, str_from(token, second + 1), &signature) || !sign(server, str_first(token, second), mac, &mac_len) ||
        signature.len != mac_len || CRYPTO_memcmp(signature.ptr, mac, mac_len) != 0 ||
        !base64url_decode(arena, (struct str){token.ptr + first + 1, second - first - 1}, &claims))
        return NULL;
    return json_parse(arena, claims, &error);
}

static bool is_for(const yyjson_val *claims, struct str audience) {
    yyjson_val *list = json_get(claims, "aud"), *item;
    size_t index, max;
    yyjson_arr_foreach(list, index, max, item) {
        if (str_equal(json_text(item), audience)) return true;
    }
    return false;
}

static bool is_service_account_token(struct apiserver *server, struct arena *arena, struct str token, struct str audience,
                                     struct user *out) {
    yyjson_val *claims = verified_claims(server, arena, token), *kubernetes = json_get(claims, "kubernetes.io");
    int64_t expires_s = 0, now_s = loop_wall_ms(server->loop) / 1000;
    if (!claims || !json_int64(json_get(claims, "exp"), &expires_s) || expires_s <= now_s || !is_for(claims, audience)) return false;
    struct str namespace = json_text(json_get(kubernetes, "namespace")),
               name = json_text(json_path(kubernetes, "serviceaccount", "name", NULL));
    struct str uid = json_text(json_path(kubernetes, "serviceaccount", "uid", NULL));
    struct collection *accounts = objects_collection(server->objects, STR("/serviceaccounts"));
    struct object *account = accounts ? objects_find(accounts, namespace, name) : NULL;
    if (!account || account->is_deleting || !str_equal(account->uid, uid)) return false;
    struct str *groups = arena_array(arena, 3, sizeof *groups);
    if (!groups) return false;
    groups[0] = STR("system:serviceaccounts");
    groups[1] = arena_join(arena, STR("system:serviceaccounts:"), namespace, STR_EMPTY);
    groups[2] = STR("system:authenticated");
    *out = (struct user){.name = arena_copy(arena, json_text(json_get(claims, "sub"))),
                         .uid = arena_copy(arena, uid),
                         .groups = groups,
                         .group_count = 3,
                         .credential_id = json_text(json_get(claims, "jti"))};
    return !arena->exhausted;
}

bool identity_of_token(struct apiserver *server, struct arena *arena, struct str token, struct str audience, struct user *out) {
    const struct server_token *found = NULL;
    for (size_t i = 0; i < server->token_count; i++) {
        struct str known = server->tokens[i].token;
        if (known.len && known.len == token.len && CRYPTO_memcmp(known.ptr, token.ptr, token.len) == 0) found = &server->tokens[i];
    }
    if (!found) return is_service_account_token(server, arena, token, audience, out);
    if (!str_is(audience, IDENTITY_ISSUER)) return false;
    *out = found->user;
    return true;
}

static bool refuse_unknown(struct request *request) {
    return refuse_plain(&request->arena, &request->refusal, 401, "Unauthorized", "Unauthorized");
}

static bool identity_of_certificate(struct request *request) {
    const struct exchange *exchange = request->exchange;
    struct str *groups = arena_array(&request->arena, exchange->certificate_group_count + 1, sizeof *groups);
    if (!groups) return refuse_unknown(request);
    for (size_t i = 0; i < exchange->certificate_group_count; i++) groups[i] = exchange->certificate_groups[i];
    groups[exchange->certificate_group_count] = STR("system:authenticated");
    request->user =
        (struct user){.name = exchange->certificate_name, .groups = groups, .group_count = exchange->certificate_group_count + 1};
    return true;
}

bool identity_of_request(struct request *request) {
    static const struct str masters[] = {{"system:masters", 14}, {"system:authenticated", 20}};
    const struct exchange *exchange = request->exchange;
    struct str header = exchange_header(exchange, "Authorization"), scheme = STR("Bearer ");
    if (header.len > scheme.len && str_equal_ignoring_case(str_first(header, scheme.len), scheme)) {
        if (identity_of_token(request->server, &request->arena, str_trim(str_from(header, scheme.len)), STR(IDENTITY_ISSUER),
                              &request->user))
            return true;
        return refuse_unknown(request);
    }
    if (exchange->certificate_name.len) return identity_of_certificate(request);
    if (!exchange->is_local) return refuse_unknown(request);
    request->user = (struct user){.name = STR("system:admin"), .groups = masters, .group_count = 2};
    return true;
}
