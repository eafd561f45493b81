"""Numbers as operators read them: ages and sizes in words."""

from __future__ import annotations


def age(seconds: float) -> str:
    """Return an age in its two largest units, such as `2 d 3 h`."""
    rest = max(0, int(seconds))
    said: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        number, rest = divmod(rest, length)
        if number or said:
            said.append(f"{number} {unit}")
    return " ".join(said[:2]) or "0 s"


def size(number: float) -> str:
    """Return a number of bytes, such as `1.5 MB`; a kB has 1,024, as PostgreSQL counts."""
    rest, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if rest < 1024:
            break
        rest, unit = rest / 1024, larger
    return f"{rest:,.0f} {unit}" if rest >= 10 or unit == "B" else f"{rest:.1f} {unit}"
