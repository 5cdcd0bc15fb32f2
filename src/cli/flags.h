/*
 * The options of a subcommand as a table. Reading and help both come from it:
 *
 *   bool quiet = false;
 *   const struct flag flags[] = {
 *       FLAG_ROW_SWITCH("quiet", 'q', &quiet, "findings only"),
 *       FLAG_ROW_END,
 *   };
 *
 * As kubectl has them: --name value, --name=value, -n value, -n=value, -nvalue; a switch also as --name=false. A list collects repeats, of
 * any other the last one counts. --help and -h are always there. Words beside flags are taken where the table has a row for them
 * (FLAG_ROW_WORDS), before, between and after flags, and whatever follows "--".
 *
 * A command that has a config takes what the command line does not say from a file and the environment: config.h.
 */
#ifndef MB_CLI_FLAGS_H
#define MB_CLI_FLAGS_H

#include "base/arena.h"
#include "base/error.h"

enum flag_kind {
    FLAG_SWITCH,
    FLAG_TEXT,
    FLAG_LIST,
    FLAG_NUMBER,
    FLAG_CHOICE, /* one of the words in `argument`, a|b|c; stored as its index */
    FLAG_WORDS,  /* no flag at all: collects what is none */
};

struct flag_list {
    const char **items;
    size_t count;
};

struct flag {
    const char *name; /* without dashes */
    char letter;      /* 0: none */
    enum flag_kind kind;
    const char *argument; /* as the help shows it; NULL for a switch */
    const char *help;
    int minimum, maximum; /* of a number */
    bool is_namespace;    /* a text, or each of a list, is a namespace's name */
    bool is_typed_only;   /* from no file and no environment: it is about this one call */
    const char *variable; /* an environment variable that counts where MODEL_BOOSTER_<NAME> does not say; NULL: none */
    union {
        bool *is_on;
        const char **text;
        struct flag_list *list;
        int *number;
        int *choice;
    } out;
};

/* Rows of a table; letter 0: none. */
#define FLAG_ROW_SWITCH(name_, letter_, out_, help_)                                                                                       \
    { .name = name_, .letter = letter_, .kind = FLAG_SWITCH, .out.is_on = out_, .help = help_ }
#define FLAG_ROW_TEXT(name_, letter_, argument_, out_, help_)                                                                              \
    { .name = name_, .letter = letter_, .kind = FLAG_TEXT, .argument = argument_, .out.text = out_, .help = help_ }
#define FLAG_ROW_NAMESPACE(out_, help_)                                                                                                    \
    { .name = "namespace", .letter = 'n', .kind = FLAG_TEXT, .argument = "NAME", .out.text = out_, .help = help_, .is_namespace = true }
/* With a variable of the environment that others know, too. */
#define FLAG_ROW_TEXT_OR(variable_, name_, argument_, out_, help_)                                                                         \
    { .name = name_, .kind = FLAG_TEXT, .argument = argument_, .out.text = out_, .help = help_, .variable = variable_ }
#define FLAG_ROW_LIST(name_, letter_, argument_, out_, help_)                                                                              \
    { .name = name_, .letter = letter_, .kind = FLAG_LIST, .argument = argument_, .out.list = out_, .help = help_ }
#define FLAG_ROW_NUMBER(name_, letter_, least, most, out_, help_)                                                                          \
    {                                                                                                                                      \
        .name = name_, .letter = letter_, .kind = FLAG_NUMBER, .argument = "N", .minimum = least, .maximum = most, .out.number = out_,     \
        .help = help_                                                                                                                      \
    }
#define FLAG_ROW_CHOICE(name_, letter_, words, out_, help_)                                                                                \
    { .name = name_, .letter = letter_, .kind = FLAG_CHOICE, .argument = words, .out.choice = out_, .help = help_ }
#define FLAG_ROW_WORDS(out_)                                                                                                               \
    { .name = "", .kind = FLAG_WORDS, .out.list = out_ }
#define FLAG_ROW_END                                                                                                                       \
    { .name = NULL }

struct usage {
    const char *synopsis; /* "render -f FILE|DIR|- [flags]" */
    const char *description;
    const struct flag *flags; /* ends with FLAG_ROW_END */
    const char *examples;     /* lines */
};

enum flags_result { FLAGS_READ, FLAGS_HELP, FLAGS_WRONG };

/*
 * Lists live in the arena, texts in argv. argv[0] is skipped. `given` (NULL: nobody asks) says of each row whether it was there. On
 * FLAGS_WRONG the error says which flag, and the nearest known one.
 */
enum flags_result flags_read(struct arena *arena, const struct flag *flags, int argc, char **argv, bool *given, struct error *error);
/*
 * Stores one value, checked as on the command line; texts are not copied. `label` is what the error calls it ("--max-in-flight"), `room`
 * how many items a list may need in all.
 */
bool flags_store(struct arena *arena, const struct flag *flag, const char *label, const char *value, size_t room, struct error *error);
size_t flags_count(const struct flag *flags);
/* The flag of this name; NULL and *out_nearest (NULL: none is near) where there is none. */
const struct flag *flags_find(const struct flag *flags, struct str name, const char **out_nearest);
/*
 * flags_read for a command: prints help or the error where that is what it comes to. True when the command is to go on, else *out_status is
 * what it returns.
 */
bool flags_start(struct arena *arena, const struct usage *usage, int argc, char **argv, int *out_status);
struct config;
/* The same for a command that has a config (config.h), which is filled. */
bool flags_start_with(struct arena *arena, const struct usage *usage, struct config *config, int argc, char **argv, int *out_status);

#endif
