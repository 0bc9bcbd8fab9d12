"""What the measurements of task graphs say of each claim: the judges of all parts."""

from functools import partial

from kinfolk.reproduce import laplacian_error_judgement, stream_failures_judgement, streams_judgement
from kinfolk.reproduce.claims import judge_by

_PARTS = (laplacian_error_judgement, streams_judgement, stream_failures_judgement)

judge = partial(judge_by, {name: judged for part in _PARTS for name, judged in part.JUDGES.items()})
