#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/entropy.h"
#include "io/files.h"

static struct arena arena;
static struct error error;
static char folder[] = "/tmp/mb-files-XXXXXX";

static int set_up(void **state) {
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    arena_init(&arena, 16 << 20);
    error = (struct error){0};
    return mkdtemp(folder) ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    arena_release(&arena);
    return system(command);
}

static const char *path_of(const char *name) {
    return arena_printf(&arena, "%s/%s", folder, name).ptr;
}

static void expect_error(enum error_kind kind, const char *message) {
    if (error.kind != kind || !strstr(error.message, message)) fail_msg("%s: %s", error_kind_name(error.kind), error.message);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    struct str got;
    static char big[200000];
    memset(big, 'x', sizeof big);
    const struct str contents[] = {STR(""), STR("a\n"), STR("a\0b"), {big, sizeof big}};
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        assert_true(files_write(path_of("f"), contents[i], i % 2, &error));
        assert_true(files_read(&arena, path_of("f"), sizeof big, &got, &error));
        assert_true(str_equal(got, contents[i]));
        assert_int_equal(got.ptr[got.len], 0);
        struct stat status;
        assert_int_equal(stat(path_of("f"), &status), 0);
        assert_int_equal(status.st_mode & 0077, i % 2 ? 0 : 0044);
    }
}

static void unreadable_files_say_why(void **state) {
    (void)state;
    struct str got = STR("untouched");
    assert_false(files_read(&arena, path_of("none"), 10, &got, &error));
    expect_error(ERROR_NOT_FOUND, "cannot open it: No such file or directory");
    assert_non_null(strstr(error.message, folder));
    assert_false(files_read(&arena, folder, 10, &got, &error));
    expect_error(ERROR_IO, "is a folder");
    assert_true(files_write(path_of("f"), STR("12345678901"), false, &error));
    assert_false(files_read(&arena, path_of("f"), 10, &got, &error));
    expect_error(ERROR_LIMIT, "longer than 10 bytes");
    assert_true(str_is(got, "untouched"));
    assert_true(files_read(&arena, path_of("f"), 11, &got, &error));
}

static void endless_files_are_bounded(void **state) {
    (void)state;
    struct str got;
    assert_false(files_read(&arena, "/dev/zero", 1000000, &got, &error));
    expect_error(ERROR_LIMIT, "longer than 1000000 bytes");
}

static void standard_input_is_a_dash(void **state) {
    (void)state;
    struct str got;
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(files_write_all(ends[1], STR("from a pipe"), &error));
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    assert_true(files_read(&arena, "-", 100, &got, &error));
    assert_true(str_is(got, "from a pipe"));
    dup2(saved, STDIN_FILENO);
    close(ends[0]), close(saved);
}

static void manifests_of_a_folder_are_listed_in_order(void **state) {
    (void)state;
    static const char *const names[] = {"b.yaml", "a.yml", "c.json", "README.md", ".hidden.yaml", "B.yaml", "yaml", "d.yaml.bak"};
    struct str *paths;
    size_t count;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) assert_true(files_write(path_of(names[i]), STR("x"), false, &error));
    assert_int_equal(mkdir(path_of("sub.yaml"), 0700), 0);
    assert_true(files_is_folder(folder) && !files_is_folder(path_of("b.yaml")) && !files_is_folder(path_of("none")));
    assert_true(files_list_manifests(&arena, folder, &paths, &count, &error));
    assert_int_equal(count, 4);
    static const char *const wanted[] = {"B.yaml", "a.yml", "b.yaml", "c.json"};
    for (size_t i = 0; i < count; i++) assert_string_equal(paths[i].ptr, path_of(wanted[i]));
    assert_false(files_list_manifests(&arena, path_of("none"), &paths, &count, &error));
    expect_error(ERROR_NOT_FOUND, "cannot list it");
}

static void a_failed_write_leaves_the_old_content(void **state) {
    (void)state;
    struct str got;
    struct str *paths;
    size_t count;
    assert_true(files_write(path_of("f.yaml"), STR("old"), false, &error));
    assert_int_equal(mkdir(path_of("d"), 0700), 0);
    assert_false(files_write(path_of("d"), STR("new"), false, &error)); /* a folder cannot be replaced */
    expect_error(ERROR_IO, "cannot replace it");
    assert_false(files_write(path_of("none/f"), STR("new"), false, &error));
    expect_error(ERROR_NOT_FOUND, "cannot write beside it");
    assert_true(files_read(&arena, path_of("f.yaml"), 10, &got, &error) && str_is(got, "old"));
    assert_true(files_list_manifests(&arena, folder, &paths, &count, &error));
    assert_int_equal(count, 1);
}

static void the_folder_of_a_path_is_absolute(void **state) {
    (void)state;
    struct str got;
    char here[4096], below[4096 + 4];
    assert_int_equal(mkdir(path_of("sub"), 0700), 0);
    assert_true(files_write(path_of("sub/f"), STR("x"), false, &error));
    assert_int_equal(symlink(path_of("sub/f"), path_of("link")), 0);
    assert_true(files_folder_of(&arena, path_of("link"), &got, &error) && str_is(got, folder)); /* not the folder of what it points to */
    assert_true(files_folder_of(&arena, "/dev", &got, &error) && str_is(got, "/"));
    assert_true(files_folder_of(&arena, "//dev//null", &got, &error) && str_is(got, "//dev"));
    assert_false(files_folder_of(&arena, path_of("none"), &got, &error));
    expect_error(ERROR_NOT_FOUND, "cannot find it");
    assert_int_equal(chdir(folder), 0);
    assert_non_null(getcwd(here, sizeof here));
    snprintf(below, sizeof below, "%s/sub", here);
    assert_true(files_folder_of(&arena, "link", &got, &error) && str_is(got, here));
    assert_true(files_folder_of(&arena, "sub/f", &got, &error) && str_is(got, below));
    assert_int_equal(chdir("/"), 0);
}

static void seeds_differ(void **state) {
    (void)state;
    uint64_t first, second;
    assert_true(entropy_seed(&first, &error) && entropy_seed(&second, &error));
    assert_true(first != second);
}

int main(void) {
#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    umask(022);
    const struct CMUnitTest tests[] = {
        CASE(what_is_written_is_read),
        CASE(unreadable_files_say_why),
        CASE(endless_files_are_bounded),
        CASE(standard_input_is_a_dash),
        CASE(manifests_of_a_folder_are_listed_in_order),
        CASE(a_failed_write_leaves_the_old_content),
        CASE(the_folder_of_a_path_is_absolute),
        CASE(seeds_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
