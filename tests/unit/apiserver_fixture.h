/* For a test program that gives each of its tests an embedded API server: `rig`, its fixture, and a comparison of texts. Included once, after cmocka.h. */
#ifndef MB_TESTS_APISERVER_FIXTURE_H
#define MB_TESTS_APISERVER_FIXTURE_H

#include "apiserver_rig.h"

static struct rig *rig;

static int set_up(void **state) {
    (void)state;
    rig = rig_new(NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    rig_free(rig);
    return 0;
}

static void assert_text(struct str found, const char *wanted) {
    if (!str_is(found, wanted)) fail_msg("found    %.*s\nexpected %s", STR_ARG(found), wanted);
}

#endif
