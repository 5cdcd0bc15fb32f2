/*
 * What the command line does not say, from elsewhere: for each flag of a command's table, in this order of strength,
 *
 *   1. the flag                  --max-in-flight 8
 *   2. the file of --config      max-in-flight: 8                        YAML, a map with the flags' names
 *   3. the environment           MODEL_BOOSTER_MAX_IN_FLIGHT=8           lists: a,b
 *   4. what the command has set before
 *
 * A value is of one source whole: lists are not joined. A file's names and types are held to: an unknown key is an error, with its line
 * and the nearest name. Environment variables that are empty do not count, and those of no flag are somebody else's: Kubernetes sets
 * MODEL_BOOSTER_SERVICE_HOST and its like where there is a Service of our name.
 */
#ifndef MB_CLI_CONFIG_H
#define MB_CLI_CONFIG_H

#include "base/strbuf.h"
#include "cli/flags.h"
#include "data/json.h"

enum config_source { CONFIG_DEFAULT, CONFIG_FLAG, CONFIG_FILE, CONFIG_ENVIRONMENT };

struct config_origin {
    enum config_source source;
    unsigned line;        /* of the file */
    const char *variable; /* of the environment */
};

struct config {
    const char *file;              /* of --config; NULL: none */
    struct config_origin *origins; /* one a row of the table */
};

/* The row that names the file. */
#define FLAG_ROW_CONFIG(config_)                                                                                                           \
    FLAG_ROW_TEXT("config", 0, "FILE", &(config_)->file,                                                                                   \
                  "YAML with the names of these flags; weaker than flags, stronger than the environment")

/*
 * Sets what `given` says was not on the command line, and notes where each value is from. Texts live in the arena. False and `error`,
 * which names source and place: "/etc/x.yaml:7: max-in-flight is 0; write ...", "environment MODEL_BOOSTER_LOG_LEVEL is ...".
 */
bool config_complete(struct arena *arena, const struct flag *flags, const bool *given, struct config *config, struct error *error);
/* Every value with where it is from, as YAML that --config takes. */
void config_print(struct strbuf *out, const struct flag *flags, const struct config *config);
/* The same as a JSON object: {"log-level": {"value": "debug", "from": "flag"}, ...}. */
yyjson_mut_val *config_json(struct arena *arena, yyjson_mut_doc *doc, const struct flag *flags, const struct config *config);
/*
 * Variables of the environment that name no flag, and nearly do. *at counts through them, 0 at first. False at their end, else the
 * variable and the one that may be meant.
 */
bool config_next_slip(struct arena *arena, const struct flag *flags, size_t *at, struct str *out_variable, struct str *out_meant);
/*
 * A setting as a message names it, by where its value is from: "--listen", "/etc/x.yaml:7: listen", "environment MODEL_BOOSTER_LISTEN". Of
 * what is no setting, the name alone.
 */
struct str config_label(struct arena *arena, const struct flag *flags, const struct config *config, const char *name);
/* Why a command cannot go on, as a line on standard error; an error's path may be a setting. Returns EXIT_UNABLE. */
int config_complain(const char *command, const struct flag *flags, const struct config *config, const struct error *error);
/* The paragraph on this for a command's help. */
struct str config_help(void);

#endif
