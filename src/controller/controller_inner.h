/*
 * What the parts of a running controller share: controller.c (life and wiring), followers.c (the kinds it follows) and images.c (the image
 * ConfigMap). Nobody else includes this.
 */
#ifndef MB_CONTROLLER_CONTROLLER_INNER_H
#define MB_CONTROLLER_CONTROLLER_INNER_H

#include "controller/connect.h"
#include "controller/controller.h"
#include "controller/definitions.h"
#include "controller/events.h"
#include "controller/reconciler.h"
#include "controller/telemetry.h"
#include "controller/watcher.h"

/* One kind followed in one scope. */
struct follower {
    struct controller *controller;
    struct scope *scope;
    enum child_kind kind;        /* CHILD_KIND_COUNT: ModelBoosters */
    enum listwatch_state state;  /* as last seen */
    enum listwatch_state before; /* where that is LISTWATCH_FORBIDDEN: what it was before ... */
    int64_t patient_until_ms;    /* ... which stands until then; 0: no longer */
    bool is_asked_anew;          /* its next answer ends the patience */
    uint32_t life;               /* the controller's that its records are of */
    bool is_life_begun;          /* its first list in this life is under way */
    bool is_short;               /* an object was left out, since there is no room for it */
    struct watcher watcher;
};

/* One namespace, or all. */
struct scope {
    struct str namespace;
    struct follower boosters;
    struct follower children[CHILD_KIND_COUNT];
};

struct controller {
    const struct controller_options *options;
    struct log log;
    struct events *events;
    struct arena arena; /* lives as long as the controller */
    struct loop *loop;
    struct connection *connection;
    controller_stopped_fn *stopped; /* NULL: it has been called */
    void *owner;
    struct telemetry telemetry;
    struct endpoints *endpoints; /* NULL: nobody asked for them */
    struct store store;
    struct reconciler reconciler;
    struct elector elector; /* where options->leader_election is */
    struct number_random random;
    struct definitions definitions;
    struct scope *scopes;
    size_t scope_count;
    struct follower config; /* the image ConfigMap */
    struct strbuf downloader_image, runtime_image;
    struct strbuf dropped_fields; /* as last told */
    bool has_config_watch, are_definitions_known, are_definitions_in_trouble;
    bool is_config_listed; /* by the list under way */
    bool are_children_followed, is_in_step;
    uint32_t life;       /* of the server's storage: counts how often it was set back */
    int64_t patience_ms; /* when that with something forbidden is over next; 0: nothing is */
    struct loop_timer *resync, *stop_limit, *forbidden, *trim;
    struct loop_deferred *begin; /* where there are no credentials to wait for */
};

/* followers.c */

/* The follower of a kind in a scope; KIND_AXIS_BOOSTER: that of ModelBoosters, as in the name of the kind. */
struct follower *follower_of(struct scope *scope, size_t kind);
const char *follower_kind_name(size_t kind); /* "ModelServing" */
/* Follows by `settings`; nothing is sent yet. `follower` has its controller, scope and kind. False when memory is out. */
bool follower_init(struct follower *follower, const struct listwatch_settings *settings, watcher_event_fn *on_told, size_t telemetry_kind);
/* The machine's state, but for one that is forbidden for a moment: then what it was before. */
enum listwatch_state follower_state(const struct follower *follower);
/* The end of an event: the machine's state may be another. */
void follower_take_state(struct follower *follower);
/* At a LIST_BEGIN: what it tells of the others, if anything. */
void follower_begin_list(struct follower *follower, const struct listwatch_event *event);
/* One follower for each kind in each namespace; nothing is sent yet. False when memory is out. */
bool followers_init(struct controller *controller);
void followers_release(struct controller *controller);
/* Lists and watches ModelBoosters; the children follow by followers_go_on. */
void followers_start(struct controller *controller);
/* Children are judged as they arrive, so ModelBoosters, images and definitions come first: to be called when one of these is known. */
void followers_go_on(struct controller *controller);
/* Begins work when every kind is known and this process leads: to be called when it does. */
void followers_begin_work(struct controller *controller);
/* A list or watch in trouble, in the log, with what a person can do about it. */
void follower_tell_trouble(const struct follower *follower, const char *kind, const struct kube_answer *trouble);

/* images.c */

/* The follower of the ConfigMap; images by flag alone need none. False when memory is out. */
bool images_init(struct controller *controller);
void images_release(struct controller *controller);
void images_start(struct controller *controller);
/* The ConfigMap is listed, or known not to be readable, or needs no list. */
bool images_are_known(const struct controller *controller);

/* controller.c */

/* Alone, or elected. */
bool controller_is_leading(const struct controller *controller);

/* Puts `value` in `text`; true when it was another. */
bool replace_text(struct strbuf *text, struct str value);

#endif
