#include "booster/generate/parts.h"

#include "base/hash.h"
#include "booster/uri.h"

/* Is `path` that folder, or inside it? */
static bool is_within(struct str path, struct str folder) {
    return str_starts_with(path, folder) && (path.len == folder.len || path.ptr[folder.len] == '/');
}

/*
 * A claim is mounted at /<claim>, and Kthena's downloader reads pvc://claim/path as /claim/path. Where the cache is in the way (another
 * folder of the same claim), the claim goes to /<volume> and the downloader is told so; to /<volume>-claim where the cache is there, too.
 */
static void plan_claim(struct arena *arena, const struct storage *storage, struct str volume, struct source *source) {
    if (!str_is(uri_scheme(source->uri), "pvc")) return;
    source->claim = uri_claim(source->uri);
    source->volume = volume;
    source->claim_path = arena_join(arena, STR("/"), source->claim, STR_EMPTY);
    if (!is_within(storage->mount_path, source->claim_path)) return;
    struct str path = str_from(uri_absolute_path(arena, uri_rest(source->uri)), source->claim_path.len);
    source->claim_path = arena_join(arena, STR("/"), volume, STR_EMPTY);
    if (is_within(storage->mount_path, source->claim_path))
        source->claim_path = arena_join(arena, source->claim_path, STR("-claim"), STR_EMPTY);
    source->fetch_uri = arena_join(arena, STR("pvc://"), source->claim_path, path);
}

static void plan_source(struct arena *arena, const struct storage *storage, const struct backend *backend, struct str uri,
                        struct str downloader, struct str volume, struct source *source) {
    *source = (struct source){.uri = uri, .fetch_uri = uri};
    if (source_in_cache(arena, uri, backend->cache_uri, &source->path)) return;
    struct str folder = hash_md5_hex(arena, uri);
    source->path = arena_join(arena, storage->mount_path, STR("/"), folder);
    source->downloader = downloader;
    plan_claim(arena, storage, volume, source);
}

/* pvc://claim/a/b: "a/b". */
static struct str cache_sub_path(struct arena *arena, struct str cache_uri) {
    if (!str_is(uri_scheme(cache_uri), "pvc")) return STR_EMPTY;
    struct str path = uri_absolute_path(arena, uri_rest(cache_uri));
    return str_from(path, 1 + uri_claim(cache_uri).len + 1);
}

void storage_plan(struct arena *arena, const struct backend *backend, struct storage *out) {
    *out = (struct storage){
        .mount_path = cache_mount_path(arena, backend->cache_uri),
        .sub_path = cache_sub_path(arena, backend->cache_uri),
        .sources = arena_array(arena, backend->lora_adapter_count + 1, sizeof *out->sources),
    };
    if (!out->sources) return;
    plan_source(arena, out, backend, backend->model_uri, STR("model-downloader"), STR("model-source"), &out->sources[out->count++]);
    for (size_t i = 0; i < backend->lora_adapter_count; i++) {
        struct str downloader = arena_printf(arena, "lora-downloader-%zu", i), volume = arena_printf(arena, "lora-source-%zu", i);
        plan_source(arena, out, backend, backend->lora_adapters[i].artifact_url, downloader, volume, &out->sources[out->count++]);
    }
}

static yyjson_mut_val *add_mount(const struct serving *serving, yyjson_mut_val *mounts, struct str path, struct str volume) {
    yyjson_mut_doc *doc = serving->build->doc;
    yyjson_mut_val *mount = yyjson_mut_arr_add_obj(doc, mounts);
    json_add_text(doc, mount, "mountPath", path);
    json_add_text(doc, mount, "name", volume);
    return mount;
}

void add_cache_mount(const struct serving *serving, yyjson_mut_val *mounts) {
    yyjson_mut_val *mount = add_mount(serving, mounts, serving->storage.mount_path, STR(CACHE_VOLUME));
    if (serving->storage.sub_path.len) json_add_text(serving->build->doc, mount, "subPath", serving->storage.sub_path);
}

static void add_downloader(const struct serving *serving, const struct source *source, yyjson_mut_val *containers) {
    const struct build *build = serving->build;
    yyjson_mut_val *container = yyjson_mut_arr_add_obj(build->doc, containers);
    yyjson_mut_val *args = yyjson_mut_obj_add_arr(build->doc, container, "args");
    add_word(build, args, STR("--source"));
    add_word(build, args, source->fetch_uri);
    add_word(build, args, STR("--output-dir"));
    add_word(build, args, source->path);
    add_env(build, serving->backend, NULL, container);
    json_add_text(build->doc, container, "image", serving->images.downloader);
    json_add_text(build->doc, container, "name", source->downloader);
    yyjson_mut_val *mounts = yyjson_mut_obj_add_arr(build->doc, container, "volumeMounts");
    add_cache_mount(serving, mounts);
    if (source->claim.len)
        yyjson_mut_obj_add_bool(build->doc, add_mount(serving, mounts, source->claim_path, source->volume), "readOnly", true);
}

void add_downloaders(const struct serving *serving, yyjson_mut_val *spec) {
    yyjson_mut_val *containers = yyjson_mut_arr(serving->build->doc);
    for (size_t i = 0; i < serving->storage.count; i++) {
        const struct source *source = &serving->storage.sources[i];
        if (source->downloader.len) add_downloader(serving, source, containers);
    }
    if (yyjson_mut_arr_size(containers)) yyjson_mut_obj_add_val(serving->build->doc, spec, "initContainers", containers);
}

static yyjson_mut_val *add_volume(const struct serving *serving, yyjson_mut_val *volumes, struct str name) {
    yyjson_mut_val *volume = yyjson_mut_arr_add_obj(serving->build->doc, volumes);
    json_add_text(serving->build->doc, volume, "name", name);
    return volume;
}

static void add_claim(const struct serving *serving, yyjson_mut_val *volume, struct str claim) {
    yyjson_mut_doc *doc = serving->build->doc;
    json_add_text(doc, yyjson_mut_obj_add_obj(doc, volume, "persistentVolumeClaim"), "claimName", claim);
}

static void add_cache_volume(const struct serving *serving, yyjson_mut_val *volumes) {
    yyjson_mut_doc *doc = serving->build->doc;
    struct str uri = serving->backend->cache_uri;
    yyjson_mut_val *volume = add_volume(serving, volumes, STR(CACHE_VOLUME));
    if (str_is(uri_scheme(uri), "pvc")) {
        add_claim(serving, volume, uri_claim(uri));
    } else if (uri_rest(uri).len) {
        yyjson_mut_val *host_path = yyjson_mut_obj_add_obj(doc, volume, "hostPath");
        json_add_text(doc, host_path, "path", serving->storage.mount_path);
        yyjson_mut_obj_add_str(doc, host_path, "type", "DirectoryOrCreate");
    } else {
        yyjson_mut_obj_add_obj(doc, volume, "emptyDir");
    }
}

void add_volumes(const struct serving *serving, yyjson_mut_val *spec) {
    yyjson_mut_val *volumes = yyjson_mut_obj_add_arr(serving->build->doc, spec, "volumes");
    add_cache_volume(serving, volumes);
    for (size_t i = 0; i < serving->storage.count; i++) {
        const struct source *source = &serving->storage.sources[i];
        if (source->claim.len) add_claim(serving, add_volume(serving, volumes, source->volume), source->claim);
    }
}
