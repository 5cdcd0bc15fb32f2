#!/usr/bin/env python3
"""The layer check: who may include whom, and that the pure layers are pure.

    check.py SOURCE_ROOT [BUILD_ROOT]

Prints one line a breach, `file:line: what, and what to do`, and ends with `N passed, N failed`, counted in checks. Warnings
(long files) fail nothing. BUILD_ROOT holds plain (unsanitized) objects; without it only sources are looked at.

Objects of the pure layers may refer to each other downwards and to what ALLOWED_SYMBOLS lists, nothing else: a function that
is not listed may do I/O, read a clock, the environment or random numbers, or take a lock, until somebody has looked. They hold no
mutable global data either.
"""
import pathlib
import re
import subprocess
import sys

# layer -> the layers it may use, beside itself.
BELOW = {
    "base": [],
    "data": ["base"],
    "booster": ["base", "data"],
    "kube": ["base", "data"],
    "cel": ["base", "data"],
    "schema": ["base", "data", "cel"],
    "io": ["base", "data"],
    "storage": ["base", "data", "io"],
    "observe": ["base", "data", "io"],
    "controller": ["base", "data", "booster", "kube", "io", "observe"],
    "admission": ["base", "data", "booster", "kube", "io"],
    "apiserver": ["base", "data", "cel", "schema", "kube", "io", "storage"],
    "standalone": ["base", "data", "booster", "kube", "io", "cel", "schema", "storage", "observe", "controller", "apiserver"],
    "cli": ["base", "data", "booster", "kube", "io", "observe", "controller", "admission", "apiserver", "standalone"],
}
PURE = ["base", "data", "booster", "kube", "cel", "schema"]

# Undefined symbols that a pure object may have: each reads its arguments and memory of the process, nothing else.
ALLOWED_SYMBOLS = set("""
    malloc calloc realloc free reallocarray
    memcpy memmove memset memcmp memchr memrchr memmem explicit_bzero
    strlen strnlen strcmp strncmp strchr strrchr strstr strspn strcspn strpbrk stpcpy strcasecmp strncasecmp
    strtod strtof strtol strtoll strtoul strtoull
    snprintf vsnprintf qsort bsearch
    __snprintf_chk __vsnprintf_chk __memcpy_chk __memmove_chk __memset_chk __strcpy_chk __explicit_bzero_chk
    __ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc
    __isoc23_strtol __isoc23_strtoll __isoc23_strtoul __isoc23_strtoull
    floor ceil trunc round fmod fabs pow ldexp frexp modf isnan isinf signbit log2 log10 lround llround
    __divti3 __modti3 __divmodti4 __udivti3 __umodti3 __udivmodti4 __multi3 __muloti4
    __errno_location __stack_chk_fail __assert_fail abort
    _GLOBAL_OFFSET_TABLE_ __tls_get_addr
    EVP_MD_CTX_new EVP_MD_CTX_free EVP_DigestInit_ex EVP_DigestUpdate EVP_DigestFinal_ex EVP_md5 EVP_sha256 EVP_Digest
    EVP_DecodeBlock EVP_EncodeBlock EVP_ENCODE_CTX_new EVP_ENCODE_CTX_free EVP_DecodeInit EVP_DecodeUpdate EVP_DecodeFinal
""".split())
ALLOWED_PREFIXES = ("yyjson_", "unsafe_yyjson_", "yaml_", "XXH3_", "XXH64", "pcre2_")
# Of the libraries above, what opens files or writes to streams.
IMPURE_LIBRARY_CALL = re.compile(r"_(file|fp|input_file|output_file)$")
# Where a pure object's data may lie; anything else can change while the program runs.
CONSTANT_SECTION = re.compile(r"^\.(text|rodata|data\.rel\.ro|eh_frame|note|comment|debug)")

BANNED_CALLS = {
    "strcpy": "use a str view or strbuf_append", "strcat": "use strbuf_append", "sprintf": "use strbuf_printf or snprintf",
    "vsprintf": "use vsnprintf", "gets": "use a bounded read", "strtok": "use str_find", "atoi": "use number_parse_int64",
    "atol": "use number_parse_int64", "atof": "use strtod and look at its end", "alloca": "use the arena",
    "rand": "take a struct number_random", "setjmp": "return an error", "longjmp": "return an error",
}
BANNED_NAMES = {"util", "utils", "common", "misc", "helper", "helpers", "manager"}
LONG_FILE_LINES = 600
LINE_COLUMNS = 140

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
CALL = re.compile(r"\b(" + "|".join(BANNED_CALLS) + r")\s*\(")
NOT_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def sources(root, folder):
    return sorted(path for path in (root / folder).rglob("*") if path.suffix in (".c", ".h"))


def layer_of(root, path):
    return path.relative_to(root / "src").parts[0]


def check_folders(root):
    """Each folder of src is a layer, and says in its README what lives there."""
    for folder in sorted(path for path in (root / "src").iterdir() if path.is_dir()):
        if folder.name not in BELOW:
            yield f"src/{folder.name}: no layer of that name; put it into a layer, or give it a row in tests/layers/check.py"
        elif any(folder.glob("*.c")) and not (folder / "README.md").exists():
            yield f"src/{folder.name}: no README.md; say in ten lines what lives here and who may enter"


def check_includes(root):
    for path in sources(root, "src"):
        layer = layer_of(root, path)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            where, target = f"{path.relative_to(root)}:{number}", match.group(1)
            used = target.split("/")[0]
            if not (root / "src" / target).exists():
                yield f'{where}: "{target}" is no path from src/; write "layer/file.h", and <...> for others\' headers'
            elif used != layer and used not in BELOW.get(layer, []):
                yield f'{where}: {layer} must not include "{target}"; it may use {", ".join(BELOW.get(layer, [])) or "no other layer"}'


def check_calls(root):
    for path in sources(root, "src") + sources(root, "tests"):
        code = NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), path.read_text())
        for number, line in enumerate(code.splitlines(), 1):
            for name in CALL.findall(line):
                yield f"{path.relative_to(root)}:{number}: {name} is banned; {BANNED_CALLS[name]}"


def check_widths(root):
    for path in sources(root, "src"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if len(line) > LINE_COLUMNS:
                yield f"{path.relative_to(root)}:{number}: {len(line)} columns; break it ({LINE_COLUMNS} at most, as in .clang-format)"


def check_names(root):
    for path in sorted((root / "src").rglob("*")):
        if BANNED_NAMES & set(re.split(r"[_.-]", path.name)):
            yield f"{path.relative_to(root)}: a name that says nothing; name it after what it holds"


def warn_long_files(root):
    for path in sources(root, "src") + sources(root, "tests"):
        lines = path.read_text().count("\n")
        if lines > LONG_FILE_LINES:
            yield f"{path.relative_to(root)}: {lines} lines; more than one idea?"


def objects(build, layer):
    """The members of the layer's library; objects of removed sources may still lie beside them."""
    found = []
    for library in sorted((build / "src" / layer).glob("lib*.a")):
        members = subprocess.run(["ar", "t", library], check=True, capture_output=True, text=True).stdout.split("\n")
        names = {member.rsplit("/", 1)[-1] for member in members}
        found += [path for path in sorted(library.with_name(library.name + ".p").rglob("*.o")) if path.name in names]
    return found


def symbols(path):
    """(name, is_defined, section, kind) of each symbol, as nm's sysv format has them."""
    listing = subprocess.run(["nm", "--format=sysv", path], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        columns = [column.strip() for column in line.split("|")]
        if len(columns) == 7 and columns[0] != "Name":
            yield columns[0], columns[6] != "*UND*", columns[6], columns[3]


def is_allowed(name):
    if IMPURE_LIBRARY_CALL.search(name):
        return False
    return name in ALLOWED_SYMBOLS or name.startswith(ALLOWED_PREFIXES)


def check_symbols(objects_by_layer):
    """`objects_by_layer`: layer -> object files, of the pure layers."""
    tables = {path: list(symbols(path)) for paths in objects_by_layer.values() for path in paths}
    home = {}  # symbol -> layer that defines it
    for layer, paths in objects_by_layer.items():
        for path in paths:
            home.update({name: layer for name, is_defined, _, _ in tables[path] if is_defined})
    for layer, paths in objects_by_layer.items():
        if not paths:
            yield f"{layer}: no objects; build it first"
        for path in paths:
            for name, is_defined, section, kind in tables[path]:
                if is_defined:
                    continue
                if name in home:
                    if home[name] != layer and home[name] not in BELOW[layer]:
                        yield f"{layer}: {path.name} uses {name} of {home[name]}"
                elif not is_allowed(name):
                    yield (f"{layer}: {path.name} uses {name}; a pure layer takes time, settings and randomness as values "
                           "(a pure function may be added to ALLOWED_SYMBOLS)")


def check_data(objects_by_layer):
    for layer, paths in objects_by_layer.items():
        for path in paths:
            for name, is_defined, section, kind in symbols(path):
                if is_defined and kind in ("OBJECT", "TLS") and not CONSTANT_SECTION.match(section):
                    yield f"{layer}: {path.name} holds {name} in {section}: global data that can change; make it const or a value"


def has_sources(root, layer):
    return any((root / "src" / layer).glob("*.c"))


def run(root, build):
    checks = [("folders", check_folders(root)), ("includes", check_includes(root)), ("banned calls", check_calls(root)),
              ("file names", check_names(root)), ("line widths", check_widths(root))]
    if build:
        pure = {layer: objects(build, layer) for layer in PURE if has_sources(root, layer)}
        checks += [("symbols", check_symbols(pure)), ("global data", check_data(pure))]
    else:
        print("skipped: symbols and global data (no build folder given)")
    passed = failed = 0
    for name, breaches in checks:
        breaches = list(breaches)
        for breach in breaches:
            print(f"{name}: {breach}")
        passed, failed = passed + (not breaches), failed + bool(breaches)
    for warning in warn_long_files(root):
        print(f"warning: {warning}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(run(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) == 3 else None))
