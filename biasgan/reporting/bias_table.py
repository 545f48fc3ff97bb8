from collections.abc import Callable, Sequence
from typing import Any

from biasgan.reporting import paper
from biasgan.reporting.evaluations import Condition, Evaluation, Json
from biasgan.reporting.groups import Grouped
from biasgan.reporting.statistics import mean_of
from biasgan.reporting.table import Cell, Column, Row, Table, cell_of, file_name
from biasgan.reporting.tables import compared, is_number, seeds

MEASURES = {"features": "features", "lpips": "LPIPS", "fid": "FID"}
"""What triangles are measured by, and its name."""
CANDIDATES = ("original", "restored", "compressed")


def bias_table(condition: Condition, label: str, groups: Grouped) -> Table:
    """Where restored images lie between compressed and original ones, and how real the discriminator finds all three.

    Args:
        condition: The images.
        label: Of the images.
        groups: What was evaluated on them.
    """
    told = paper.differences(condition)

    def cells(members: Sequence[Evaluation], figures: Sequence[str] | None) -> list[Cell]:
        def cell(take: Callable[[Evaluation], Any], digits: int, reason: str, figure: str | None = None) -> Cell:
            values = [float(value) for member in members if is_number(value := take(member))]
            mean = mean_of(values) if values else None
            note = seeds(mean) if mean else reason
            return cell_of(
                mean,
                note,
                digits=digits,
                has_sign=digits == 1,
                paper=figure,
                comparable=not told and figure is not None,
            )

        return [
            *(
                cell(
                    lambda m, n=name: m.triangles[n].deviation if n in m.triangles else None,
                    1,
                    f"no triangle by {text}",
                )
                for name, text in MEASURES.items()
            ),
            *(
                cell(lambda m, n=name: part(m.content, "disparity", n, "slope"), 2, f"no disparity of {name}")
                for name in ("pixels", "features")
            ),
            *(
                cell(
                    lambda m, n=name: part(m.content, "realism", n), 2, NO_REALISM, figures[number] if figures else None
                )
                for number, name in enumerate(CANDIDATES)
            ),
        ]

    rows = [
        Row(group.label, cells(members, paper.REALISM.get(group.subject) if group.subject else None))
        for group, members in groups.items()
    ]
    return Table(
        file_name("bias", label),
        f"Bias: {label}",
        ["method"],
        [
            *(Column(f"deviation by {text}", "%", None, DEVIATION) for text in MEASURES.values()),
            *(Column(f"disparity of {name}", "", None, DISPARITY) for name in ("pixels", "features")),
            *(Column(f"realism of {name}", "", None, REALISM) for name in CANDIDATES),
        ],
        rows,
        [
            f"{DEVIATION} {DISPARITY} {REALISM}",
            compared("Tab. 1 and 2", told),
        ],
    )


NO_REALISM = "no discriminator was there to judge"
DEVIATION = "Deviation (eq. 1): \N{MINUS SIGN}100 % is as the compressed image, 0 midway, +100 % as the original."
DISPARITY = "Disparity: slope of the restored over the original distance from the compressed; 1 is without bias."
REALISM = "Realism: what the run's own discriminator gives, from 0 to 1."


def part(content: Json, *names: str) -> Any:  # noqa: ANN401
    """What stands at a place within an evaluation, None if there is nothing."""
    value: Any = content
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - of JSON
    return value  # pyright: ignore[reportUnknownVariableType] - of JSON
