#include "apiserver/base64.h"

#include <openssl/evp.h>

static char *encode(struct arena *arena, struct str bytes, size_t *out_len) {
    char *text = arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1);
    if (!text || bytes.len > INT32_MAX / 2) return NULL;
    *out_len = (size_t)EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)(bytes.len ? bytes.ptr : ""), (int)bytes.len);
    return text;
}

struct str base64_encode(struct arena *arena, struct str bytes) {
    size_t len = 0;
    char *text = encode(arena, bytes, &len);
    return text ? (struct str){text, len} : STR_EMPTY;
}

struct str base64url_encode(struct arena *arena, struct str bytes) {
    size_t len = 0;
    char *text = encode(arena, bytes, &len);
    if (!text) return STR_EMPTY;
    while (len > 0 && text[len - 1] == '=') len--;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '+') text[i] = '-';
        if (text[i] == '/') text[i] = '_';
    }
    return (struct str){text, len};
}

bool base64url_decode(struct arena *arena, struct str text, struct str *out) {
    size_t padded = (text.len + 3) / 4 * 4;
    char *plain = arena_alloc(arena, padded + 1);
    unsigned char *bytes = arena_alloc(arena, padded / 4 * 3 + 1);
    if (!plain || !bytes || text.len > INT32_MAX / 2 || text.len % 4 == 1) return false;
    for (size_t i = 0; i < padded; i++) {
        char c = i < text.len ? text.ptr[i] : '=';
        if (i < text.len && (c == '+' || c == '/' || c == '=')) return false;
        plain[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    int len = EVP_DecodeBlock(bytes, (const unsigned char *)plain, (int)padded);
    if (len < 0) return false;
    *out = (struct str){(const char *)bytes, (size_t)len - (padded - text.len)};
    return true;
}
