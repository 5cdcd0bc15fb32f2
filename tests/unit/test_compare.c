#include <stdio.h>
#include <string.h>

#include "booster/compare.h"
#include "read_json.h"

static const struct comparison_case {
    const char *name;
    const char *desired, *live;
    const char *path; /* of the first difference; NULL: the desired is there */
} cases[] = {
    {"equal", "{'spec':{'a':1,'b':[{'c':'x'}]}}", "{'spec':{'a':1,'b':[{'c':'x'}]}}", NULL},
    {"order of keys", "{'spec':{'a':1,'b':2}}", "{'spec':{'b':2,'a':1}}", NULL},
    {"the server adds defaults", "{'spec':{'a':{'b':1}}}", "{'spec':{'a':{'b':1,'c':2},'d':3}}", NULL},
    {"defaults in list items", "{'spec':{'a':[{'b':1}]}}", "{'spec':{'a':[{'b':1,'protocol':'TCP'}]}}", NULL},
    {"another value", "{'spec':{'a':{'b':1}}}", "{'spec':{'a':{'b':2}}}", "spec.a.b"},
    {"a missing value", "{'spec':{'a':{'b':1}}}", "{'spec':{'a':{}}}", "spec.a.b"},
    {"a missing map", "{'spec':{'a':{'b':1}}}", "{'spec':{}}", "spec.a.b"},
    {"what goes with suspended replicas", "{'metadata':{'annotations':{'" ANNOTATION_REPLICAS_BEFORE_SUSPEND "':'3'}},'spec':{}}",
     "{'spec':{}}", NULL},
    {"no spec at all", "{'spec':{'a':{'b':1}}}", "{}", "spec.a.b"},
    {"a scalar for a map", "{'spec':{'a':{'b':1}}}", "{'spec':{'a':1}}", "spec.a"},
    {"a map for a scalar", "{'spec':{'a':1}}", "{'spec':{'a':{'b':1}}}", "spec.a"},
    {"a list for a map", "{'spec':{'a':{'b':1}}}", "{'spec':{'a':[1]}}", "spec.a"},

    {"a variable without a value", "{'spec':{'env':[{'name':'A','value':''}]}}", "{'spec':{'env':[{'name':'A'}]}}", NULL},
    {"a false that Go leaves out", "{'spec':{'hostNetwork':false}}", "{'spec':{}}", NULL},
    {"a zero that Go leaves out", "{'spec':{'livenessProbe':{'initialDelaySeconds':0}}}", "{'spec':{'livenessProbe':{'periodSeconds':1}}}",
     NULL},
    {"a true that is gone", "{'spec':{'hostNetwork':true}}", "{'spec':{}}", "spec.hostNetwork"},
    {"another than what Go leaves out", "{'spec':{'hostNetwork':false}}", "{'spec':{'hostNetwork':true}}", "spec.hostNetwork"},
    {"a pointer's false", "{'spec':{'automountServiceAccountToken':false}}", "{'spec':{}}", "spec.automountServiceAccountToken"},
    {"a label without a value", "{'spec':{'nodeSelector':{'key':''}}}", "{'spec':{'nodeSelector':{}}}", "spec.nodeSelector.key"},
    {"overhead spelled otherwise", "{'spec':{'overhead':{'cpu':'0.5'}}}", "{'spec':{'overhead':{'cpu':'500m'}}}", NULL},

    {"empty map and absent", "{'spec':{'a':{}}}", "{'spec':{}}", NULL},
    {"empty list and null", "{'spec':{'a':[]}}", "{'spec':{'a':null}}", NULL},
    {"null and empty map", "{'spec':{'a':null}}", "{'spec':{'a':{}}}", NULL},
    {"null asks for nothing", "{'spec':{'a':null}}", "{'spec':{'a':'defaulted'}}", NULL},
    {"empty map asks for nothing", "{'spec':{'a':{}}}", "{'spec':{'a':{'b':1}}}", NULL},
    {"maps of empty things and absent", "{'spec':{'a':{'b':{'c':[]}}}}", "{'spec':{}}", NULL},
    {"empty list is no list of one", "{'spec':{'a':[]}}", "{'spec':{'a':[1]}}", "spec.a"},
    {"empty text is a value", "{'spec':{'a':''}}", "{'spec':{}}", "spec.a"},
    {"false is a value", "{'spec':{'a':false}}", "{'spec':{}}", "spec.a"},
    {"zero is a value", "{'spec':{'a':0}}", "{'spec':{}}", "spec.a"},

    {"a longer list", "{'spec':{'a':[1]}}", "{'spec':{'a':[1,2]}}", "spec.a"},
    {"a shorter list", "{'spec':{'a':[1,2]}}", "{'spec':{'a':[1]}}", "spec.a"},
    {"order of items", "{'spec':{'a':[1,2]}}", "{'spec':{'a':[2,1]}}", "spec.a[0]"},
    {"deep in lists", "{'spec':{'a':[{'b':[{'c':1}]}]}}", "{'spec':{'a':[{'b':[{'c':2}]}]}}", "spec.a[0].b[0].c"},

    {"numbers by value", "{'spec':{'a':1}}", "{'spec':{'a':1.0}}", NULL},
    {"large numbers exactly", "{'spec':{'a':9007199254740993}}", "{'spec':{'a':9007199254740992}}", "spec.a"},
    {"a number is no text", "{'spec':{'a':1}}", "{'spec':{'a':'1'}}", "spec.a"},
    {"true is no text", "{'spec':{'a':true}}", "{'spec':{'a':'true'}}", "spec.a"},

    {"quantity of limits", "{'spec':{'limits':{'cpu':'2000m'}}}", "{'spec':{'limits':{'cpu':'2'}}}", NULL},
    {"quantity as number", "{'spec':{'requests':{'nvidia.com/gpu':1}}}", "{'spec':{'requests':{'nvidia.com/gpu':'1'}}}", NULL},
    {"quantity of another family", "{'spec':{'limits':{'memory':'1Gi'}}}", "{'spec':{'limits':{'memory':'1024Mi'}}}", NULL},
    {"another quantity", "{'spec':{'limits':{'memory':'1Gi'}}}", "{'spec':{'limits':{'memory':'1G'}}}", "spec.limits.memory"},
    {"sizeLimit", "{'spec':{'emptyDir':{'sizeLimit':'0.5Gi'}}}", "{'spec':{'emptyDir':{'sizeLimit':'512Mi'}}}", NULL},
    {"targetValue", "{'spec':{'metrics':[{'targetValue':10}]}}", "{'spec':{'metrics':[{'targetValue':'10'}]}}", NULL},
    {"divisor", "{'spec':{'resourceFieldRef':{'divisor':0}}}", "{'spec':{'resourceFieldRef':{'divisor':'0'}}}", NULL},
    {"no quantity: a plain text", "{'spec':{'value':'1Gi'}}", "{'spec':{'value':'1024Mi'}}", "spec.value"},
    {"no quantity: nonsense", "{'spec':{'limits':{'cpu':'x'}}}", "{'spec':{'limits':{'cpu':'y'}}}", "spec.limits.cpu"},

    {"duration", "{'spec':{'period':'60s'}}", "{'spec':{'period':'1m0s'}}", NULL},
    {"another duration", "{'spec':{'period':'61s'}}", "{'spec':{'period':'1m0s'}}", "spec.period"},
    {"stabilizationWindow", "{'spec':{'scaleUp':{'stabilizationWindow':'0'}}}", "{'spec':{'scaleUp':{'stabilizationWindow':'0s'}}}", NULL},
    {"panicModeHold", "{'spec':{'panicModeHold':'90s'}}", "{'spec':{'panicModeHold':'1m30s'}}", NULL},
    {"retryInterval", "{'spec':{'retry':{'retryInterval':'100ms'}}}", "{'spec':{'retry':{'retryInterval':'0.1s'}}}", NULL},

    {"int or string: a probe's port", "{'spec':{'httpGet':{'port':8000}}}", "{'spec':{'httpGet':{'port':'8000'}}}", NULL},
    {"int or string: another port", "{'spec':{'httpGet':{'port':8000}}}", "{'spec':{'httpGet':{'port':'http'}}}", "spec.httpGet.port"},
    {"a plain port is a number", "{'spec':{'workloadPort':{'port':8000}}}", "{'spec':{'workloadPort':{'port':'8000'}}}",
     "spec.workloadPort.port"},

    {"labels of others", "{'metadata':{'labels':{'a':'1'}}}", "{'metadata':{'labels':{'a':'1','b':'2'}}}", NULL},
    {"our label changed", "{'metadata':{'labels':{'a':'1'}}}", "{'metadata':{'labels':{'a':'2'}}}", "metadata.labels.a"},
    {"our annotation gone", "{'metadata':{'annotations':{'a':'1'}}}", "{'metadata':{}}", "metadata.annotations.a"},
    {"finalizers are of others", "{'metadata':{'name':'x'}}", "{'metadata':{'name':'x','finalizers':['f']}}", NULL},
    {"status is not looked at", "{'spec':{},'status':{'a':1}}", "{'spec':{}}", NULL},
};

static void desired_is_a_subset_by_value(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        struct str path;
        bool is_there =
            compare_child(&arena, CHILD_SERVER, read_quoted(&arena, cases[i].desired), read_quoted(&arena, cases[i].live), &path);
        if (is_there != (cases[i].path == NULL))
            fail_msg("%s: %s at %.*s", cases[i].name, is_there ? "no difference" : "a difference", STR_ARG(path));
        if (!str_is(path, cases[i].path ? cases[i].path : "")) fail_msg("%s: %.*s, not %s", cases[i].name, STR_ARG(path), cases[i].path);
        arena_release(&arena);
    }
}

/* And what differs from the desired form projects differently from it. */
static void a_form_is_a_subset_of_itself(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        struct str path;
        const yyjson_val *desired = read_quoted(&arena, cases[i].desired), *live = read_quoted(&arena, cases[i].live);
        if (!compare_child(&arena, CHILD_SERVER, desired, desired, &path)) fail_msg("%s: not a subset of itself", cases[i].name);
        uint64_t own = compare_projection(CHILD_SERVER, desired, desired), other = compare_projection(CHILD_SERVER, desired, live);
        assert_true(own != 0 && other != 0);
        if (cases[i].path && own == other) fail_msg("%s: a difference projects alike", cases[i].name);
        arena_release(&arena);
    }
}

static const struct projection_case {
    const char *name;
    const char *desired, *live, *other;
    bool is_same;
} projections[] = {
    {"what nobody asked for", "{'spec':{'a':{'b':1}}}", "{'spec':{'a':{'b':2}}}", "{'spec':{'a':{'b':2,'c':3},'d':4}}", true},
    {"the same dropped field", "{'spec':{'a':{'b':1,'c':1}}}", "{'spec':{'a':{'b':1}}}", "{'spec':{'a':{'b':1},'x':1}}", true},
    {"dropped and changed", "{'spec':{'a':{'b':1,'c':1}}}", "{'spec':{'a':{'b':1}}}", "{'spec':{'a':{'b':1,'c':2}}}", false},
    {"another change", "{'spec':{'a':1}}", "{'spec':{'a':2}}", "{'spec':{'a':3}}", false},
    {"values that change places", "{'spec':{'a':1,'b':1}}", "{'spec':{'a':2,'b':3}}", "{'spec':{'a':3,'b':2}}", false},
    {"items that change places", "{'spec':{'a':[0,0]}}", "{'spec':{'a':[1,2]}}", "{'spec':{'a':[2,1]}}", false},
    {"lists of another length", "{'spec':{'a':[0]}}", "{'spec':{'a':[1,2]}}", "{'spec':{'a':[1,2,3]}}", false},
    {"our label", "{'metadata':{'labels':{'a':'1'}}}", "{'metadata':{'labels':{'a':'2'}}}", "{'metadata':{'labels':{'a':'3'}}}", false},
    {"absent, null and empty", "{'spec':{'a':{'b':1}}}", "{'spec':{'a':{}}}", "{'spec':{'a':null}}", true},
    {"a label of others", "{'metadata':{'labels':{'a':'1'}}}", "{'metadata':{'labels':{'a':'1'}}}",
     "{'metadata':{'labels':{'a':'1','b':'2'}}}", true},
};

static void projections_see_what_is_asked_for_and_no_more(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof projections / sizeof *projections; i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        const yyjson_val *desired = read_quoted(&arena, projections[i].desired);
        uint64_t a = compare_projection(CHILD_SERVER, desired, read_quoted(&arena, projections[i].live));
        uint64_t b = compare_projection(CHILD_SERVER, desired, read_quoted(&arena, projections[i].other));
        if ((a == b) != projections[i].is_same) fail_msg("%s: projected %s", projections[i].name, a == b ? "alike" : "differently");
        arena_release(&arena);
    }
}

/* An autoscaler's word: reconcile looks at it itself. */
static void replicas_of_a_serving_are_left_out(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct str path;
    const yyjson_val *desired = read_quoted(&arena, "{'spec':{'replicas':1,'template':{'roles':[{'replicas':1}]}}}");
    const yyjson_val *scaled = read_quoted(&arena, "{'spec':{'replicas':3,'template':{'roles':[{'replicas':1}]}}}");
    const yyjson_val *role = read_quoted(&arena, "{'spec':{'replicas':1,'template':{'roles':[{'replicas':3}]}}}");
    assert_true(compare_child(&arena, CHILD_SERVING, desired, scaled, &path));
    assert_false(compare_child(&arena, CHILD_SERVING, desired, role, &path));
    assert_true(str_is(path, "spec.template.roles[0].replicas"));
    assert_false(compare_child(&arena, CHILD_SERVER, desired, scaled, &path));
    assert_true(compare_spec_projection(CHILD_SERVING, desired, desired) == compare_spec_projection(CHILD_SERVING, desired, scaled));
    assert_true(compare_spec_projection(CHILD_SERVING, desired, desired) != compare_spec_projection(CHILD_SERVING, desired, role));
    arena_release(&arena);
}

static void depth_is_bounded(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    yyjson_mut_doc *doc = json_builder(&arena);
    yyjson_mut_val *inner = yyjson_mut_int(doc, 1);
    for (int i = 0; i < 2 * LIMIT_DOCUMENT_DEPTH; i++) {
        yyjson_mut_val *outer = yyjson_mut_obj(doc);
        yyjson_mut_obj_add_val(doc, outer, "a", inner);
        inner = outer;
    }
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_val(doc, object, "spec", inner);
    const yyjson_val *deep = json_freeze(&arena, object);
    struct str path;
    assert_non_null(deep);
    assert_false(compare_child(&arena, CHILD_SERVER, deep, deep, &path));
    assert_true(compare_projection(CHILD_SERVER, deep, deep) != 0);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(desired_is_a_subset_by_value),
        cmocka_unit_test(a_form_is_a_subset_of_itself),
        cmocka_unit_test(projections_see_what_is_asked_for_and_no_more),
        cmocka_unit_test(replicas_of_a_serving_are_left_out),
        cmocka_unit_test(depth_is_bounded),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
