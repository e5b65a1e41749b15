"""Adds the plugin to mypy's configuration: every other byte of the file stays as it is.

What comes out is read again, by the parser that mypy uses. It must say what the file said before,
and the plugin; else the file is left alone, and its owner is told what to write.
"""

from __future__ import annotations

import configparser
import copy
import re
import sys
from typing import TYPE_CHECKING, Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError

from mypy_asyncsession.adoption.edit import Edit, NotUnderstood, newline, read, shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The name by which mypy loads the plugin.
PLUGIN: Final = "mypy_asyncsession.plugin"

_NAME: Final = re.compile(r"[^\s,#;\"']+")


def with_plugin(path: Path) -> Edit:
    """The edit that makes mypy load the plugin; it changes nothing if mypy does so already.

    Args:
        path: mypy's configuration file: TOML or an ini file. It need not be there yet.

    Raises:
        NotUnderstood: It is not clear how to edit it.
    """
    before = read(path) if path.exists() else None
    try:
        after = _edited(before or "", is_toml=path.suffix == ".toml")
    except (ValueError, LookupError, TypeError, AttributeError, TOMLKitError, configparser.Error):
        raise NotUnderstood(
            f"{shown(path)}: its plugins are written in a way that is not understood here: "
            f'add "{PLUGIN}" to the plugins of mypy by hand'
        ) from None
    return Edit(path, before, after)


def _edited(text: str, *, is_toml: bool) -> str:
    """*text* with the plugin.

    Raises:
        ValueError: The result does not say what was meant; others, if *text* is odd.
    """
    edited = (_in_toml if is_toml else _in_ini)(text)
    parse = tomllib.loads if is_toml else _sections
    expected: dict[str, Any] = parse(text)
    found: dict[str, Any] = parse(edited)
    own = (expected.setdefault("tool", {}) if is_toml else expected).setdefault("mypy", {})
    own["plugins"] = plugins(own) if loads_plugin(own) else [*plugins(own), PLUGIN]
    own = (found["tool"] if is_toml else found)["mypy"]
    own["plugins"] = plugins(own)
    if found != expected:
        raise ValueError("not what was meant")
    return edited


def plugins(section: dict[str, Any]) -> list[str]:
    """The plugins that mypy's own section names.

    Raises:
        ValueError: They are no list of names.
    """
    value = section.get("plugins", [])
    names = value.split(",") if isinstance(value, str) else copy.copy(value)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("no list of names")
    names = [name.strip() for name in names if name.strip()]
    if not all(map(_NAME.fullmatch, names)):
        raise ValueError("no list of names")
    return names


def loads_plugin(section: dict[str, Any]) -> bool:
    """Whether mypy's own section names the plugin."""
    return any(name.partition(":")[0] == PLUGIN for name in plugins(section))


def _in_toml(text: str) -> str:
    document = tomlkit.parse(text)
    tool = document.get("tool", {})
    section = tool.get("mypy", {})
    if loads_plugin(tomllib.loads(text).get("tool", {}).get("mypy", {})):
        return text
    present = section.get("plugins")
    if isinstance(present, str):
        section["plugins"] = ", ".join([*plugins({"plugins": str(present)}), PLUGIN])
        return tomlkit.dumps(document)
    if present is not None:
        present.append(PLUGIN)
        return tomlkit.dumps(document)
    if re.search(r"^[ \t]*\[tool\.mypy\]", text, re.MULTILINE):
        return _after_header(text, r"\[tool\.mypy\]", f'plugins = ["{PLUGIN}"]')
    end = newline(text)
    gap = "" if not text.strip() else end if text.endswith(end) else end * 2
    return f'{text}{gap}[tool.mypy]{end}plugins = ["{PLUGIN}"]{end}'


def _in_ini(text: str) -> str:
    sections = _sections(text)
    if loads_plugin(sections.get("mypy", {})):
        return text
    end = newline(text)
    if "mypy" not in sections:
        gap = "" if not text.strip() else end if text.endswith(end) else end * 2
        return f"{text}{gap}[mypy]{end}plugins = {PLUGIN}{end}"
    if "plugins" not in sections["mypy"]:
        return _after_header(text, r"\[mypy\]", f"plugins = {PLUGIN}")
    lines = text.split("\n")
    first, last = _option(lines)
    line = lines[last].rstrip()
    if not plugins(sections["mypy"]):
        lines[first] = (
            f"{lines[first].rstrip()} {PLUGIN}" + lines[first][len(lines[first].rstrip()) :]
        )
        return "\n".join(lines)
    ending = lines[last][len(line) :]
    if first == last:
        lines[last] = f"{line.rstrip(',')}, {PLUGIN}{ending}"
    else:
        indent = line[: len(line) - len(line.lstrip())]
        comma = "" if line.endswith(",") else ","
        lines[last] = f"{line}{comma}{ending}"
        lines.insert(last + 1, f"{indent}{PLUGIN}" + ("\r" if end == "\r\n" else ""))
    return "\n".join(lines)


def _option(lines: list[str]) -> tuple[int, int]:
    """The first and the last line of the plugins of mypy's own section."""
    inside = False
    found: list[int] = []
    for number, line in enumerate(lines):
        stripped = line.strip()
        if found and line[:1].isspace() and stripped:
            if not stripped.startswith(("#", ";")):
                found.append(number)
        elif found and stripped and not stripped.startswith(("#", ";")):
            break
        elif stripped.startswith("["):
            inside = stripped == "[mypy]"
        elif inside and re.match(r"plugins\s*[=:]", stripped, re.IGNORECASE):
            found.append(number)
    return found[0], found[-1]


def _after_header(text: str, header: str, line: str) -> str:
    """*text* with a line below a section's header."""
    end = newline(text)
    return re.sub(
        rf"^([ \t]*{header}[^\n]*?)(\r?\n|\r?\Z)",
        lambda match: f"{match[1]}{end}{line}{end}",
        text,
        count=1,
        flags=re.MULTILINE,
    )


def _sections(text: str) -> dict[str, dict[str, Any]]:
    """An ini file as mypy reads it."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {name: dict(parser.items(name)) for name in parser.sections()}


def stray_codes(sections: dict[str, Any], codes: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The sections that name codes of ours, and the first such code of each.

    Without the plugin mypy stops at them, for modules even with an internal error.
    """
    for name, section in sections.items():
        for key in ("enable_error_code", "disable_error_code"):
            value = section.get(key, []) if isinstance(section, dict) else []
            named = value.split(",") if isinstance(value, str) else value
            for code in named if isinstance(named, list) else []:
                if isinstance(code, str) and code.strip() in codes:
                    yield name, code.strip()
                    break
