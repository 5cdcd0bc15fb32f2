#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"

enum { HELP_BYTES = 16 * 1024 };

static int list_commands(void) {
    struct strbuf out = strbuf_with_max(HELP_BYTES);
    strbuf_append(&out, STR("model-booster turns a ModelBooster into everything that serves the model on Kubernetes.\n\nCommands:\n"));
    for (const struct command *command = commands; command->name; command++)
        strbuf_printf(&out, "  %-12s%s\n", command->name, command->summary);
    strbuf_append(&out, STR("\nExamples:\n"
                            "  model-booster validate -f examples/\n"
                            "  model-booster render -f examples/quickstart.yaml\n"
                            "  model-booster help render\n"
                            "\nExit status: 0 clean, 1 findings or a refusal, 2 could not do it.\n"));
    int status = output_finish(&out, EXIT_CLEAN);
    strbuf_release(&out);
    return status;
}

int command_help(int argc, char **argv) {
    char ask[] = "--help";
    if (argc < 2 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) return list_commands();
    const struct command *command = command_find(argv[1]);
    if (!command) return EXIT_UNABLE;
    if (command->run == command_help) return list_commands();
    return command->run(2, (char *[]){argv[1], ask, NULL});
}
