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
    {.name = name_, .letter = letter_, .kind = FLAG_SWITCH, .out.is_on = out_, .help = help_}
#define FLAG_ROW_TEXT(name_, letter_, argument_, out_, help_)                                                                              \
    {.name = name_, .letter = letter_, .kind = FLAG_TEXT, .argument = argument_, .out.text = out_, .help = help_}
#define FLAG_ROW_LIST(name_, letter_, argument_, out_, help_)                                                                              \
    {.name = name_, .letter = letter_, .kind = FLAG_LIST, .argument = argument_, .out.list = out_, .help = help_}
#define FLAG_ROW_NUMBER(name_, letter_, least, most, out_, help_)                                                                          \
    {.name = name_,                                                                                                                        \
     .letter = letter_,                                                                                                                    \
     .kind = FLAG_NUMBER,                                                                                                                  \
     .argument = "N",                                                                                                                      \
     .minimum = least,                                                                                                                     \
     .maximum = most,                                                                                                                      \
     .out.number = out_,                                                                                                                   \
     .help = help_}
#define FLAG_ROW_CHOICE(name_, letter_, words, out_, help_)                                                                                \
    {.name = name_, .letter = letter_, .kind = FLAG_CHOICE, .argument = words, .out.choice = out_, .help = help_}
#define FLAG_ROW_WORDS(out_) {.name = "", .kind = FLAG_WORDS, .out.list = out_}
#define FLAG_ROW_END         {.name = NULL}

struct usage {
    const char *synopsis; /* "render -f FILE|DIR|- [flags]" */
    const char *description;
    const struct flag *flags; /* ends with FLAG_ROW_END */
    const char *examples;     /* lines */
};

enum flags_result { FLAGS_READ, FLAGS_HELP, FLAGS_WRONG };

/* Lists live in the arena, texts in argv. argv[0] is skipped. On FLAGS_WRONG the error says which flag, and the nearest known one. */
enum flags_result flags_read(struct arena *arena, const struct flag *flags, int argc, char **argv, struct error *error);
/*
 * flags_read for a command: prints help or the error where that is what it comes to. True when the command is to go on, else *out_status is
 * what it returns.
 */
bool flags_start(struct arena *arena, const struct usage *usage, int argc, char **argv, int *out_status);
/* True when each is a namespace's name; else says on standard error which of them is none. */
bool flags_are_namespaces(const char *command, const char *const *names, size_t count);

#endif
