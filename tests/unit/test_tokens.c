/* --token-auth-file: kube-apiserver's form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/files.h"
#include "standalone/tokens.h"

static bool read_text(struct arena *arena, const char *text, struct apiserver_token *tokens, size_t *count, struct error *error) {
    char path[] = "/tmp/tokens-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(files_write_all(fd, str_of(text), NULL));
    close(fd);
    *error = (struct error){0};
    bool is_read = tokens_read(arena, path, tokens, count, error);
    unlink(path);
    return is_read;
}

static void good_lines(void **state) {
    (void)state;
    static struct apiserver_token tokens[TOKENS_MAX];
    struct arena arena;
    struct error error;
    size_t count = 1;
    arena_init(&arena, 1024 * 1024);
    assert_true(read_text(&arena, "# users\n\nt1,ann,1\r\nt2, bob ,2,\"a,b\"\nt3,eve,3,one\n\"t,4\",mel,4,\"\"", tokens, &count, &error));
    assert_int_equal(count, 5);
    assert_true(str_is(tokens[1].token, "t1") && str_is(tokens[1].user, "ann") && str_is(tokens[1].uid, "1"));
    assert_int_equal(tokens[1].group_count, 0);
    assert_true(str_is(tokens[2].user, "bob") && str_is(tokens[2].groups[1], "b"));
    assert_int_equal(tokens[2].group_count, 2);
    assert_true(tokens[3].group_count == 1 && str_is(tokens[3].groups[0], "one"));
    assert_true(str_is(tokens[4].token, "t,4") && tokens[4].group_count == 0);
    arena_release(&arena);
}

static void wrong_lines(void **state) {
    (void)state;
    static const char *const cases[] = {"secret", "secret,ann", "secret,,1", ",ann,1", "secret,ann,1,a,b"};
    static struct apiserver_token tokens[TOKENS_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        struct error error;
        size_t count = 0;
        arena_init(&arena, 1024 * 1024);
        assert_false(read_text(&arena, cases[i], tokens, &count, &error));
        assert_non_null(strstr(error.message, ":1: write token,user,uid"));
        assert_null(strstr(error.message, "secret"));
        arena_release(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_lines), cmocka_unit_test(wrong_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
