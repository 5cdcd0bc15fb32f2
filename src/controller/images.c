#include "controller/controller_inner.h"

bool replace_text(struct strbuf *text, struct str value) {
    if (str_equal(strbuf_view(text), value)) return false;
    strbuf_set(text, value);
    return true;
}

static void set_images(struct controller *controller, const yyjson_val *config_map) {
    const struct controller_options *options = controller->options;
    struct str downloader = settings_image(options->downloader_image, config_map, CONFIG_KEY_DOWNLOADER, DEFAULT_DOWNLOADER_IMAGE);
    struct str runtime = settings_image(options->runtime_image, config_map, CONFIG_KEY_RUNTIME, DEFAULT_RUNTIME_IMAGE);
    bool is_changed = replace_text(&controller->downloader_image, downloader);
    is_changed |= replace_text(&controller->runtime_image, runtime);
    struct images *images = &controller->reconciler.settings.machine.generate.images;
    *images = (struct images){strbuf_view(&controller->downloader_image), strbuf_view(&controller->runtime_image)};
    if (!is_changed) return;
    log_write(&controller->log, LOG_INFO, "images", LOG_FIELDS({"downloader", downloader}, {"runtime", runtime}));
    reconciler_enqueue_all(&controller->reconciler);
}

bool images_are_known(const struct controller *controller) {
    return !controller->has_config_watch || follower_state(&controller->config) != LISTWATCH_STARTING;
}

static void on_config_event(void *context, const struct listwatch_event *event) {
    struct follower *follower = context;
    struct controller *controller = follower->controller;
    switch (event->kind) {
    case LISTWATCH_LIST_BEGIN:
        follower_begin_list(follower, event);
        controller->is_config_listed = false;
        break;
    case LISTWATCH_UPSERT:
        controller->is_config_listed = true;
        set_images(controller, event->object);
        break;
    case LISTWATCH_LIST_END:
        /* It may have gone while nobody was watching. */
        if (!controller->is_config_listed) set_images(controller, NULL);
        break;
    case LISTWATCH_DELETE: set_images(controller, NULL); break;
    case LISTWATCH_TROUBLE: follower_tell_trouble(follower, "ConfigMap", event->trouble); break;
    case LISTWATCH_BOOKMARK: break;
    }
    follower_take_state(follower);
}

bool images_init(struct controller *controller) {
    controller->has_config_watch = !controller->options->downloader_image || !controller->options->runtime_image;
    controller->downloader_image = controller->runtime_image = strbuf_with_max(LIMIT_ERROR_MESSAGE_BYTES * 4);
    struct listwatch_settings settings = {
        .resource = {.group = STR_EMPTY, .version = STR("v1"), .plural = STR("configmaps"), .kind = STR("ConfigMap")},
        .namespace = controller->connection->namespace,
        .field_selector = STR("metadata.name=" CONFIG_MAP_NAME),
    };
    controller->config = (struct follower){.controller = controller};
    return follower_init(&controller->config, &settings, on_config_event, KIND_AXIS_CONFIG);
}

void images_release(struct controller *controller) {
    watcher_release(&controller->config.watcher);
    strbuf_release(&controller->downloader_image);
    strbuf_release(&controller->runtime_image);
}

void images_start(struct controller *controller) {
    set_images(controller, NULL);
    if (controller->has_config_watch)
        watcher_start(&controller->config.watcher);
    else
        followers_go_on(controller);
}
