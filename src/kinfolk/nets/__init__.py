"""Tasks that share the features of a small net, learned by gradient descent."""

from kinfolk.nets.cifar10_c import load_cifar10_c
from kinfolk.nets.classifier import SharedFeatureClassifier
from kinfolk.nets.images import CorruptedTasks, corrupt_images, load_digits_c, load_mnist5k_c, make_corrupted_tasks
from kinfolk.nets.monitor import feature_learning
from kinfolk.nets.patches import patches_to_frame
from kinfolk.nets.probe import linear_probe
from kinfolk.nets.regressor import SharedFeatureRegressor
from kinfolk.nets.shared_features import BenefitRatio, SharedFeatureTasks, benefit_ratio, make_shared_feature_tasks
from kinfolk.nets.similarity import linear_cka

__all__ = [
    "BenefitRatio",
    "CorruptedTasks",
    "SharedFeatureClassifier",
    "SharedFeatureRegressor",
    "SharedFeatureTasks",
    "benefit_ratio",
    "corrupt_images",
    "feature_learning",
    "linear_cka",
    "linear_probe",
    "load_cifar10_c",
    "load_digits_c",
    "load_mnist5k_c",
    "make_corrupted_tasks",
    "make_shared_feature_tasks",
    "patches_to_frame",
]
