"""Tasks that share the features of a small net, learned by gradient descent."""

from kinfolk.nets.classifier import SharedFeatureClassifier
from kinfolk.nets.monitor import feature_learning
from kinfolk.nets.patches import patches_to_frame
from kinfolk.nets.shared_features import BenefitRatio, SharedFeatureTasks, benefit_ratio, make_shared_feature_tasks

__all__ = [
    "BenefitRatio",
    "SharedFeatureClassifier",
    "SharedFeatureTasks",
    "benefit_ratio",
    "feature_learning",
    "make_shared_feature_tasks",
    "patches_to_frame",
]
