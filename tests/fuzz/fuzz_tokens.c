/* A file of tokens: each has all that it needs, and no error shows any of the file: it holds secrets. */
#include <unistd.h>

#include "harness.h"
#include "standalone/tokens.h"

FUZZ_TARGET(tokens) {
    static struct apiserver_token tokens[TOKENS_MAX];
    char path[FUZZ_PATH_BYTES];
    struct error error = {0};
    size_t count = 0;
    int fd = fuzz_file(input, path);
    bool is_read = tokens_read(arena, path, tokens, &count, &error);
    close(fd);
    fuzz_expect(count <= TOKENS_MAX, "%zu tokens", count);
    for (size_t i = 0; i < count; i++) {
        fuzz_expect(tokens[i].token.len && tokens[i].user.len && tokens[i].uid.len, "a token without a user");
        fuzz_expect(tokens[i].group_count <= TOKEN_GROUPS_MAX, "%zu groups", tokens[i].group_count);
    }
    if (is_read) return;
    fuzz_expect_error(&error);
    size_t secret = str_find(input, STR("#!"));
    if (secret != SIZE_MAX)
        fuzz_expect(!str_contains(str_of(error.message), str_first(str_from(input, secret), 8)), "a secret in %s", error.message);
}
