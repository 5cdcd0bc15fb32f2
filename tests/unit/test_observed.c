#include <stdio.h>
#include <string.h>

#include "booster/observed.h"
#include "read_json.h"

#define REFERENCE(name, uid, more)                                                                                                         \
    "{'apiVersion':'workload.serving.volcano.sh/v1alpha1','kind':'ModelBooster','name':'" name "','uid':'" uid "'" more "}"
#define FULL       ",'controller':true,'blockOwnerDeletion':true"
#define DEPLOYMENT "{'apiVersion':'apps/v1','kind':'Deployment','name':'d','uid':'u-9','controller':true}"
#define LABELS                                                                                                                             \
    "'labels':{'workload.serving.volcano.sh/managed-by':'workload.serving.volcano.sh','workload.serving.volcano.sh/model-name':'m'}"

static struct observed observe(struct arena *arena, enum child_kind kind, const char *text) {
    struct observed out;
    assert_true(observed_read(arena, kind, read_quoted(arena, text), &out));
    return out;
}

#define META(more) "{'metadata':{'name':'m-a','namespace':'ns','uid':'u-5','resourceVersion':'7','generation':3" more "}}"

static const struct relation_case {
    const char *name, *object;
    enum owner_relation relation;
    bool is_controlled;
} relations[] = {
    {"ours", META(",'ownerReferences':[" REFERENCE("m", "u-1", FULL) "]"), OWNER_OURS, true},
    {"ours, without controller (Kthena's)", META(",'ownerReferences':[" REFERENCE("m", "u-1", "") "]"), OWNER_OURS, false},
    {"ours, without blockOwnerDeletion", META(",'ownerReferences':[" REFERENCE("m", "u-1", ",'controller':true") "]"), OWNER_OURS, false},
    {"ours, with one more owner",
     META(",'ownerReferences':[{'apiVersion':'v1','kind':'ConfigMap','name':'c','uid':'u-8'}," REFERENCE("m", "u-1", FULL) "]"), OWNER_OURS,
     true},
    {"ours, controlled by another", META(",'ownerReferences':[" DEPLOYMENT "," REFERENCE("m", "u-1", "") "]"), OWNER_FOREIGN, false},
    {"a former ModelBooster's", META(",'ownerReferences':[" REFERENCE("m", "u-0", FULL) "]"), OWNER_FORMER, true},
    {"another ModelBooster's", META(",'ownerReferences':[" REFERENCE("n", "u-2", FULL) "]"), OWNER_FOREIGN, true},
    {"a ModelBooster of another group",
     META(",'ownerReferences':[{'apiVersion':'other/v1','kind':'ModelBooster','name':'m','uid':'u-1','controller':true}]"), OWNER_FOREIGN,
     false},
    {"an orphan with our labels", META("," LABELS), OWNER_ORPHAN, false},
    {"an orphan of another model",
     META(
         ",'labels':{'workload.serving.volcano.sh/managed-by':'workload.serving.volcano.sh','workload.serving.volcano.sh/model-name':'n'}"),
     OWNER_FOREIGN, false},
    {"not managed by us", META(",'labels':{'workload.serving.volcano.sh/model-name':'m'}"), OWNER_FOREIGN, false},
    {"our labels, but another owner", META("," LABELS ",'ownerReferences':[" DEPLOYMENT "]"), OWNER_FOREIGN, false},
    {"our labels, but another owner that does not control",
     META("," LABELS ",'ownerReferences':[{'apiVersion':'v1','kind':'ConfigMap','name':'c','uid':'u-8'}]"), OWNER_FOREIGN, false},
    {"nobody's", META(""), OWNER_FOREIGN, false},
};

static void relations_to_owners(void **state) {
    (void)state;
    struct booster booster = {.name = STR("m"), .uid = STR("u-1")};
    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        struct observed observed = observe(&arena, CHILD_SERVER, relations[i].object);
        if (observed_relation(&observed, &booster) != relations[i].relation)
            fail_msg("%s: relation %d", relations[i].name, observed_relation(&observed, &booster));
        if (observed.is_controlled_by_owner != relations[i].is_controlled)
            fail_msg("%s: controlled %d", relations[i].name, observed.is_controlled_by_owner);
        arena_release(&arena);
    }
}

static void where_our_reference_stands(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct observed observed =
        observe(&arena, CHILD_SERVER,
                META(",'ownerReferences':[{'apiVersion':'v1','kind':'ConfigMap','name':'c','uid':'u-8'}," REFERENCE("m", "u-1", "") "]"));
    assert_int_equal(observed.owner_index, 1);
    assert_true(observed.has_owners);
    arena_release(&arena);
}

static void of_foreign_objects_only_the_name_is_kept(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct observed observed =
        observe(&arena, CHILD_SERVING,
                "{'metadata':{'name':'m-a','namespace':'ns','uid':'u-5','resourceVersion':'7','managedFields':[{'manager':'x','time':'2026-"
                "01-01T00:00:00Z'}]},'spec':{'replicas':4},'status':{'availableReplicas':4}}");
    assert_true(str_is(observed.name, "m-a") && str_is(observed.uid, "u-5") && str_is(observed.resource_version, "7"));
    assert_int_equal(observed.replicas, -1);
    assert_int_equal(observed.available_replicas, 0);
    assert_int_equal(observed.other_manager.len, 0);
    arena_release(&arena);
}

static void what_is_no_object_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"{}", "{'metadata':{'name':'m-a'}}", "{'metadata':{'uid':'u-1'}}",
                                        "{'metadata':{'name':5,'uid':'u-1'}}", "[]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct arena arena;
        struct observed out;
        arena_init(&arena, 1 << 20);
        if (observed_read(&arena, CHILD_SERVER, read_quoted(&arena, texts[i]), &out)) fail_msg("%s was read", texts[i]);
        arena_release(&arena);
    }
}

#define SERVING(metadata, rest)                                                                                                            \
    "{'metadata':{'name':'m-a','uid':'u-5','resourceVersion':'7','generation':3,'ownerReferences':[" REFERENCE(                            \
        "m", "u-1", FULL) "]" metadata "}" rest "}"

static const struct availability_case {
    const char *name, *object;
    enum availability available;
    int64_t generation; /* of the word */
} availabilities[] = {
    {"no status", SERVING("", ""), AVAILABILITY_UNKNOWN, 3},
    {"no condition", SERVING("", ",'status':{'observedGeneration':2}"), AVAILABILITY_UNKNOWN, 2},
    {"true, taken as current", SERVING("", ",'status':{'conditions':[{'type':'Available','status':'True'}]}"), AVAILABILITY_TRUE, 3},
    {"true, for the status's generation",
     SERVING("", ",'status':{'observedGeneration':2,'conditions':[{'type':'Available','status':'True'}]}"), AVAILABILITY_TRUE, 2},
    {"true, for the condition's generation",
     SERVING("", ",'status':{'observedGeneration':3,'conditions':[{'type':'Available','status':'True','observedGeneration':1}]}"),
     AVAILABILITY_TRUE, 1},
    {"false among others",
     SERVING("", ",'status':{'conditions':[{'type':'Progressing','status':'True'},{'type':'Available','status':'False','reason':'R','"
                 "message':'M'}]}"),
     AVAILABILITY_FALSE, 3},
    {"unknown", SERVING("", ",'status':{'conditions':[{'type':'Available','status':'Unknown'}]}"), AVAILABILITY_UNKNOWN, 3},
};

static void a_servings_own_word(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof availabilities / sizeof *availabilities; i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        struct observed observed = observe(&arena, CHILD_SERVING, availabilities[i].object);
        if (observed.available != availabilities[i].available) fail_msg("%s: %d", availabilities[i].name, observed.available);
        if (observed.available_generation != availabilities[i].generation)
            fail_msg("%s: for %d", availabilities[i].name, (int)observed.available_generation);
        arena_release(&arena);
    }
}

static void annotations_of_a_serving(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct observed observed =
        observe(&arena, CHILD_SERVING,
                SERVING(",'annotations':{'" ANNOTATION_RENDERED "':'{\\'generator\\':\\'2\\',\\'downloader\\':\\'d\\',\\'runtime\\':\\'r\\'"
                        ",\\'input\\':\\'00000000000000ff\\'}','" ANNOTATION_REPLICAS_BEFORE_SUSPEND "':'4'},'labels':{'" LABEL_REVISION
                        "':'00000000000000aa'}",
                        ",'spec':{'replicas':0,'template':{'gangPolicy':{'minRoleReplicas':{'leader':1}}}}"));
    assert_true(observed.has_rendered && observed.rendered_input == 255);
    assert_true(str_is(observed.rendered_generator, "2") && str_is(observed.rendered_images.downloader, "d") &&
                str_is(observed.rendered_images.runtime, "r"));
    assert_true(observed.has_replicas_before && observed.replicas_before == 4);
    assert_int_equal(observed.revision, 0xaa);
    assert_int_equal(observed.replicas, 0);
    assert_true(str_is(observed.gang_policy, "{\"minRoleReplicas\":{\"leader\":1}}"));
    assert_true(observed.has_labels && observed.has_annotations);
    static const char *const unread[] = {
        SERVING(",'annotations':{'" ANNOTATION_RENDERED "':'nonsense','" ANNOTATION_REPLICAS_BEFORE_SUSPEND
                "':'-1'},'labels':{'" LABEL_REVISION "':'6b5d4c3f'}",
                ",'spec':{}"),
        SERVING(",'annotations':{'" ANNOTATION_RENDERED "':'{}','" ANNOTATION_REPLICAS_BEFORE_SUSPEND "':'x'},'labels':{'" LABEL_REVISION
                "':'GGGGGGGGGGGGGGGG'}",
                ",'spec':{'template':{'gangPolicy':null}}"),
    };
    for (int i = 0; i < 2; i++) {
        observed = observe(&arena, CHILD_SERVING, unread[i]);
        assert_false(observed.has_rendered);
        assert_false(observed.has_replicas_before);
        assert_int_equal(observed.revision, 0);
        assert_int_equal(observed.replicas, -1);
        assert_int_equal(observed.gang_policy.len, 0);
    }
    arena_release(&arena);
}

static const struct manager_case {
    const char *name, *fields, *manager;
} managers[] = {
    {"none", "[]", ""},
    {"only us", "[{'manager':'model-booster','time':'2026-01-01T00:00:00Z'}]", ""},
    {"the newest of others",
     "[{'manager':'old','time':'2026-01-01T00:00:00Z'},{'manager':'new','time':'2026-01-03T00:00:00Z'},{'manager':'older','time':'2026-01-"
     "02T00:00:00Z'}]",
     "new"},
    {"not us, though newer",
     "[{'manager':'kubectl','time':'2026-01-01T00:00:00Z'},{'manager':'model-booster','time':'2026-01-02T00:00:00Z'}]", "kubectl"},
    {"not who wrote the status",
     "[{'manager':'kubectl','time':'2026-01-01T00:00:00Z'},{'manager':'kthena','time':'2026-01-02T00:00:00Z','subresource':'status'}]",
     "kubectl"},
    {"who scales", "[{'manager':'hpa','time':'2026-01-02T00:00:00Z','subresource':'scale'}]", "hpa"},
};

static void the_other_manager(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof managers / sizeof *managers; i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        struct str text = arena_printf(&arena, SERVING(",'managedFields':%s", ""), managers[i].fields);
        struct observed observed = observe(&arena, CHILD_SERVER, text.ptr);
        if (!str_is(observed.other_manager, managers[i].manager)) fail_msg("%s: %.*s", managers[i].name, STR_ARG(observed.other_manager));
        arena_release(&arena);
    }
}

/* ---- verdict and history ---- */

static struct child desire(struct arena *arena, const char *spec, uint64_t revision) {
    struct str text =
        arena_printf(arena, "{'metadata':{'labels':{'" LABEL_REVISION "':'%016llx'}},'spec':%s}", (unsigned long long)revision, spec);
    struct child child = {.kind = CHILD_SERVING, .name = STR("m-a"), .object = read_quoted(arena, text.ptr), .revision = revision};
    json_int64(json_path(child.object, "spec", "replicas", NULL), &child.replicas);
    return child;
}

struct life {
    struct arena arena;
    struct observed now;
    bool exists;
    int64_t generation;
    int64_t now_ms;
};

/* The serving is seen with this spec, label and uid; `desired` is what is wanted of it. */
static void see_as(struct life *life, const char *uid, const struct child *desired, const char *spec, uint64_t revision,
                   bool is_own_write) {
    life->generation++;
    struct str text =
        arena_printf(&life->arena,
                     "{'metadata':{'name':'m-a','uid':'%s','resourceVersion':'%lld','generation':%lld,'ownerReferences':[" REFERENCE(
                         "m", "u-1", FULL) "],"
                                           "'labels':{'" LABEL_REVISION "':'%016llx'}},'spec':%s,'status':{'observedGeneration':1}}",
                     uid, (long long)life->generation, (long long)life->generation, (unsigned long long)revision, spec);
    const yyjson_val *live = read_quoted(&life->arena, text.ptr);
    struct observed next;
    assert_true(observed_read(&life->arena, CHILD_SERVING, live, &next));
    struct observed *older = arena_alloc(&life->arena, sizeof *older);
    *older = life->now;
    observed_inherit(life->exists ? older : NULL, &next);
    observed_judge(&life->arena, desired, live, is_own_write, &next);
    observed_compare_history(life->exists ? older : NULL, life->now_ms, is_own_write, &next);
    life->now = next;
    life->exists = true;
}

static void see(struct life *life, const struct child *desired, const char *spec, bool is_own_write) {
    see_as(life, "u-5", desired, spec, desired->revision, is_own_write);
}

static void begin(struct life *life) {
    *life = (struct life){.now_ms = 1000000};
    arena_init(&life->arena, 1 << 22);
}

static void what_the_server_makes_of_our_write_is_accepted(void **state) {
    (void)state;
    struct life life;
    begin(&life);
    struct child desired = desire(&life.arena, "{'replicas':1,'a':1,'b':1}", 7),
                 other = desire(&life.arena, "{'replicas':1,'a':2,'b':1}", 8);
    see(&life, &desired, "{'replicas':1,'a':1}", false);
    assert_int_equal(life.now.verdict, VERDICT_DIFFERS);
    assert_true(str_is(life.now.difference, "spec.b"));
    assert_int_equal(life.now.unkept_replicas, -1); /* 0 would be a number */
    see(&life, &desired, "{'replicas':1,'a':1}", true);
    assert_int_equal(life.now.verdict, VERDICT_MATCHES);
    assert_true(str_is(life.now.difference, "spec.b"));
    see(&life, &desired, "{'replicas':1,'a':1,'more':1}", false);
    assert_int_equal(life.now.verdict, VERDICT_MATCHES);
    see(&life, &desired, "{'replicas':1,'a':5}", false);
    assert_int_equal(life.now.verdict, VERDICT_DIFFERS);
    see(&life, &other, "{'replicas':1,'a':1}", false);
    assert_int_equal(life.now.verdict, VERDICT_DIFFERS);
    assert_true(life.now.verdict_revision == 8);
    arena_release(&life.arena);
}

static void replicas_that_are_not_kept_are_accepted(void **state) {
    (void)state;
    struct life life;
    begin(&life);
    struct child desired = desire(&life.arena, "{'replicas':5}", 7);
    see(&life, &desired, "{'replicas':2}", true);
    assert_int_equal(life.now.verdict, VERDICT_MATCHES);
    assert_int_equal(life.now.unkept_replicas, 5);
    see(&life, &desired, "{'replicas':2}", false);
    assert_int_equal(life.now.verdict, VERDICT_MATCHES);
    see(&life, &desired, "{'replicas':5}", true);
    assert_int_equal(life.now.unkept_replicas, -1);
    see(&life, &desired, "{'replicas':2}", false);
    assert_int_equal(life.now.verdict, VERDICT_DIFFERS);
    assert_true(str_is(life.now.difference, "spec.replicas"));
    arena_release(&life.arena);
}

static void rewrites_by_others_are_counted_for_ten_minutes(void **state) {
    (void)state;
    struct life life;
    begin(&life);
    struct child desired = desire(&life.arena, "{'replicas':1,'a':1}", 7);
    see(&life, &desired, "{'replicas':1,'a':1}", true);
    for (int i = 1; i <= OBSERVED_REWRITES; i++) {
        life.now_ms += 60 * 1000;
        see(&life, &desired, "{'replicas':1,'a':2}", false);
        assert_int_equal(observed_rewrite_count(&life.now, life.now_ms), i);
        see(&life, &desired, "{'replicas':1,'a':3}", false); /* once more before our repair: the same rewrite */
        assert_int_equal(observed_rewrite_count(&life.now, life.now_ms), i);
        see(&life, &desired, "{'replicas':1,'a':1}", true);
        assert_int_equal(observed_rewrite_count(&life.now, life.now_ms), i);
    }
    int64_t first_ms = life.now.rewrites_ms[OBSERVED_REWRITES - 1];
    assert_int_equal(observed_rewrite_count(&life.now, first_ms + REWRITE_WINDOW_MS - 1), OBSERVED_REWRITES);
    assert_int_equal(observed_rewrite_count(&life.now, first_ms + REWRITE_WINDOW_MS), OBSERVED_REWRITES - 1);
    /* A clock that was put back: they are not counted until it has caught up, which may take hours. */
    assert_int_equal(observed_rewrite_count(&life.now, first_ms - 1), 0);
    see_as(&life, "u-6", &desired, "{'replicas':1,'a':1}", 7, false);
    assert_int_equal(observed_rewrite_count(&life.now, life.now_ms), 0);
    arena_release(&life.arena);
}

static void an_edit_of_ours_is_no_rewrite(void **state) {
    (void)state;
    struct life life;
    begin(&life);
    struct child first = desire(&life.arena, "{'replicas':1,'a':1}", 7), second = desire(&life.arena, "{'replicas':1,'a':2}", 8);
    see(&life, &first, "{'replicas':1,'a':1}", true);
    see_as(&life, "u-5", &second, "{'replicas':1,'a':1}", 7, false); /* the ModelBooster has changed in between */
    assert_int_equal(life.now.verdict, VERDICT_DIFFERS);
    assert_int_equal(observed_rewrite_count(&life.now, life.now_ms), 0);
    see(&life, &second, "{'replicas':1,'a':2}", true);
    assert_int_equal(observed_rewrite_count(&life.now, life.now_ms), 0);
    arena_release(&life.arena);
}

static void other_replicas_of_the_same_revision_are_no_rewrite(void **state) {
    (void)state;
    struct life life;
    begin(&life);
    struct child running = desire(&life.arena, "{'replicas':1,'a':1}", 7), suspended = desire(&life.arena, "{'replicas':0,'a':1}", 7);
    see(&life, &running, "{'replicas':1,'a':1}", true);
    life.generation--; /* its status has moved, and its spec has not */
    see(&life, &suspended, "{'replicas':1,'a':1}", false);
    assert_int_equal(life.now.verdict, VERDICT_DIFFERS);
    assert_int_equal(observed_rewrite_count(&life.now, life.now_ms), 0);
    see(&life, &suspended, "{'replicas':0,'a':1}", true);
    assert_false(life.now.is_rewritten);
    see(&life, &suspended, "{'replicas':3,'a':1}", false);
    assert_int_equal(observed_rewrite_count(&life.now, life.now_ms), 1);
    assert_true(life.now.is_rewritten);
    see(&life, &suspended, "{'replicas':0,'a':1}", true);
    assert_false(life.now.is_rewritten);
    arena_release(&life.arena);
}

static void a_stripped_label_is_a_rewrite(void **state) {
    (void)state;
    struct life life;
    begin(&life);
    struct child desired = desire(&life.arena, "{'replicas':1,'a':1}", 7);
    see(&life, &desired, "{'replicas':1,'a':1}", true);
    see_as(&life, "u-5", &desired, "{'replicas':1,'a':1}", 0, false);
    assert_int_equal(life.now.verdict, VERDICT_DIFFERS);
    assert_int_equal(observed_rewrite_count(&life.now, life.now_ms), 1);
    arena_release(&life.arena);
}

static void since_when_only_replicas_moved(void **state) {
    (void)state;
    struct life life;
    begin(&life);
    struct child desired = desire(&life.arena, "{'replicas':1,'a':1}", 7), edited = desire(&life.arena, "{'replicas':1,'a':2}", 8);
    see(&life, &desired, "{'replicas':1,'a':1}", true);
    assert_int_equal(life.now.content_generation, 1); /* it has observed that */
    see(&life, &desired, "{'replicas':2,'a':1}", false);
    assert_int_equal(life.now.content_generation, 1);
    see(&life, &desired, "{'replicas':3,'a':1}", false);
    assert_int_equal(life.now.content_generation, 1);
    see(&life, &edited, "{'replicas':3,'a':2}", true);
    assert_int_equal(life.now.content_generation, 4);
    struct life late;
    begin(&late);
    late.generation = 5;
    see(&late, &desired, "{'replicas':1,'a':1}", false);
    assert_int_equal(late.now.content_generation, 0); /* first seen with a change that it has not observed: which, nobody knows */
    arena_release(&life.arena);
    arena_release(&late.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relations_to_owners),
        cmocka_unit_test(where_our_reference_stands),
        cmocka_unit_test(of_foreign_objects_only_the_name_is_kept),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(a_servings_own_word),
        cmocka_unit_test(annotations_of_a_serving),
        cmocka_unit_test(the_other_manager),
        cmocka_unit_test(what_the_server_makes_of_our_write_is_accepted),
        cmocka_unit_test(replicas_that_are_not_kept_are_accepted),
        cmocka_unit_test(rewrites_by_others_are_counted_for_ten_minutes),
        cmocka_unit_test(an_edit_of_ours_is_no_rewrite),
        cmocka_unit_test(other_replicas_of_the_same_revision_are_no_rewrite),
        cmocka_unit_test(a_stripped_label_is_a_rewrite),
        cmocka_unit_test(since_when_only_replicas_moved),
    };
    return cmocka_run_group_tests_name("observed", tests, NULL, NULL);
}
