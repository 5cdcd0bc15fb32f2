#include "apiserver/list_token.h"

#include "apiserver/base64.h"

struct str list_token_write(struct arena *arena, const struct list_token *token) {
    struct str start = token->namespace.len ? arena_join(arena, token->namespace, STR("/"), token->name) : token->name;
    struct strbuf json = strbuf_with_max(LIMIT_BODY_BYTES);
    strbuf_printf(&json, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%lld,\"start\":", (long long)token->revision);
    json_write_text(&json, start);
    strbuf_append_char(&json, '}');
    struct str text = json.failed ? STR_EMPTY : base64url_encode(arena, strbuf_view(&json));
    strbuf_release(&json);
    return text;
}

bool list_token_read(struct arena *arena, struct str text, struct list_token *out, struct refusal *refusal) {
    struct str bytes;
    struct error error;
    yyjson_val *json = base64url_decode(arena, text, &bytes) ? json_parse(arena, bytes, &error) : NULL;
    int64_t revision;
    struct str start = json_text(json_get(json, "start"));
    if (!json || !json_int64(json_get(json, "rv"), &revision)) return refuse_bad_request(arena, refusal, "continue key is not valid");
    if (!json_is_text(json_get(json, "v"), "meta.k8s.io/v1"))
        return refuse_bad_request(arena, refusal, "continue key is not valid: server does not recognize this encoded version %.*s",
                                  STR_ARG(json_text(json_get(json, "v"))));
    if (revision == 0)
        return refuse_bad_request(arena, refusal,
                                  "continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
    if (!start.len)
        return refuse_bad_request(arena, refusal, "continue key is not valid: encoded start key empty (version meta.k8s.io/v1)");
    size_t slash = str_find(start, STR("/"));
    *out = (struct list_token){.revision = revision,
                               .namespace = slash == SIZE_MAX ? STR_EMPTY : str_first(start, slash),
                               .name = slash == SIZE_MAX ? start : str_from(start, slash + 1)};
    return true;
}
