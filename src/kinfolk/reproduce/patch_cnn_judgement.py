"""What the measurements of `kinfolk.reproduce.patch_cnn` say of each claim: the judges of both parts."""

from functools import partial

from kinfolk.reproduce import patch_cnn_features_judgement, patch_cnn_images_judgement
from kinfolk.reproduce.claims import judge_by

_PARTS = (patch_cnn_features_judgement, patch_cnn_images_judgement)

judge = partial(judge_by, {name: judged for part in _PARTS for name, judged in part.JUDGES.items()})
