"""What the measurements of predicted errors say of each claim: the judges of all parts."""

from functools import partial

from kinfolk.reproduce import chosen_penalties_judgement, gaussian_tasks_judgement, other_features_judgement
from kinfolk.reproduce.claims import judge_by

_PARTS = (gaussian_tasks_judgement, other_features_judgement, chosen_penalties_judgement)

judge = partial(judge_by, {name: judged for part in _PARTS for name, judged in part.JUDGES.items()})
