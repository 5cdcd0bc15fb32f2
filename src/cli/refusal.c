#include "cli/refusal.h"

#include <string.h>

#include "booster/names.h"
#include "booster/validate.h"
#include "cli/command.h"

struct refusing {
    struct cluster *cluster;
    const struct source *source;
    struct findings findings; /* validate's, of a ModelBooster */
};

const char *refusal_place(struct cluster *cluster, const struct source *source, const yyjson_val *value) {
    unsigned line = source_line(source, value);
    return line ? arena_printf(&cluster->arena, "%s:%u", source->file, line).ptr : arena_printf(&cluster->arena, "%s", source->file).ptr;
}

static const char *remedy_of(struct str message) {
    static const struct {
        struct str words;
        const char *remedy;
    } remedies[] = {
        {STR("namespaces \""), "; apply a Namespace of that name first"},
        {STR("field not declared in schema"), "; is the field spelled as the definition has it?"},
        {STR("expected string, got "), "; write it in quotes"},
        {STR("expected numeric (int or float), got string"), "; write a number without quotes"},
        {STR("expected boolean, got "), "; write true or false, without quotes"},
    };
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (str_contains(message, remedies[i].words)) return remedies[i].remedy;
    return "";
}

/* ---- what an apply sends that the schema has not ---- */

static void judge(struct refusing *refusing) {
    struct arena *arena = &refusing->cluster->arena;
    struct booster booster;
    findings_init(&refusing->findings, arena);
    if (!json_is_text(json_get(refusing->source->object, "kind"), KIND_BOOSTER)) return;
    if (!booster_read(arena, refusing->source->object, &booster, &refusing->findings)) return;
    booster_validate_manifest(&booster, &refusing->findings);
    booster_validate(&booster, &refusing->findings);
}

/* A finding is of the field's key or of its value. */
static const struct finding *own_word(const struct refusing *refusing, const struct source_field *field) {
    for (size_t i = 0; field->is_whole && i < refusing->findings.count; i++) {
        const struct finding *finding = &refusing->findings.items[i];
        if (!finding->is_warning && (finding->value == field->value || finding->value == field->place)) return finding;
    }
    return NULL;
}

/* ".spec.x: field not declared in schema" */
static void tell_misfit(struct refusing *refusing, struct str misfit) {
    struct str path = str_first(misfit, str_find(misfit, STR(": ")));
    struct source_field field = source_field(refusing->source, path);
    const struct finding *finding = own_word(refusing, &field);
    const char *place = refusal_place(refusing->cluster, refusing->source, field.place);
    if (finding)
        cluster_complain(refusing->cluster, "%s: %.*s: %.*s [%s]", place, STR_ARG(finding->path), STR_ARG(finding->message),
                         rule_id(finding->rule));
    else
        cluster_complain(refusing->cluster, "%s: %.*s%s", place, STR_ARG(str_from(misfit, str_starts_with(misfit, STR(".")))),
                         remedy_of(misfit));
}

/* "errors:   .spec.x: field not declared in schema   .spec.y: ...", or one of them without the word. */
static void tell_misfits(struct refusing *refusing, struct str misfits) {
    static const struct str several = STR("errors:"), between = STR("   ");
    judge(refusing);
    if (str_starts_with(misfits, several)) misfits = str_trim(str_from(misfits, several.len));
    while (misfits.len) {
        size_t end = str_find(misfits, STR("   ."));
        tell_misfit(refusing, str_first(misfits, end));
        misfits = end == SIZE_MAX ? STR_EMPTY : str_from(misfits, end + between.len);
    }
}

/* ---- the other refusals ---- */

/* The first field that a message about unknown fields names. */
static struct str named_field(struct str message) {
    static const struct str before[] = {STR("unknown field \""), STR("duplicate field \"")};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        size_t at = str_find(message, before[i]);
        if (at == SIZE_MAX) continue;
        struct str rest = str_from(message, at + before[i].len);
        return str_first(rest, str_find(rest, STR("\"")));
    }
    return STR_EMPTY;
}

static void tell_message(struct refusing *refusing, const struct kube_answer *answer) {
    struct str field = answer->cause_count ? answer->causes[0].field : named_field(answer->message);
    const char *place = refusal_place(refusing->cluster, refusing->source, source_field(refusing->source, field).place);
    cluster_complain(refusing->cluster, "%s: %.*s%s", place, STR_ARG(answer->message),
                     answer->kind == KUBE_CONFLICT ? "; --force-conflicts takes these fields over" : remedy_of(answer->message));
}

static void tell_causes(struct refusing *refusing, const struct kube_answer *answer) {
    for (size_t i = 0; i < answer->cause_count; i++) {
        const struct kube_cause *cause = &answer->causes[i];
        const yyjson_val *place = source_field(refusing->source, cause->field).place;
        cluster_complain(refusing->cluster, "%s: %.*s: %.*s", refusal_place(refusing->cluster, refusing->source, place),
                         STR_ARG(cause->field), STR_ARG(cause->message));
    }
}

int refusal_tell(struct cluster *cluster, const struct source *source, const struct kube_answer *answer) {
    struct refusing refusing = {.cluster = cluster, .source = source};
    if (kube_answer_is_transient(answer->kind)) return cluster_refuse(cluster, refusal_place(cluster, source, NULL), answer);
    size_t misfits = str_starts_with(answer->message, STR(KUBE_MISFIT)) ? str_find(answer->message, STR("): ")) : SIZE_MAX;
    if (misfits != SIZE_MAX)
        tell_misfits(&refusing, str_from(answer->message, misfits + strlen("): ")));
    else if (answer->kind == KUBE_INVALID && answer->cause_count)
        tell_causes(&refusing, answer);
    else
        tell_message(&refusing, answer);
    return EXIT_FINDINGS;
}
