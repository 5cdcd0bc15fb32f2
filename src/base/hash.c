#include "base/hash.h"

#include <inttypes.h>
#include <openssl/evp.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash_xxh3(struct str bytes) {
    return XXH3_64bits(bytes.len ? bytes.ptr : "", bytes.len);
}

uint64_t hash_with(uint64_t hash, struct str bytes) {
    return hash * 31 + hash_xxh3(bytes);
}

struct str hash_hex(struct arena *arena, uint64_t hash) {
    return arena_printf(arena, "%016" PRIx64, hash);
}

struct str hash_md5_hex(struct arena *arena, struct str bytes) {
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!EVP_Digest(bytes.ptr, bytes.len, digest, &length, EVP_md5(), NULL)) {
        arena->exhausted = true;
        return STR_EMPTY;
    }
    char *hex = arena_alloc(arena, (size_t)length * 2 + 1);
    if (!hex) return STR_EMPTY;
    for (unsigned i = 0; i < length; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    return (struct str){hex, (size_t)length * 2};
}
