#include "cli/command.h"
#include "cli/definitions.h"
#include "cli/flags.h"
#include "cli/output.h"

enum { CRDS_BYTES = 16 * 1024 * 1024 };

int command_crds(int argc, char **argv) {
    struct arena arena;
    arena_init(&arena, CRDS_BYTES);
    const struct flag flags[] = {FLAG_ROW_END};
    const struct usage usage = {"crds",
                                "Prints our definitions of ModelBooster and its children, for clusters that have none.\n"
                                "They are those of deploy/crds; beside Kthena keep Kthena's.",
                                flags, "  model-booster crds | kubectl apply --server-side -f -\n"};
    int status;
    if (flags_start(&arena, &usage, argc, argv, &status)) {
        struct strbuf out = strbuf_with_max(CRDS_BYTES);
        for (size_t i = 0; i < embedded_definitions_count; i++) {
            if (!str_starts_with(embedded_definitions[i], STR("---"))) strbuf_append(&out, STR("---\n"));
            strbuf_append(&out, embedded_definitions[i]);
        }
        status = output_finish(&out, EXIT_CLEAN);
        strbuf_release(&out);
    }
    arena_release(&arena);
    return status;
}
