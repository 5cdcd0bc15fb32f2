/*
 * One kind's objects, followed: lists them page by page, then watches from there, for ever. A state machine without I/O and clock;
 * the shell performs its requests and feeds it answers, bytes and the time.
 *
 *            .------------- expired (410), list too old ---------------.
 *            v                                                          |
 *   start -> LIST -- pages --> items handed out --> WATCH <--> disconnected, timed out: again from the last version seen
 *            |  ^
 *            |  '-- back-off (failures), 10 s (definition not installed)
 *            '----> not installed (404), forbidden (403), ...
 *
 * The shell's part, after every input and every timer:
 *
 *   struct listwatch_event event;
 *   while (time is left && listwatch_next_event(&machine, now_ms, &arena, &event)) ... handle it, arena_release ...
 *   when nothing is left:  listwatch_next_action(&machine, now_ms, &arena, &action)   and do what it says
 *
 * Cutting the first loop short is always right (call again from the loop): each call handles one object, so neither a page of 500 nor
 * a burst of events holds up anything else.
 *
 * Rules: the first list of all, and each list anew, carries no resourceVersion, so it is never older than what was seen before. Pages of
 * 500; a page over the body limit is asked for again in halves. A continue token that expired starts the list again. Watches ask for
 * bookmarks and end by themselves after 5-10 min, at random; one that outlives that by 10 s is dead. Failures back off from 800 ms to 30 s
 * with jitter, or by Retry-After and up to half as much again; a list is never begun anew within 5 s of the last.
 *
 * A server that is away is looked for by one machine of many, the scout: while nobody answers it asks about once a second, for some
 * minutes; then, like the others, ever more seldom. When it is through, the owner hurries the others. An answer that says "not now" (429,
 * 5xx) is heeded in full by all.
 *
 * Which objects have vanished is told by mark and sweep: the owner marks each object with event.generation when it is upserted; at
 * LISTWATCH_LIST_END every object with an older mark is gone. Until the first LIST_END, what exists is not known (never "nothing").
 *
 * A server that is restored from a backup counts its versions anew from there. Since a list is never older than what was seen before, one
 * that is, or whose server did not know our version for so long, is of another life of the storage, and its LIST_BEGIN says so: versions of
 * before say nothing about those that follow. The owner tells the other machines, whose versions the new life may reach before they ask.
 */
#ifndef MB_KUBE_LISTWATCH_H
#define MB_KUBE_LISTWATCH_H

#include "kube/answer.h"
#include "kube/backoff.h"
#include "kube/resource.h"

enum listwatch_state {
    LISTWATCH_STARTING,      /* not listed yet */
    LISTWATCH_SYNCED,        /* listed once; stays so through disconnects and relists */
    LISTWATCH_NOT_INSTALLED, /* the server knows no such kind (404); asked again every poll_ms */
    LISTWATCH_FORBIDDEN,     /* may not be listed or watched (403); asked again with back-off */
};

struct listwatch_settings {
    struct kube_resource resource; /* views must outlive the machine */
    struct str namespace;          /* empty: all */
    struct str field_selector;     /* "metadata.name=x"; empty: none */
    int64_t page_limit;            /* 0: 500 */
    int64_t poll_ms;               /* 0: 10 s */
    bool is_scout;
};

enum listwatch_action_kind {
    LISTWATCH_WAIT,  /* nothing to send; call again at until_ms or after an input */
    LISTWATCH_LIST,  /* GET path, with timeout_ms; then listwatch_list_answer */
    LISTWATCH_WATCH, /* GET path as a stream; then listwatch_watch_opened, _watch_bytes and _watch_end */
    LISTWATCH_CLOSE, /* cancel the request or stream, feed nothing of it any more, and call listwatch_next_action again */
};

struct listwatch_action {
    enum listwatch_action_kind kind;
    struct str path; /* in the arena of the call */
    int64_t timeout_ms;
    int64_t until_ms; /* INT64_MAX: only after an input */
};

enum listwatch_event_kind {
    LISTWATCH_LIST_BEGIN, /* objects of a complete list follow, marked `generation` (an earlier, unfinished list is void) */
    LISTWATCH_UPSERT,     /* listed, added or modified */
    LISTWATCH_DELETE,     /* gone; `object` is its last form */
    LISTWATCH_LIST_END,   /* sweep what is not marked `generation`; the state is LISTWATCH_SYNCED from here on */
    LISTWATCH_BOOKMARK,   /* nothing changed up to here */
    LISTWATCH_TROUBLE,    /* the first failure in a row, or another than the last: `trouble` is for the log, the state may have changed */
};

struct listwatch_event {
    enum listwatch_event_kind kind;
    uint64_t generation;               /* of the newest list, >= 1 */
    bool is_another_life;              /* LIST_BEGIN: the server's storage is not the one of before */
    yyjson_val *object;                /* UPSERT, DELETE; in the arena of the call */
    const struct kube_answer *trouble; /* TROUBLE; lives until the next call of any function here */
};

enum listwatch_phase {
    LISTWATCH_PHASE_LIST_DUE,  /* a list (its first or next page) is to be sent at due_ms */
    LISTWATCH_PHASE_LISTING,   /* ... and is under way */
    LISTWATCH_PHASE_PAGE,      /* its answer is being handed out */
    LISTWATCH_PHASE_WATCH_DUE, /* a watch is to be opened at due_ms */
    LISTWATCH_PHASE_WATCHING,  /* and is open, or being opened */
    LISTWATCH_PHASE_DRAINING,  /* has ended; what came before the end is being handed out */
};

/* A cursor over the text of a list, which is never parsed as a whole. */
struct listwatch_page {
    struct strbuf body;
    size_t at;           /* next byte to look at */
    bool in_items;       /* within "items" */
    bool has_items;      /* "items" has come, or is null */
    struct str metadata; /* the text of "metadata", once passed */
};

/* Fields are for reading only: phase, state, generation. The state may change with any call: compare it afterwards. */
struct listwatch {
    struct listwatch_settings settings;
    struct number_random random;
    enum listwatch_phase phase;
    enum listwatch_state state;
    uint64_t generation; /* of the newest list */
    int64_t due_ms;      /* of the DUE phases */

    /* lists */
    int64_t page_limit;           /* of this list; adapted to what fits */
    bool is_list_begun;           /* LIST_BEGIN was handed out for this list */
    bool is_version_doubted;      /* the server has refused `version` as one that it has not come to, again and again */
    bool is_another_life;         /* until a list of it is complete: `version` was of a former life of the server's storage */
    int64_t list_begun_ms;        /* when the last list's first page was sent; INT64_MIN: never */
    struct strbuf continue_token; /* empty: first page */
    unsigned pages;               /* of this list so far */
    struct listwatch_page page;

    /* watches */
    struct strbuf version; /* to resume from: the list's, then of the last event or bookmark */
    struct strbuf lines;   /* bytes of the watch, from line_at on not handed out yet */
    size_t line_at;        /* where the line in progress begins */
    size_t scanned_at;     /* no newline between line_at and here */
    int64_t watch_begun_ms, watch_timeout_s, watch_dead_ms;
    bool is_watch_open;        /* the shell has a stream that CLOSE would cancel */
    bool is_opened;            /* and the server has accepted it */
    bool had_event;            /* on this watch */
    bool wants_close;          /* of the stream, or of a list that is void */
    unsigned version_refusals; /* "too large resource version" in a row */

    /* trouble */
    unsigned failures;   /* in a row, for the back-off */
    unsigned scoutings;  /* of them those after which a scout asked again soon */
    bool is_backing_off; /* due_ms is our own guess, after a failure: not what the server said */
    struct arena answer_arena;
    struct kube_answer answer; /* the last one that was no success; DRAINING: how the watch ended */
    bool is_in_trouble;        /* `reported_kind` was handed out as trouble, and no success since */
    bool is_trouble_new;       /* `answer` is to be handed out */
    enum kube_answer_kind reported_kind;
};

/* `seed`: for jitter only; give every machine another. Nothing is allocated yet. The first action is due at once. */
void listwatch_init(struct listwatch *machine, const struct listwatch_settings *settings, uint64_t seed);
void listwatch_release(struct listwatch *machine);

/* The next thing to hand to the owner, everything in it in `arena`; false when there is none before the next input. */
bool listwatch_next_event(struct listwatch *machine, int64_t now_ms, struct arena *arena, struct listwatch_event *out);
/* What to do now. To be called when listwatch_next_event has returned false. LIST and WATCH are given once each. */
void listwatch_next_action(struct listwatch *machine, int64_t now_ms, struct arena *arena, struct listwatch_action *out);

/* The answer to LIST. `body` (of KUBE_OK) is taken over and emptied; `answer` is copied. */
void listwatch_list_answer(struct listwatch *machine, const struct kube_answer *answer, struct strbuf *body, int64_t now_ms);
/* The stream was accepted (2xx). */
void listwatch_watch_opened(struct listwatch *machine, int64_t now_ms);
/* Bytes of the stream. */
void listwatch_watch_bytes(struct listwatch *machine, struct str bytes, int64_t now_ms);
/* The stream's end. KUBE_OK: in good order; KUBE_LOST: broken off; others: it was refused, or never opened. */
void listwatch_watch_end(struct listwatch *machine, const struct kube_answer *answer, int64_t now_ms);
/* The owner could not take an object, and says why: what there is, is listed anew after a while. A watch is closed. */
void listwatch_refuse(struct listwatch *machine, const char *why, int64_t now_ms);
/* The server's storage is of another life: all that was listed is listed anew. For a machine that has listed nothing, nothing changes. */
void listwatch_begin_life(struct listwatch *machine, int64_t now_ms);
/* What made a request fail may be over (the server is back, the definition is installed): a machine that waits after a failure asks within
 * a quarter of a second. What the server said itself (Retry-After) still holds. */
void listwatch_hurry(struct listwatch *machine, int64_t now_ms);

#endif
