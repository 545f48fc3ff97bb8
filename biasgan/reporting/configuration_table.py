from biasgan.reporting.configuration import differing, shown
from biasgan.reporting.groups import Group, Grouped
from biasgan.reporting.table import Row, Table

MOST = 40
"""Characters of a value that are shown."""


def configuration_table(groups: Grouped) -> Table | None:
    """In what trainings differ that are of one baseline and method; None where none are.

    Labels name the first differences alone where there are many.
    """
    rows: list[Row] = []
    for group in groups:
        others = [other for other in groups if name_of(other) == name_of(group)]
        names = differing(dict(group.traits), [dict(other.traits) for other in others])
        if names:
            rows.append(Row(group.label, [], [", ".join(word for name in names if (word := said(name, group)))]))
    if not rows:
        return None
    notes = ["Numbers are averaged over trainings that differ in nothing but their seed."]
    return Table("configurations", "In what trainings of one method differ", ["method", "of it alone"], [], rows, notes)


def said(name: str, group: Group) -> str:
    """A trait of a group in words."""
    value = dict(group.traits).get(name)
    return shown(name, value if value is None or len(value) <= MOST else f"{value[:MOST]}…")


def name_of(group: Group) -> object:
    """What groups have in common that are compared: the method, or else what labels begin with."""
    return group.subject or group.label.partition(" (")[0]
