"""The rows of finished trials, by the cases of an experiment."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tools.paper.experiments import Case, Experiment
from tools.paper.running import Row
from tools.paper.scales import Scale


@dataclass(frozen=True)
class Result:
    """A case with the rows of its finished trials."""

    case: Case
    rows: tuple[Row, ...]

    @property
    def clip(self) -> str:
        """The clip's name."""
        return self.rows[0].clip

    def mean(self, name: str) -> float:
        """Mean of a column over the seeds."""
        return statistics.fmean(getattr(row, name) for row in self.rows)

    def deviation(self, name: str) -> float:
        """Standard deviation of a column over the seeds; 0 for one."""
        return statistics.stdev(getattr(row, name) for row in self.rows) if len(self.rows) > 1 else 0.0


def results_of(experiment: Experiment, scale: Scale, rows: Mapping[str, Row]) -> list[Result]:
    """The cases of an experiment of which there is a row, in their order."""
    results = []
    for case in experiment.cases(scale):
        found = tuple(rows[trial.key] for trial in case.trials if trial.key in rows)
        if found:
            results.append(Result(case, found))
    return results


def by_series(results: Iterable[Result]) -> dict[str, list[Result]]:
    """Results by the line that they are drawn on."""
    series: dict[str, list[Result]] = {}
    for result in results:
        series.setdefault(result.case.series, []).append(result)
    return series
