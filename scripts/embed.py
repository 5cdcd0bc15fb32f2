#!/usr/bin/env python3
"""Makes a C source of files: embed.py OUT.c HEADER NAME FILE... defines what HEADER declares: `const struct str NAME[]`, in the order
given, and `const size_t NAME_count`."""
import pathlib
import sys


def c_string(line):
    plain = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("?", "\\?")
    return f'"{plain}\\n"'


def main():
    out, header, symbol, *files = sys.argv[1:]
    lines = [f'#include "{header}"', "", f"const struct str {symbol}[] = {{"]
    for name in files:
        text = pathlib.Path(name).read_text(encoding="utf-8")
        if not text.endswith("\n"):
            sys.exit(f"{name}: the last line has no end")
        lines += ["    {"] + ["        " + c_string(line) for line in text.splitlines()]
        lines += [f"        , {len(text.encode())}", "    },"]
    lines += ["};", f"const size_t {symbol}_count = {len(files)};", ""]
    pathlib.Path(out).write_text("\n".join(lines), encoding="utf-8")


main()
